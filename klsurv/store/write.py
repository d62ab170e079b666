"""One cell into a store. In: its directory. Out: its file, replaced whole, and what became of it.

Everything a worker does is here: it gets paths and sends back a few words.
"""

from __future__ import annotations

import os
import secrets
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from klsurv.errors import OutputError
from klsurv.frames.score import measure
from klsurv.ingest.cell import Cell, Files, load_cell
from klsurv.ingest.discover import CellDir
from klsurv.ingest.trajectories import row, trajectories
from klsurv.names import clean
from klsurv.params import METRICS, Metric
from klsurv.source import EARLY, digests
from klsurv.store.layout import SCHEMA, Footer, file_of


@dataclass(frozen=True)
class Done:
    """What became of a cell: `written`, `in flight` or `broken`, and why; `kept`: its last good data stay."""

    cell: str
    state: str
    reason: str | None = None
    kept: bool = False


def refresh(where: CellDir, store: Path, *, usable: frozenset[str], run: str) -> Done:
    """Read a cell and write its file; `usable` are the prompt sets that its present file has, which are not lost.

    A cell that cannot be used has a file too, which says why, unless its last good data are there. `run` names the
    temporary file, so that those of an ingest that was killed can be told from others.

    Raises:
        OutputError: the file cannot be written.
    """
    files, now = Files(where, digest=True), time.time_ns()
    cells: dict[Metric, Cell] = {metric: load_cell(where, metric=metric, files=files) for metric in METRICS}
    footer = Footer({metric: _row(cell) for metric, cell in cells.items()}, files.stamps, now)
    worst = cells[METRICS[0]]
    state = "in flight" if worst.in_flight else "broken" if worst.status == "broken" else "written"
    if usable - footer.usable:
        state = "in flight" if any(cell.in_flight for cell in cells.values()) else "broken"
        lost = next(cells[metric] for metric in METRICS if metric in usable - footer.usable)
        return Done(where.name, state, lost.reason, kept=True)
    rows = pl.concat(_rows(cell, metric) for metric, cell in cells.items())
    # A row group per alpha, about: one dose can then be read by itself.
    prompts = max((len(dose.kl) for cell in cells.values() for dose in cell.doses), default=1)
    put(rows, file_of(store, where.name), footer=footer, rows=max(prompts, 1), run=run)
    return Done(where.name, state, worst.reason)


def put(table: pl.DataFrame, path: Path, *, footer: Footer, rows: int, run: str) -> None:
    """Write a file of a store, whole or not at all.

    Raises:
        OutputError: it cannot be written.
    """
    temporary = path.with_name(f".{run}-{secrets.token_hex(4)}.part")
    try:
        table.write_parquet(
            temporary, compression="zstd", compression_level=1, row_group_size=rows, metadata=footer.written()
        )
        _sync(temporary)
        os.replace(temporary, path)
        _sync(path.parent)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise OutputError(f"{clean(str(path.parent))} cannot be written: {error.strerror or error}") from error


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


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
