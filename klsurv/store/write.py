"""One cell into a store. In: its directory. Out: its file, replaced whole, and what became of it.

Everything a worker does is here: it gets paths and sends back a few words.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import Any

import polars as pl

from klsurv.errors import LayoutError
from klsurv.frames.score import measure
from klsurv.ingest.cell import Cell, Files, load_cell
from klsurv.ingest.content import unreadable
from klsurv.ingest.discover import NEEDED, CellDir
from klsurv.ingest.kept import keep
from klsurv.ingest.remote import Place, Remote
from klsurv.ingest.stamp import Stamp
from klsurv.ingest.trajectories import row, trajectories
from klsurv.ingest.unchanged import unchanged
from klsurv.names import clean
from klsurv.params import METRICS, Metric
from klsurv.source import EARLY, digests
from klsurv.store.bucket import Object
from klsurv.store.file import DAMAGED, SCHEMA, Footer, damaged, file_of
from klsurv.store.pin import Version, version_of
from klsurv.store.put import put

# Each try that fails is a file that another ingest has replaced.
_TRIES = 10
# What is told of those that are kept.
KEPT = "its last good data are kept"


@dataclass(frozen=True)
class Done:
    """What became of a cell: `written`, `unchanged`, `in flight`, `broken`, `skipped`; why; `kept`: good data stay.

    `notes`: what else must be known of it, as sentences.
    """

    cell: str
    state: str
    reason: str | None = None
    kept: bool = False
    notes: tuple[str, ...] = ()


def refresh(where: CellDir, store: Place, *, run: str) -> Done:
    """Read a cell and write its file, as far as that takes nothing away that is of use.

    A prompt set that is being written or broken keeps its last good data; a cell that never had any has a file too,
    which says why. What is decided holds for the file that was there before the cell was read: where another ingest
    replaces it meanwhile, all is done again. `run` names the temporary file, so that those of an ingest that was killed
    can be told from others.

    Raises:
        OutputError: the file cannot be written.
        LayoutError: the file that is there cannot be read.
    """
    path = file_of(store, where.name)
    for _ in range(_TRIES):
        version = version_of(path)
        present = _footer(path, version)
        if present is not None and is_of(where, present):
            return outcome(present, "written")
        cells, footer = _read(where)
        lost = present.usable - footer.usable if present is not None else set()
        first = cells[METRICS[0]]
        if present is not None and present.usable and not footer.usable:
            state = "broken" if any(cells[metric].status == "broken" for metric in present.usable) else "in flight"
            reason = next(cells[metric].reason for metric in METRICS if metric in present.usable)
            return Done(where.name, "in flight" if first.in_flight else state, reason, kept=True)
        rows = [_rows(cell, metric) for metric, cell in cells.items() if metric not in lost]
        if present is not None and lost:
            kept = _present(path, version, cell=where.name)
            if kept is None:
                continue
            rows.append(kept.filter(pl.col("metric").is_in(lost)))
            footer = _keeping(footer, present, lost)
        prompts = max((len(dose.kl) for cell in cells.values() for dose in cell.doses), default=1)
        table = pl.concat(rows)
        if put(table, path, footer=footer, prompts=prompts, run=run, version=version):
            done = outcome(footer, "in flight" if first.in_flight else "written")
            return replace(done, notes=(*done.notes, *_moved(footer, present)))
    return Done(where.name, "in flight", "other ingests replace it each time it is read", kept=True)


def is_of(where: CellDir, footer: Footer) -> bool:
    """Whether a footer is that of the cell's files as they are now, all three of them, and where they are now."""
    if set(footer.stamps) != set(NEEDED) or footer.cells[METRICS[0]]["path"] != clean(str(where.path)):
        return False
    return unchanged(where, footer.stamps, read_ns=footer.read_ns)


def _footer(path: Place, version: Version | None) -> Footer | None:
    """The footer of a cell's present file.

    Raises:
        LayoutError: it cannot be read.
    """
    if isinstance(path, Remote):
        try:
            return Object(path, version).footer() if isinstance(version, Stamp) else None
        except LayoutError:
            if version_of(path) == version:
                raise
            # Replaced by now, which is seen when it is to be written.
            return None
    try:
        return Footer.read(path)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise unreadable(path, error) from None


def _present(path: Place, version: Version | None, *, cell: str) -> pl.DataFrame | None:
    """What is in a cell's present file; None where that was replaced meanwhile.

    Raises:
        LayoutError: it cannot be read.
    """
    try:
        if isinstance(path, Remote):
            assert isinstance(version, Stamp)
            return Object(path, version).rows(SCHEMA.names(), cell=cell, metric=None, alphas=None)
        return pl.read_parquet(path, glob=False)
    except (LayoutError, *DAMAGED, OSError) as error:
        if version_of(path) != version:
            return None
        if isinstance(error, LayoutError):
            raise
        raise (unreadable(path, error) if isinstance(error, OSError) else damaged(path, error, cell=cell)) from None


def _read(where: CellDir) -> tuple[dict[Metric, Cell], Footer]:
    """Both prompt sets of a cell, and what its file is to say of them."""
    now = time.time_ns()
    # Of a file that cannot be read, or need not be, there is no stamp but this.
    stamps = {name: seen for name in NEEDED if (seen := where.stamp(name)) is not None}
    files = Files(where, digest=True)
    cells: dict[Metric, Cell] = {metric: load_cell(where, metric=metric, files=files) for metric in METRICS}
    keep(files.read)
    # A footer without stamps is of no cell: one that was refused is read again, for the limit may then be another.
    known = {} if any(cell.refused for cell in cells.values()) else stamps | files.stamps
    return cells, Footer({metric: _row(cell) for metric, cell in cells.items()}, known, now)


def _keeping(footer: Footer, present: Footer, lost: set[Metric]) -> Footer:
    """The footer of a file in which some prompt sets are as they were before, of the cell that is there now."""
    kept = {metric: footer.cells[metric] for metric in METRICS if metric in lost}
    rows = {metric: present.cells[metric] | {"path": row["path"]} for metric, row in kept.items()}
    return replace(footer, cells=footer.cells | rows, kept=kept)


def _moved(footer: Footer, present: Footer | None) -> list[str]:
    """What to tell where a cell is replaced by one of its name that is elsewhere: it may be another experiment's."""
    old, new = (each and each.cells[METRICS[0]]["path"] for each in (present, footer))
    return [f"{footer.cell} was read from {old}, now from {new}"] if old and old != new else []


def outcome(footer: Footer, state: str) -> Done:
    """What became of a cell whose file has this footer now: the state, unless it cannot be used or keeps good data."""
    asked = [f"{footer.cell}: {row['reason']} ({KEPT})" for metric, row in footer.kept.items() if metric != METRICS[0]]
    first = footer.kept.get(METRICS[0], footer.cells[METRICS[0]])
    kept = METRICS[0] in footer.kept
    if kept or first["status"] == "broken":
        state = "broken" if first["status"] == "broken" else "in flight"
    elif state != "in flight" and not footer.usable:
        state = "skipped"
    return Done(footer.cell, state, first["reason"], kept=kept or bool(asked), notes=tuple(asked))


def _rows(cell: Cell, metric: Metric) -> pl.DataFrame:
    source = trajectories(cell)
    return (
        measure(source.lazy(), early=EARLY)
        .with_columns(digests(source.lazy()), metric=pl.lit(metric))
        .select(SCHEMA.names())
        .collect()
    )


def _row(cell: Cell) -> dict[str, Any]:
    found: dict[str, Any] = row(cell).row(0, named=True)
    return found
