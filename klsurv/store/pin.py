"""One version of a file. In: its path. Out: a path that leads to what it held then, though it is replaced meanwhile."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any, BinaryIO

from klsurv.descriptors import allowed
from klsurv.errors import LayoutError
from klsurv.ingest.content import stamp
from klsurv.ingest.remote import Place, Remote
from klsurv.ingest.stamp import Stamp
from klsurv.names import clean

# Which file, how large, and changed when (ns): what is at a path in one version. Of an object, its stamp.
Version = tuple[int, int, int] | Stamp


def version_of(path: Place) -> Version | None:
    """The version of a file; None where there is none."""
    if isinstance(path, Remote):
        return stamp(path)
    try:
        return _version(os.stat(path))
    except OSError:
        return None


class Pin:
    """A file of a store, held open, as an ingest may replace it between two looks at it.

    Where files cannot be held open (not on Linux, or more of them than the system allows, or in another process), it is
    looked at by its path, and must be the same one still.
    """

    def __init__(self, path: Path) -> None:
        self._descriptor: int | None = None
        self.at, self._descriptor = path, _opened(path)
        self._version = _version(os.stat(path) if self._descriptor is None else os.fstat(self._descriptor))

    @property
    def path(self) -> str:
        """Where to read it.

        Raises:
            LayoutError: it was replaced, and could not be held.
        """
        if self._descriptor is not None:
            return f"/proc/self/fd/{self._descriptor}"
        if version_of(self.at) != self._version:
            raise self._replaced()
        return str(self.at)

    def open(self) -> BinaryIO:
        """It, to be read without a buffer.

        Raises:
            LayoutError: it was replaced, and could not be held.
            OSError: it cannot be opened.
        """
        file = open(self.path, "rb", buffering=0)
        # It can be replaced between the look at its path and this.
        if self._descriptor is None and _version(os.fstat(file.fileno())) != self._version:
            file.close()
            raise self._replaced()
        return file

    def _replaced(self) -> LayoutError:
        return LayoutError(f"{clean(str(self.at))} was replaced while the store was read: run it again")

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_descriptor": None, "at": self.at.absolute()}

    def __del__(self) -> None:
        if (descriptor := getattr(self, "_descriptor", None)) is not None:
            os.close(descriptor)


def _version(status: os.stat_result) -> Version:
    return status.st_ino, status.st_size, status.st_mtime_ns


def _opened(path: Path) -> int | None:
    """A descriptor of the file, as long as enough are left for everything else."""
    if sys.platform != "linux":
        return None
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    if not allowed(descriptor + 1):
        os.close(descriptor)
        return None
    return descriptor
