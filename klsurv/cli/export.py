"""`klsurv export`. In: RUNS and the name of a table. Out: its file, or a directory of files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import rich_click as click

from klsurv.cli.chosen import scoring_of
from klsurv.cli.options import runs_options, scoring_options
from klsurv.cli.running import opened, reading, writable
from klsurv.cli.values import Columns
from klsurv.ingest.remote import Place
from klsurv.names import clean
from klsurv.output.files import TABLE_SUFFIXES
from klsurv.params import GROUPS, groups
from klsurv.schema import BY_CELL, GROUPED, TABLES

# What only their commands show.
NOT_EXPORTED = ("check", "story", "changes")
EXPORTED = [name for name in TABLES if name not in NOT_EXPORTED]


@click.command("export")
@runs_options
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--table",
    "name",
    type=click.Choice(EXPORTED),
    metavar="NAME",
    default="scored",
    show_default=True,
    help=f"Which table: {', '.join(EXPORTED)}.",
)
@click.option(
    "--by", type=Columns(), metavar="COLUMN,…", help="Groups, of a table that has them; default: as its command has."
)
@click.option(
    "--partition-by",
    type=Columns(),
    metavar="COLUMN,…",
    help=f"Make FILE a directory of parquet files, in folders by these columns: {', '.join(GROUPS)}.",
)
@scoring_options
def command(runs: Place, file: Path, name: str, by: str | None, partition_by: str | None, **options: Any) -> None:
    """Write one table to FILE: .parquet, .arrow, .feather, .csv or .ndjson.

    Parquet and arrow files carry each column's unit and meaning; parquet of trajectories, long or scored can be given
    as RUNS again, in one file.
    """
    if by is not None and name not in (*GROUPED, "compare"):
        raise click.UsageError(f"the table {name} has no groups: --by is for summaries and statistics")
    names = None if by is None else groups(by, none=True)
    scoring = scoring_of(options)
    parts = () if partition_by is None else groups(partition_by, name="partition-by")
    if parts and name not in BY_CELL:
        raise click.UsageError(f"the table {name} is written as one file: --partition-by is for {', '.join(BY_CELL)}")
    if parts and file.suffix:
        raise click.UsageError(f"{clean(str(file))}: with --partition-by name a new directory, without a suffix")
    if not parts:
        writable([file], TABLE_SUFFIXES)
    if file.suffix.lower() == ".csv" and TABLES[name].nested:
        raise click.UsageError(f"csv cannot hold the lists of the table {name}: choose parquet, arrow or ndjson")
    with opened(runs, options) as read:
        from klsurv.exports import export

        rows = export(read, file, name=name, by=names, partition_by=parts, reading=reading(options), **scoring)
    click.echo(f"{rows} rows of {name} in {clean(str(file))}", err=True)
