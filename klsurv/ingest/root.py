"""A whole run root. In: its path. Out: the tables `cells` and `source` of every cell, read in parallel."""

from __future__ import annotations

import polars as pl

from klsurv.errors import CellError, NothingUsableError
from klsurv.fanout import Progress
from klsurv.ingest.ahead import Ahead
from klsurv.ingest.cell import Cell, load_facts
from klsurv.ingest.discover import discover
from klsurv.ingest.remote import Place
from klsurv.ingest.trajectories import row, trajectories
from klsurv.ingest.workers import load_cells
from klsurv.params import Selection
from klsurv.schema import CELLS, FACTS, SOURCE
from klsurv.where import condition, keeps

# What is known of a cell before its large files are read.
_EARLY = {"cell", "path", "c_star", *FACTS}


def read_root(
    path: Place,
    *,
    selection: Selection,
    strict: bool = False,
    progress: Progress | None = None,
    ahead: Ahead | None = None,
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The tables `cells` (one row per cell, by name) and `source` (its trajectories) of a run root or one cell.

    A cell that cannot be used is in `cells` with a reason, has no trajectories and stops no other. Alphas are not
    selected here. `progress` is called with the number of cells read and the number of all; `ahead` has begun to read
    the same cells.

    Raises:
        NothingUsableError: there is no run cell, or none is left by the selection.
        CellError: a cell is not `ok`, and `strict`.
    """
    found = ahead.found if ahead is not None else discover(path, name_contains=selection.model_contains)
    keep = None if selection.where is None else condition(selection.where)
    if keep is not None and is_early(keep) and ahead is None:
        found = [cell for cell in found if wanted(load_facts(cell), keep)]
    rows, tables = [CELLS.schema.to_frame()], [SOURCE.schema.to_frame()]
    for done, cell in enumerate(ahead or load_cells(found, metric=selection.metric), 1):
        if progress is not None:
            progress(done, len(found))
        if keep is not None and not wanted(cell, keep):
            continue
        if strict and cell.status != "ok":
            raise CellError(cell.reason or cell.status, cell=cell.name)
        rows.append(row(cell))
        tables.append(trajectories(cell))
    if len(rows) == 1:
        raise NothingUsableError(f"no cell is left by where {selection.where!r}")
    return pl.concat(rows), pl.concat(tables)


def is_early(keep: pl.Expr) -> bool:
    """Whether a condition can be told of `load_facts`."""
    return set(keep.meta.root_names()) <= _EARLY


def wanted(cell: Cell, keep: pl.Expr) -> bool:
    """Whether a cell is kept by a condition over `cells` (`where.keeps`)."""
    return bool(keeps(row(cell), keep).item())
