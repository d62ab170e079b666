"""One of many cells. In: where it is. Out: a `Cell`; and the memory that reading it took is there for the next.

Python gives a megabyte of small objects back to the kernel with the last of them, and has to be given as much for the
next cell: a sixth of the time that reading takes. A few objects that stay keep it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from klsurv.ingest.cell import Cell, Files, load_cell
from klsurv.ingest.discover import CellDir
from klsurv.params import Metric

# What comes first in each list of the cell that was read last.
_kept: list[object] = []


def load_one(cell: CellDir, *, metric: Metric) -> Cell:
    """As `load_cell`, for a process that reads cells until it ends."""
    files = Files(cell)
    read = load_cell(cell, metric=metric, files=files)
    keep(files.read)
    return read


def keep(values: Iterable[object]) -> None:
    """Keep the memory of some JSON values, and no longer that of those before."""
    _kept[:] = [first for value in values for first in _firsts(value)]


def _firsts(value: object) -> Iterator[object]:
    if isinstance(value, list) and value and not isinstance(value[0], (dict, list)):
        yield value[0]
    elif isinstance(value, (dict, list)):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _firsts(inner)
