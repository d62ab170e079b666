"""One version of a file. In: its path. Out: a path that leads to what it held then, though it is replaced meanwhile."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from klsurv.errors import LayoutError
from klsurv.names import clean


class Pin:
    """A file of a store, held open, as an ingest may replace it between two looks at it.

    Where files cannot be held open (not on Linux, or more of them than the system allows, or in another process), it is
    looked at by its path, and must be the same one still.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._descriptor = path, _opened(path)
        status = os.stat(path) if self._descriptor is None else os.fstat(self._descriptor)
        self._identity = status.st_ino, status.st_size, status.st_mtime_ns

    @property
    def path(self) -> str:
        """Where to read it.

        Raises:
            LayoutError: it was replaced, and could not be held.
        """
        if self._descriptor is not None:
            return f"/proc/self/fd/{self._descriptor}"
        try:
            status = os.stat(self._path)
        except OSError:
            status = None
        if status is None or (status.st_ino, status.st_size, status.st_mtime_ns) != self._identity:
            raise LayoutError(f"{clean(str(self._path))} was replaced while the store was read: run it again")
        return str(self._path)

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_descriptor": None}

    def __del__(self) -> None:
        if (descriptor := getattr(self, "_descriptor", None)) is not None:
            os.close(descriptor)


def _opened(path: Path) -> int | None:
    if sys.platform != "linux":
        return None
    try:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        with suppress(OSError, ValueError):
            _raise_limit()
            return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        return None


def _raise_limit() -> None:
    """As many open files as the system allows this process."""
    import resource

    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
