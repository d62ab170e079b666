"""A cell's files as Python values. In: a path. Out: the JSON object it holds, from one consistent read."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

import jiter

from klsurv.errors import CellError, InFlightError, LimitError
from klsurv.ingest.remote import Place, Remote
from klsurv.ingest.sizes import check_text
from klsurv.ingest.stamp import Stamp
from klsurv.ingest.values import Json, kind
from klsurv.limits import NESTING, within

T = TypeVar("T")

_PATIENCE = 5
_PAUSE = 0.05
# A file changed within so many seconds may change again without its time being another.
FRESH = 2.0


class Parsed(Json):
    """The JSON object in a file: `booleans`, whether the file spells `true` or `false`; `stamp`, which bytes were read.

    Where it spells neither, no number in it can be a boolean, and millions need not be looked at one by one.
    """

    booleans = True
    stamp = Stamp(0, 0)


def read_object(path: Place, *, digest: bool = False) -> Parsed:
    """The JSON object in a file; bare NaN and Infinity are numbers.

    The file is read into memory, never mapped, and its size and time are compared before and after, so that a producer
    that rewrites it in place is noticed; of an object in a bucket, the etag is. A file that was just written and does
    not parse is read again. `digest` adds that of its bytes to the `stamp`.

    Raises:
        InFlightError: it kept changing while it was read.
        CellError: it is missing, not a regular file, unreadable, not JSON or not an object; `file` is set.
    """
    return _patiently(lambda seen: _object(*_read(path, seen), path.name, digest=digest), path)


def read_json(path: Place) -> object:
    """Whatever JSON value a file holds, read with the same care; raises as `read_object` does."""
    return _patiently(lambda seen: _value(_read(path, seen)[0], path.name), path)


def read_lines(path: Place) -> tuple[list[Json], int]:
    """The JSON objects in a file with one per line, and how many lines are none; raises as `read_object` does."""
    found, bad = [], 0
    data = _patiently(lambda seen: _read(path, seen)[0], path)
    check_text(data, path.name)
    for line in data.splitlines():
        try:
            value = jiter.from_json(line, allow_inf_nan=True) if line.strip() else None
        except ValueError:
            value = line
        if isinstance(value, dict):
            found.append(value)
        else:
            bad += value is not None
    return found, bad


def _patiently(attempt: Callable[[Stamp | None], T], path: Place) -> T:
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


def digest_of(path: Place) -> str | None:
    """The digest of a file's bytes; None where they cannot be read."""
    try:
        return _digest(_read(path, None)[0])
    except CellError:
        return None


def _digest(data: bytes) -> str:
    # Loaded here, as it takes a worker as long as all else of this file.
    import hashlib

    return hashlib.blake2b(data, digest_size=16).hexdigest()


def _read(path: Place, seen: Stamp | None) -> tuple[bytes, Stamp]:
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
    """An object in the version that was seen."""
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


def _value(data: bytes, name: str) -> object:
    if not data or data.isspace():
        raise CellError("is empty", file=name)
    check_text(data, name)
    try:
        return jiter.from_json(data, allow_inf_nan=True, cache_mode="none", catch_duplicate_keys=True)
    except ValueError as error:
        if "recursion limit" in str(error):
            raise LimitError(f"is nested deeper than {NESTING} levels, the most that is read", file=name) from None
        raise CellError(f"is not JSON, or cut short: {error}", file=name) from None


def _object(data: bytes, seen: Stamp, name: str, *, digest: bool) -> Parsed:
    value = _value(data, name)
    if not isinstance(value, dict):
        raise CellError(f"holds {kind(value)} at the top, expected an object", file=name)
    parsed = Parsed(value)
    parsed.stamp = replace(seen, digest=_digest(data)) if digest and not seen.digest else seen
    parsed.booleans = _spells(data, b"true", b"u") or _spells(data, b"false", b"s")
    return parsed


def _spells(data: bytes, word: bytes, letter: bytes) -> bool:
    """Whether a word is in the data, by way of its rarest letter, which is found ten times faster than the word."""
    before, at = word.index(letter), data.find(letter)
    while at >= 0:
        if data.startswith(word, at - before):
            return True
        at = data.find(letter, at + 1)
    return False


def _kind(mode: int) -> str:
    return "a directory" if stat.S_ISDIR(mode) else "a FIFO" if stat.S_ISFIFO(mode) else "a device or socket"
