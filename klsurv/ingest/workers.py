"""Cells read in parallel. In: where they are. Out: `Cell` values in the same order, from processes of their own.

Parsing JSON holds Python's lock, so threads gain nothing. The workers are plain interpreters and not a process pool,
which would run a script without a main guard once more in each; they load no polars, so that they start at once.
"""

from __future__ import annotations

import os
import pickle
import queue
import subprocess
import sys
from collections.abc import Generator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import cast

from klsurv.ingest.cell import Cell, load_cell
from klsurv.ingest.discover import TRAJECTORY, CellDir
from klsurv.params import Metric

# Starting a worker costs as much as reading some 15 MB.
_WORTH = 30_000_000
_RUN = "import sys; sys.path[:] = {path!r}; from klsurv.ingest.workers import serve; serve()"


def load_cells(found: list[CellDir], *, metric: Metric) -> Generator[Cell, None, None]:
    """Read the cells, in this process where they are few and small, else in as many as there are processors."""
    workers = min(os.cpu_count() or 1, len(found))
    if workers < 2 or sum(map(_size, found)) < _WORTH:
        yield from (load_cell(cell, metric=metric) for cell in found)
        return
    idle: queue.SimpleQueue[_Worker] = queue.SimpleQueue()
    crew = [_Worker() for _ in range(workers)]
    for worker in crew:
        idle.put(worker)

    def load(cell: CellDir) -> Cell:
        worker = idle.get()
        try:
            return worker.load(cell, metric)
        finally:
            idle.put(worker)

    threads = ThreadPoolExecutor(workers)
    try:
        # Few are handed out ahead of the one that is waited for, so that what is read does not pile up.
        ahead: list[Future[Cell]] = []
        for cell in found:
            ahead.append(threads.submit(load, cell))
            if len(ahead) > 2 * workers:
                yield ahead.pop(0).result()
        for future in ahead:
            yield future.result()
    finally:
        for worker in crew:
            worker.stop()
        threads.shutdown(cancel_futures=True)


class _Worker:
    """A process that reads the cells it is told to."""

    def __init__(self) -> None:
        command = [sys.executable, "-c", _RUN.format(path=sys.path)]
        # In a session of its own, so that Ctrl-C in the terminal reaches this process only.
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True)

    def load(self, cell: CellDir, metric: Metric) -> Cell:
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None and stdout is not None
        try:
            pickle.dump((cell, metric), stdin)
            stdin.flush()
            return cast(Cell, pickle.load(stdout))
        except (OSError, EOFError, pickle.UnpicklingError):
            # The worker is gone, killed for its memory perhaps; the cell is not to be lost with it.
            return load_cell(cell, metric=metric)

    def stop(self) -> None:
        self._process.kill()
        self._process.communicate()


def serve() -> None:
    """Be a worker: read the cells named on stdin and write them to stdout, until stdin ends."""
    requests, answers = sys.stdin.buffer, os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    while True:
        try:
            cell, metric = pickle.load(requests)
        except EOFError:
            return
        pickle.dump(load_cell(cell, metric=metric), answers, protocol=pickle.HIGHEST_PROTOCOL)
        answers.flush()


def _size(cell: CellDir) -> int:
    try:
        return (cell.path / TRAJECTORY).stat().st_size
    except OSError:
        return 0
