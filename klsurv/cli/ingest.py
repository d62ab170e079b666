"""`klsurv ingest`. In: RUNS. Out: a store that is up to date with them, and a warning per cell that is not."""

from __future__ import annotations

import os
from contextlib import nullcontext
from pathlib import Path

import rich_click as click

from klsurv.cli.running import progress_bar, warn
from klsurv.cli.values import PlaceType
from klsurv.errors import NothingUsableError
from klsurv.names import clean

# Of each kind of warning; the rest are counted.
_MOST = 5


@click.command("ingest")
@click.argument("runs", type=PlaceType())
@click.argument("store", type=PlaceType())
@click.option("--prune", is_flag=True, help="Remove cells from the store that are no longer in RUNS.")
@click.option(
    "--workers", type=click.IntRange(1, 1024), show_default="one per processor", help="Processes that read cells."
)
@click.option(
    "--scheduler",
    metavar="ADDRESS",
    help="Read cells on the Dask cluster whose scheduler is at tcp://host:8786, or tls://…; needs klsurv[dask].",
)
@click.option(
    "--scheduler-file",
    type=click.Path(path_type=Path),
    help="The same; the file that `dask scheduler` wrote says where.",
)
def command(
    runs: Path, store: Path, prune: bool, workers: int | None, scheduler: str | None, scheduler_file: Path | None
) -> None:
    """Bring STORE, a parquet dataset with one file per cell, up to date with RUNS, a run root.

    Only cells whose files changed are read. A cell that is being written or broken keeps its last good data; one that
    is gone is kept, unless with --prune. One of the same name in another place replaces it, which is told. Any command
    takes STORE in place of RUNS.
    """
    if sum(option is not None for option in (workers, scheduler, scheduler_file)) > 1:
        raise click.UsageError("--workers, --scheduler and --scheduler-file exclude each other")
    from klsurv.cluster import cluster
    from klsurv.store.ingest import ingest

    local = scheduler is None and scheduler_file is None
    hands = nullcontext() if local else cluster(address=scheduler, file=scheduler_file)
    with hands as executor, progress_bar("reading cells") as progress:
        report = ingest(
            runs, store, prune=prune, workers=workers or os.cpu_count() or 1, executor=executor, progress=progress
        )
    told = [f"{cell} is in flight: {reason}" for cell, reason in report.in_flight.items()]
    told += [f"{cell} is broken: {reason}" for cell, reason in report.broken.items()]
    told += [f"{cell} is skipped: {reason}" for cell, reason in report.skipped.items()]
    where = clean(str(runs))
    gone = [f"{cell} is in the store and no longer in {where}: kept, --prune removes it" for cell in report.vanished]
    for messages, rest in (
        (told, f"`klsurv check {where}` lists them"),
        (report.notes, "of the same kind"),
        (gone, "kept, --prune removes them"),
    ):
        for message in messages[:_MOST]:
            warn(message)
        if more := len(messages[_MOST:]):
            warn(f"{more} more: {rest}")
    click.echo(f"{clean(str(store))}: {report}", err=True)
    # Where all is in flight, broken or skipped, and nothing good was there before.
    if not (report.new or report.updated or report.unchanged or report.kept or report.vanished):
        raise NothingUsableError(f"none of the {len(told)} cells can be used")
