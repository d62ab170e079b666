"""`klsurv convert`. In: run cells, or a long table. Out: the other, on disk."""

from __future__ import annotations

import os
from pathlib import Path

import rich_click as click

from klsurv.cli.running import progress_bar, warn, writable
from klsurv.cli.values import DiskType
from klsurv.names import clean


@click.command("convert")
@click.argument("source", type=DiskType())
@click.argument("target", type=DiskType())
@click.option("--force", is_flag=True, help="Replace the cells, or the file, that are there already.")
@click.option("--strict", is_flag=True, help="Fail where a cell would be left out.")
def command(source: Path, target: Path, force: bool, strict: bool) -> None:
    """Make run cells of a parquet file in the layout long, or such a file of run cells.

    SOURCE is the parquet file, and TARGET the directory for its cells; or SOURCE is a run root or one run cell, and
    TARGET the .parquet file. What klsurv reads is the same in both. Files beside the trajectories, and columns that
    are not klsurv's, are left behind with a warning; what does not fit is refused.
    """
    if os.path.isdir(source):
        writable([target], (".parquet",))
    from klsurv.produce.convert import convert

    with progress_bar("converting cells") as progress:
        done = convert(source, target, force=force, strict=strict, progress=progress, tell=warn)
    click.echo(f"{done.cells} cells, {done.trajectories} trajectories in {clean(str(target))}", err=True)
