"""Cells read in parallel. In: where they are. Out: `Cell` values in the same order, from processes of their own.

Parsing JSON holds Python's lock, so threads gain nothing. These workers load no polars, so that they start at once.
"""

from __future__ import annotations

import os
from collections.abc import Generator
from concurrent.futures import Future, ThreadPoolExecutor

from klsurv.crew import Crew
from klsurv.ingest.cell import Cell, load_cell
from klsurv.ingest.discover import TRAJECTORY, CellDir
from klsurv.ingest.kept import load_one
from klsurv.ingest.remote import AT_ONCE
from klsurv.params import Metric

# Starting a worker costs as much as reading some 15 MB.
_WORTH = 30_000_000


def load_cells(found: list[CellDir], *, metric: Metric) -> Generator[Cell, None, None]:
    """Read the cells, in this process where they are few and small, else in as many as there are processors."""
    workers = min(os.cpu_count() or 1, len(found))
    if workers < 2 or sum(map(_size, found)) < _WORTH:
        if any(cell.listed is not None for cell in found):
            yield from _overlapping(found, metric)
        else:
            yield from (load_cell(cell, metric=metric) for cell in found)
        return
    crew = Crew(workers)
    try:
        # Few are handed out ahead of the one that is waited for, so that what is read does not pile up.
        ahead: list[Future[Cell]] = []
        for cell in found:
            ahead.append(crew.submit(load_one, cell, metric=metric))
            if len(ahead) > 2 * workers:
                yield ahead.pop(0).result()
        for future in ahead:
            yield future.result()
    finally:
        crew.shutdown(cancel_futures=True)


def _overlapping(found: list[CellDir], metric: Metric) -> Generator[Cell, None, None]:
    """Cells of a bucket, some of which are asked for at a time."""
    pool = ThreadPoolExecutor(AT_ONCE)
    try:
        for future in [pool.submit(load_cell, cell, metric=metric) for cell in found]:
            yield future.result()
    finally:
        pool.shutdown(cancel_futures=True)


def _size(cell: CellDir) -> int:
    seen = cell.stamp(TRAJECTORY)
    return seen.size if seen is not None else 0
