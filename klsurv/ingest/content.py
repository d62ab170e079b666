"""What a file holds. In: a path. Out: its bytes from one consistent read, their stamp and digest."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable
from typing import TypeVar

from klsurv.errors import CellError, InFlightError, LayoutError, LimitError, first_line
from klsurv.ingest.remote import Place, Remote
from klsurv.ingest.stamp import Stamp
from klsurv.limits import within
from klsurv.names import clean

T = TypeVar("T")

# How often a file that changes is tried, and after how many seconds.
_PATIENCE, _PAUSE = 5, 0.05
# A file changed within so many seconds may change again without its time being another.
FRESH = 2.0


def patiently(attempt: Callable[[Stamp | None], T], path: Place) -> T:
    """What an attempt at a file gives, which takes its stamp as it was before; made again where the file changes.

    A file that was just written and cannot be used is tried once more, in case its producer is still at work.

    Raises:
        InFlightError: it kept changing while it was read.
        CellError: it cannot be used, or does not fit into memory.
    """
    for _ in range(_PATIENCE):
        before = stamp(path)
        try:
            return attempt(before)
        except MemoryError:
            raise LimitError("does not fit into memory", file=path.name) from None
        except LimitError:
            raise
        except InFlightError:
            time.sleep(_PAUSE)
        except CellError:
            if before is None or time.time() - before.mtime_ns / 1e9 > FRESH:
                raise
            time.sleep(_PAUSE)
            if stamp(path) == before:
                raise
    raise InFlightError("is being written: it changed each time it was read", file=path.name)


def stamp(path: Place) -> Stamp | None:
    """The stamp of a file without its digest, of an object with its etag; None where it cannot be asked for one."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status if isinstance(status, Stamp) else Stamp(status.st_size, status.st_mtime_ns)


def digest_at(path: Place) -> str | None:
    """The digest of a file's bytes; None where they cannot be read."""
    try:
        return digest_of(read(path, None)[0])
    except CellError:
        return None


def digest_of(data: bytes) -> str:
    """The digest of bytes."""
    # Loaded here, as it takes a worker as long as all else of this file.
    import hashlib

    return hashlib.blake2b(data, digest_size=16).hexdigest()


def read(path: Place, seen: Stamp | None) -> tuple[bytes, Stamp]:
    """The bytes of a file, and their stamp; of an object in the version that was `seen` (None: the present one).

    The file is read into memory, never mapped, and its size and time are compared before and after, so that a producer
    that rewrites it in place is noticed; of an object in a bucket, the etag is.

    Raises:
        InFlightError: it changed while it was read.
        LimitError: it is too large.
        CellError: it is missing, not a regular file or unreadable; `file` is set.
    """
    if isinstance(path, Remote):
        return _fetch(path, seen)
    # Without O_NONBLOCK, a FIFO by the name of the file would hang open() until someone writes to it.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
    try:
        descriptor = os.open(path, flags)
    except FileNotFoundError:
        raise CellError("missing", file=path.name) from None
    except OSError as error:
        raise CellError(f"cannot be opened: {error.strerror}", file=path.name) from error
    try:
        before = os.fstat(descriptor)
        if not stat.S_ISREG(before.st_mode):
            raise CellError(f"is {_kind(before.st_mode)}, not a regular file", file=path.name)
        within("file_bytes", before.st_size, "bytes", file=path.name)
        with open(descriptor, "rb", closefd=False) as file:
            # One byte more than there is, to see whether it grew, and not as much as it may have grown.
            data = file.read(before.st_size + 1)
        after = os.fstat(descriptor)
    except OSError as error:
        raise CellError(f"cannot be read: {error.strerror}", file=path.name) from error
    finally:
        os.close(descriptor)
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns) or len(data) != after.st_size:
        raise InFlightError("changed while it was read", file=path.name)
    return data, Stamp(after.st_size, after.st_mtime_ns)


def _fetch(path: Remote, seen: Stamp | None) -> tuple[bytes, Stamp]:
    try:
        seen = seen or path.stat()
        within("file_bytes", seen.size, "bytes", file=path.name)
        data = path.read(seen)
    except FileNotFoundError:
        raise CellError("missing", file=path.name) from None
    except OSError as error:
        raise CellError(f"cannot be read: {error.strerror}", file=path.name) from error
    if data is None:
        raise InFlightError("changed while it was read", file=path.name)
    return data, seen


def _kind(mode: int) -> str:
    return "a directory" if stat.S_ISDIR(mode) else "a FIFO" if stat.S_ISFIFO(mode) else "a device or socket"


def unreadable(path: Place, error: OSError) -> LayoutError:
    """What to raise where a file is there and cannot be read: it may be good, and must not be replaced."""
    return LayoutError(f"{clean(str(path))} cannot be read: {error.strerror or first_line(error)}")
