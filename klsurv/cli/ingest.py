"""`klsurv ingest`."""

from __future__ import annotations

import os
from pathlib import Path

import rich_click as click

from klsurv.cli.running import progress_bar, warn
from klsurv.names import clean


@click.command("ingest")
@click.argument("runs", type=click.Path(path_type=Path))
@click.argument("store", type=click.Path(path_type=Path))
@click.option("--prune", is_flag=True, help="Remove cells from the store that are no longer in RUNS.")
@click.option(
    "--workers",
    type=click.IntRange(1, 1024),
    default=os.cpu_count() or 1,
    show_default="one per processor",
    help="Processes that read cells.",
)
def command(runs: Path, store: Path, prune: bool, workers: int) -> None:
    """Bring STORE, a parquet dataset with one file per cell, up to date with RUNS, a run root.

    Only cells whose files changed are read. A cell that is being written or broken keeps its last good data. Any
    command takes STORE in place of RUNS.
    """
    from klsurv.store.ingest import ingest

    with progress_bar("reading cells") as progress:
        report = ingest(runs, store, prune=prune, workers=workers, progress=progress)
    for what, cells in (("is in flight", report.in_flight), ("is broken", report.broken)):
        for cell, reason in cells.items():
            warn(f"{cell} {what}: {reason}")
    for cell in report.vanished:
        warn(f"{cell} is in the store and no longer in {clean(str(runs))}: kept, --prune removes it")
    click.echo(f"{clean(str(store))}: {report}", err=True)
