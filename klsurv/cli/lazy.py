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
