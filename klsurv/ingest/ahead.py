"""Cells read ahead. In: a run root. Out: its cells in order, read while the caller still loads its libraries."""

from __future__ import annotations

import queue
from collections.abc import Iterator
from threading import Event, Thread

from klsurv.ingest.cell import Cell
from klsurv.ingest.discover import discover
from klsurv.ingest.remote import Place
from klsurv.ingest.workers import load_cells
from klsurv.params import Metric


class Ahead:
    """Cells on their way: `found` says which, iterating gives each as it comes. Close it when done.

    Raises:
        NothingUsableError: there is no run cell to read.
    """

    def __init__(self, path: Place, *, name_contains: str, metric: Metric) -> None:
        self.found = discover(path, name_contains=name_contains)
        self._cells: queue.SimpleQueue[Cell | BaseException | None] = queue.SimpleQueue()
        self._closed = Event()
        self._thread = Thread(target=self._read, args=(metric,))
        self._thread.start()

    def __iter__(self) -> Iterator[Cell]:
        while (cell := self._cells.get()) is not None:
            if isinstance(cell, BaseException):
                raise cell
            yield cell

    def close(self) -> None:
        """Stop reading."""
        self._closed.set()
        self._thread.join()

    def _read(self, metric: Metric) -> None:
        cells = load_cells(self.found, metric=metric)
        try:
            for cell in cells:
                self._cells.put(cell)
                if self._closed.is_set():
                    break
            self._cells.put(None)
        except BaseException as error:
            self._cells.put(error)
        finally:
            cells.close()
