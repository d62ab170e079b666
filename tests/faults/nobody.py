"""Another user, for whom modes count: the superuser may do anything. In: a block of code. Out: it ran as nobody."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

NOBODY = 65534
# Windows has neither users of this kind nor modes that keep anyone out.
ROOT = hasattr(os, "setresuid") and os.geteuid() == 0


@contextmanager
def user(number: int = NOBODY) -> Iterator[None]:
    """Let this process be another user for as long as the block lasts, where it may; all threads are."""
    if not ROOT:
        yield
        return
    before = os.geteuid()
    _become(number)
    try:
        yield
    finally:
        _become(before)


def _become(number: int) -> None:
    # The saved one leads back.
    os.setresuid(-1, 0, -1)
    os.setresuid(number, number, 0)
