"""`klsurv export`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import rich_click as click

from klsurv.cli.options import opened, runs_options, scoring_of, scoring_options, writable
from klsurv.params import groups

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
    from klsurv.exports import declared, export
    from klsurv.output.tables import SUFFIXES, check_table

    names, scoring = groups(by), scoring_of(options)
    writable([file], SUFFIXES)
    check_table(file, declared(name, names))
    with opened(runs, options) as read:
        rows = export(read, file, name=name, by=names, **scoring)
    click.echo(f"{rows} rows of {name} in {file}", err=True)
