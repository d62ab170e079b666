"""Memory from one cell to the next. In: what was read of a cell. Out: nothing; what that took is there for the next.

Python gives a megabyte of small objects back to the kernel with the last of them, and has to be given as much for the
next cell: a fifth of the time that reading takes. A few objects that stay keep it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

# The first number of each list of the cell that was read last.
_kept: list[object] = []


def keep(documents: Iterable[object]) -> None:
    """Keep the memory of some JSON values, and no longer that of those before."""
    _kept[:] = [number for document in documents for number in _firsts(document)]


def _firsts(value: object) -> Iterator[object]:
    if isinstance(value, list) and value and not isinstance(value[0], (dict, list)):
        yield value[0]
    elif isinstance(value, (dict, list)):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _firsts(inner)
