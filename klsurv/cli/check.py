"""`klsurv check`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import rich_click as click

from klsurv.cli.options import format_option, opened, runs_options


@click.command("check")
@runs_options
@format_option
@click.pass_context
def command(ctx: click.Context, runs: Path, format: Any, **options: Any) -> None:
    """Every cell: ok, partial, skipped or broken, and why.

    Exits with 1 if any cell is broken, or with --strict if any is not ok.
    """
    with opened(runs, options, quiet=True) as read:
        table = read.check()
    from klsurv.output.show import show

    show(table, format=format)
    if "broken" in table.get_column("status"):
        ctx.exit(1)
