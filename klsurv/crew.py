"""Work in other processes. In: functions and their arguments. Out: futures, as an executor of the standard library.

The workers are plain interpreters and not a process pool, which would run a script without a main guard once more in
each, and breaks when one of its processes is killed.
"""

from __future__ import annotations

import os
import pickle
import queue
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import CancelledError, Executor, Future, ThreadPoolExecutor
from typing import Any, ParamSpec, TypeVar

T = TypeVar("T")
P = ParamSpec("P")

# Results are megabytes, and each piece of a pipe's size is waited for, with Python's lock, while this process is busy.
_PIPE = 2**20

# glibc, and no other, is told to keep what one task took for the next, which takes as much. 32 MB at a time is the most
# that all its versions take; by the second number alone they would keep less than they do by themselves.
_MEMORY = {"MALLOC_MMAP_THRESHOLD_": str(2**25), "MALLOC_TRIM_THRESHOLD_": str(2**30)}
_RUN = "import sys; sys.path[:] = {path!r}; from klsurv.worker import serve; serve()"


class Crew(Executor):
    """So many processes. What is submitted must be a function of a module, and can be pickled; so must its result.

    A task whose process is killed is done again in this one: it is not to be lost with it.
    """

    def __init__(self, workers: int) -> None:
        self._idle: queue.SimpleQueue[_Worker] = queue.SimpleQueue()
        self._crew = [_Worker() for _ in range(workers)]
        for worker in self._crew:
            self._idle.put(worker)
        self._threads = ThreadPoolExecutor(workers)
        self._stopped = False

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Have it done by the next process that is idle."""
        return self._threads.submit(self._do, fn, args, kwargs)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Stop the processes: after what was submitted is done, or now with `cancel_futures`."""
        if cancel_futures:
            self._stop()
        self._threads.shutdown(wait=wait, cancel_futures=cancel_futures)
        self._stop()

    def _do(self, fn: Callable[..., T], args: Any, kwargs: Any) -> T:
        worker = self._idle.get()
        try:
            return worker.do(fn, args, kwargs)
        except _LostError:
            if self._stopped:
                raise CancelledError from None
            return fn(*args, **kwargs)
        finally:
            self._idle.put(worker)

    def _stop(self) -> None:
        self._stopped = True
        for worker in self._crew:
            worker.stop()


class _LostError(Exception):
    """The process of a worker is gone."""


class _Worker:
    """A process that does what it is told to, or raises `_LostError`."""

    def __init__(self) -> None:
        command = [sys.executable, "-c", _RUN.format(path=sys.path)]
        # There are as many processes as processors already.
        environment = {**_MEMORY, **os.environ, "POLARS_MAX_THREADS": "1"}
        # In a session of its own, so that Ctrl-C in the terminal reaches this process only.
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
            env=environment,
            pipesize=_PIPE,
        )

    def do(self, fn: Callable[..., T], args: Any, kwargs: Any) -> T:
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None and stdout is not None
        try:
            pickle.dump((fn, args, kwargs), stdin)
            stdin.flush()
            error, result = pickle.load(stdout)
        except (OSError, EOFError, ValueError, pickle.UnpicklingError):
            # What it says next could be taken for the answer to another task.
            self._process.kill()
            raise _LostError from None
        if error is not None:
            raise error
        done: T = result
        return done

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                try:
                    stream.close()
                except OSError:
                    continue
