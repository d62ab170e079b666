"""Files under way. In: a store. Out: a name for those of one ingest; those of ingests that were killed are removed.

An ingest holds a lock on a file of its own while it runs, which ends with its process, however that ends.
"""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

if sys.platform != "win32":
    import fcntl

_LOCK, _PART = ".lock", ".part"


@contextmanager
def scratch(store: Path) -> Iterator[str]:
    """The name of this run, with which its temporary files begin after a dot; at the end none is left."""
    run = secrets.token_hex(6)
    descriptor = os.open(store / f".{run}{_LOCK}", os.O_RDWR | os.O_CREAT, 0o666)
    try:
        _lock(descriptor)
        _sweep(store)
        yield run
    finally:
        _remove(store, run)
        os.close(descriptor)


def _sweep(store: Path) -> None:
    """Remove what ingests left that run no more."""
    for path in store.glob(f".*{_LOCK}"):
        with suppress(OSError):
            descriptor = os.open(path, os.O_RDWR)
            try:
                _lock(descriptor)
                _remove(store, path.name[1 : -len(_LOCK)])
            finally:
                os.close(descriptor)


def _remove(store: Path, run: str) -> None:
    for path in (*store.glob(f".{run}-*{_PART}"), store / f".{run}{_LOCK}"):
        with suppress(OSError):
            path.unlink(missing_ok=True)


def _lock(descriptor: int) -> None:
    """Hold a file's lock; raises OSError where another has it."""
    if sys.platform != "win32":
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
