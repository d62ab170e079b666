"""Another user, for whom modes count: the superuser may do anything. In: a block of code. Out: it ran as nobody."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

NOBODY = 65534
# Windows has neither users of this kind nor modes that keep anyone out.
ROOT = hasattr(os, "geteuid") and os.geteuid() == 0


@contextmanager
def user(number: int = NOBODY) -> Iterator[None]:
    """Let this process be another user for as long as the block lasts, where it may; all threads are."""
    if not ROOT:
        yield
        return
    before = os.geteuid()
    os.seteuid(0)
    os.seteuid(number)
    try:
        yield
    finally:
        os.seteuid(0)
        os.seteuid(before)
