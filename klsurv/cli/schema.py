"""`klsurv schema`. In: the name of a table, or none. Out: what each column means."""

from __future__ import annotations

from typing import Any

import rich_click as click

from klsurv.cli.options import format_option
from klsurv.schema import TABLES

# Commands whose tables have other names than they.
COMMANDS = {"precursor": ["study", "hazard", "landmark"], "inspect": ["story"], "watch": ["changes"]}


@click.command("schema", epilog=f"TABLE: {', '.join(TABLES)}.")
@click.argument("table", type=click.Choice([*TABLES, *COMMANDS]), metavar="[TABLE]", required=False)
@format_option
def command(table: str | None, format: Any) -> None:
    """What each column means: of one TABLE, of those of a command, or of all."""
    from klsurv.output.rows import show_texts
    from klsurv.schema.describe import describe

    show_texts(describe(COMMANDS.get(table, [table]) if table else list(TABLES)), format=format, keys=2)
