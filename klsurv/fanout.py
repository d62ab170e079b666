"""Work done elsewhere, or meanwhile. In: functions, and where they run. Out: what they return, in order."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")

# Called with how many are done, of how many.
Progress = Callable[[int, int], None]


def each(executor: Executor | None, fn: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
    """`fn` of each of `items`, in their order: one after the other in this process, or wherever the executor says.

    For an executor of processes `fn` must be a function of a module, or a `partial` of one.
    """
    # A list, as Dask's own executor takes no generator.
    return map(fn, items) if executor is None else executor.map(fn, list(items))


def threads() -> Executor:
    """Threads, as many as there are processors: polars lets go of Python's lock while it computes."""
    return ThreadPoolExecutor(os.cpu_count())


Make = Callable[[], T]


@contextmanager
def background(*, now: bool) -> Iterator[Callable[[Make[T]], Make[T]]]:
    """Gives `late(make)`, a function that returns what `make` does: begun `now` in a thread, or run when it is called.

    Where the block raises, tasks that have not begun are cancelled; otherwise all of them run, wanted or not.
    """
    if not now:
        yield lambda make: make
        return
    executor = threads()
    try:
        yield lambda make: executor.submit(make).result
    except BaseException:
        executor.shutdown(wait=False, cancel_futures=True)
        raise
    executor.shutdown(wait=False)
