"""Files under way. In: a store. Out: a name for those of one ingest; those of ingests that were killed are removed.

An ingest holds a lock on a file of its own while it runs, which ends with its process, however that ends. On a file
system without locks, those that were killed are not told from those that run, and nothing is removed.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from klsurv.ingest.remote import Place, Remote
from klsurv.interrupts import uninterrupted
from klsurv.store.marker import MARKER

if sys.platform != "win32":
    import fcntl

_LOCK, _PART = ".lock", ".part"


@contextmanager
def scratch(store: Place) -> Iterator[str]:
    """The name of this run, with which its temporary files begin after a dot; at the end none is left."""
    if isinstance(store, Remote):
        # An object is put whole or not at all: there are no temporary ones.
        yield os.urandom(6).hex()
        return
    began = None
    try:
        with uninterrupted():
            began = _begin(store)
        _sweep(store)
        yield began[0]
    finally:
        if began is not None:
            with uninterrupted():
                _remove(store, began[0])
                os.close(began[1])


@contextmanager
def turn(store: Path) -> Iterator[None]:
    """One process at a time, for as long as the block lasts; where there are no locks, at any time."""
    descriptor = None
    with suppress(OSError):
        # To be written, as network file systems give no lock to one who only reads.
        descriptor = os.open(store / MARKER, os.O_RDWR)
        if sys.platform != "win32":
            fcntl.flock(descriptor, fcntl.LOCK_EX)
    try:
        yield
    finally:
        if descriptor is not None:
            os.close(descriptor)


def _begin(store: Path) -> tuple[str, int]:
    """A name that no other run has, and its lock, which another run may sweep away before it is held."""
    while True:
        run = os.urandom(6).hex()
        path = store / f".{run}{_LOCK}"
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        if _held(descriptor) is not False and path.exists():
            return run, descriptor
        os.close(descriptor)


def _sweep(store: Path) -> None:
    """Remove what ingests left that run no more."""
    parts = list(store.glob(f".*{_PART}"))
    for path in store.glob(f".*{_LOCK}"):
        with suppress(OSError):
            descriptor = os.open(path, os.O_RDWR)
            if _held(descriptor):
                _remove(store, path.name[1 : -len(_LOCK)])
            os.close(descriptor)
    # A worker may outlive its ingest for a moment, and be killed after that was swept away.
    for path in parts:
        run = path.name[1:].split("-")[0]
        if not (store / f".{run}{_LOCK}").exists():
            with suppress(OSError):
                path.unlink()


def _remove(store: Path, run: str) -> None:
    for path in (*store.glob(f".{run}-*{_PART}"), store / f".{run}{_LOCK}"):
        with suppress(OSError):
            path.unlink(missing_ok=True)


def _held(descriptor: int) -> bool | None:
    """Whether a file's lock is held from now on, and not by another; None where there are no locks."""
    if sys.platform == "win32":
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True
