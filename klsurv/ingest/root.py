"""A whole run root. In: its path. Out: the tables `cells` and `source` of every cell, read in parallel."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import polars as pl

from klsurv.errors import CellError, NothingUsableError
from klsurv.ingest.discover import CellDir, discover
from klsurv.ingest.trajectories import facts, read_cell
from klsurv.params import Selection
from klsurv.schema import CELLS, SOURCE
from klsurv.where import condition

Progress = Callable[[int, int], None]

# What is known of a cell before its large files are read.
_EARLY = {"cell", "model", "method", "seed", "window", "target_kl", "c_star", "layer", "path"}


def read_root(
    path: Path, *, selection: Selection, strict: bool = False, progress: Progress | None = None
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The tables `cells` (one row per cell, by name) and `source` (its trajectories) of a run root or one cell.

    A cell that cannot be used is in `cells` with a reason, has no trajectories and stops no other. Alphas are not
    selected here. `progress` is called with the number of cells read and the number of all.

    Raises:
        NothingUsableError: there is no run cell, or none is left by the selection.
        CellError: a cell is not `ok`, and `strict`.
    """
    found = discover(path, name_contains=selection.model_contains)
    keep = None if selection.where is None else condition(selection.where)
    early = keep is not None and set(keep.meta.root_names()) <= _EARLY
    if keep is not None and early:
        found = [cell for cell in found if _keeps(facts(cell), keep)]
    read = _read_all(found, selection, progress)
    if keep is not None and not early:
        read = [(row, rows) for row, rows in read if _keeps(row, keep)]
    if not read:
        raise NothingUsableError(f"no cell is left by where {selection.where!r}")
    for row, _ in read:
        if strict and row["status"][0] != "ok":
            raise CellError(row["reason"][0], cell=row["cell"][0])
    return pl.concat([CELLS.schema.to_frame(), *(row for row, _ in read)]), pl.concat(
        [SOURCE.schema.to_frame(), *(rows for _, rows in read)]
    )


def _read_all(
    found: list[CellDir], selection: Selection, progress: Progress | None
) -> list[tuple[pl.DataFrame, pl.DataFrame]]:
    pool = ThreadPoolExecutor(os.cpu_count() or 1)
    try:
        read = []
        for done, tables in enumerate(pool.map(lambda cell: read_cell(cell, metric=selection.metric), found), 1):
            read.append(tables)
            if progress is not None:
                progress(done, len(found))
        return read
    finally:
        # An interrupt must not wait for the thousands of cells that are still queued.
        pool.shutdown(wait=False, cancel_futures=True)


def _keeps(row: pl.DataFrame, keep: pl.Expr) -> bool:
    # A cell whose facts cannot be read is kept, so that its error is told.
    return bool(row.select(keep.fill_null(pl.col("status") != "ok")).item())
