"""`klsurv completion`. In: the name of a shell. Out: the script that lets its Tab key complete."""

from __future__ import annotations

from typing import Literal

import rich_click as click
from click.shell_completion import get_completion_class


@click.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def command(ctx: click.Context, shell: Literal["bash", "zsh", "fish"]) -> None:
    """Print what lets the Tab key complete commands, options, columns, cells and files.

    For this session: eval "$(klsurv completion bash)", the same with zsh, or klsurv completion fish | source.
    For each session put that line into ~/.bashrc, ~/.zshrc after compinit, or ~/.config/fish/config.fish.
    """
    script = get_completion_class(shell)(ctx.find_root().command, {}, "klsurv", "_KLSURV_COMPLETE").source()
    # In fish, click would cut method,alpha at its comma.
    click.echo(script.replace('string split ","', 'string split --max 1 ","'), nl=False)
