"""Groups that load a command when it is called. In: a package and names. Out: click commands."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import rich_click as click


class LazyGroup(click.RichGroup):
    """A group whose commands are modules of the same name, so that --help loads none of the libraries they use."""

    def __init__(self, *args: Any, package: str = "", commands_in: tuple[str, ...] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._package, self._names = package, commands_in

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The commands in the order in which one meets them."""
        return list(self._names)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of a name, None where there is none."""
        if cmd_name not in self._names:
            return None
        command: click.Command = import_module(f"{self._package}.{cmd_name}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that is called; where there is none, the error names the one that is spelled most like it."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError:
            from difflib import get_close_matches

            near = get_close_matches(args[0], self._names, n=1)
            instead = f"Did you mean {near[0]}?" if near else f"There are {', '.join(self._names)}."
            raise click.UsageError(f"No such command {args[0]!r}. {instead}", ctx) from None
