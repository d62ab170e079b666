"""`klsurv export`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import rich_click as click

from klsurv.cli.options import opened, runs_options, scoring_of, scoring_options, writable
from klsurv.names import clean
from klsurv.output.files import TABLES
from klsurv.params import groups

NESTED = ("cells", "trajectories")
NAMES = ("cells", "trajectories", "long", "scored", "summary")


@click.command("export")
@runs_options
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--table", "name", type=click.Choice(NAMES), default="scored", show_default=True, help="Which table.")
@click.option("--by", default="alpha", show_default=True, metavar="COLUMN,…", help="Groups of the table summary.")
@scoring_options
def command(runs: Path, file: Path, name: str, by: str, **options: Any) -> None:
    """Write one table to FILE: .parquet, .arrow, .feather, .csv or .ndjson.

    Parquet and arrow files carry each column's unit and meaning, and parquet can be given as RUNS again.
    """
    names, scoring = groups(by), scoring_of(options)
    writable([file], TABLES)
    if file.suffix.lower() == ".csv" and name in NESTED:
        raise click.UsageError(f"csv cannot hold the lists of the table {name}: choose parquet, arrow or ndjson")
    with opened(runs, options) as read:
        from klsurv.exports import export

        rows = export(read, file, name=name, by=names, **scoring)
    click.echo(f"{rows} rows of {name} in {clean(str(file))}", err=True)
