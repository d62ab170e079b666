"""`klsurv check`. In: RUNS. Out: the table `check`, and 1 where a cell is broken."""

from __future__ import annotations

from typing import Any

import rich_click as click
from click.exceptions import Exit

from klsurv.cli.options import format_option, runs_options
from klsurv.cli.running import opened
from klsurv.ingest.remote import Place


@click.command("check")
@runs_options
@format_option
def command(runs: Place, format: Any, **options: Any) -> None:
    """Every cell: ok, partial, skipped or broken, and why.

    Exits with 1 if any cell is broken, or with --strict if any is not ok.
    """
    # All cells are shown before any of them is refused.
    with opened(runs, {**options, "strict": False}, quiet=True) as read:
        table = read.check()
    from klsurv.ingest.sound import check_ok
    from klsurv.output.show import show

    try:
        show(table, format=format)
    finally:
        # Also where the reader of the table is gone, as in `klsurv check RUNS | head -1`.
        if options["strict"]:
            check_ok(table)
        if "broken" in table.get_column("status"):
            raise Exit(1)
