"""One writer per cell. In: its directory. Out: a lock that ends with its writer, also with one that was killed."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from klsurv.descriptors import allowed
from klsurv.errors import OutputError
from klsurv.names import clean

if sys.platform != "win32":
    import fcntl


class Lock:
    """A cell's directory, held until it is released; no file is left in it.

    Where directories cannot be locked, as on Windows and on some network file systems, nothing is held.

    Raises:
        OutputError: another writer holds it, or it cannot be opened.
    """

    def __init__(self, directory: Path) -> None:
        self._descriptor: int | None = None
        self._process = os.getpid()
        if sys.platform != "win32":
            self._hold(directory)

    def release(self) -> None:
        """Let it go."""
        if self._descriptor is not None:
            # A forked process shares the lock: it must not end it, and closing alone would leave it to that one.
            if os.getpid() == self._process:
                _flock(self._descriptor, hold=False)
            os.close(self._descriptor)
            self._descriptor = None

    def _hold(self, directory: Path) -> None:
        name = clean(str(directory))
        try:
            descriptor = os.open(directory, os.O_RDONLY)
        except OSError as error:
            raise OutputError(f"{name} cannot be opened: {error.strerror}") from error
        try:
            _flock(descriptor, hold=True)
        except BlockingIOError:
            os.close(descriptor)
            raise OutputError(f"{name}: another CellWriter has it open, and must be closed first") from None
        self._descriptor = descriptor

    def __del__(self) -> None:
        self.release()


@contextmanager
def locked(directories: Sequence[Path]) -> Iterator[None]:
    """Hold the directories of several cells, all of them or none, for as long as the block lasts.

    Raises:
        OutputError: another writer holds one, or one cannot be opened.
    """
    # Where that many cannot be, taking them fails and says so.
    allowed(len(directories))
    held: list[Lock] = []
    try:
        # Two links may lead to one directory, which can be held once.
        for directory in {os.path.realpath(directory): directory for directory in directories}.values():
            held.append(Lock(directory))
        yield
    finally:
        for lock in held:
            lock.release()


def _flock(descriptor: int, *, hold: bool) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB if hold else fcntl.LOCK_UN)
    except BlockingIOError:
        raise
    except OSError:
        # This file system does not lock directories.
        return
