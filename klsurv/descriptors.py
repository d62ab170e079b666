"""Open files. In: how many shall be open. Out: whether they may be, the system's limit raised where that takes it."""

from __future__ import annotations

import sys
from contextlib import suppress

if sys.platform != "win32":
    import resource

# Descriptors that are left to whatever else opens files.
_SPARE = 256


def allowed(descriptors: int) -> bool:
    """Whether so many descriptors may be open and enough are left for everything else."""
    if sys.platform == "win32":
        return True
    limit, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if _fits(descriptors, limit):
        return True
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
        return _fits(descriptors, most)
    return False


def _fits(descriptors: int, limit: int) -> bool:
    return limit == resource.RLIM_INFINITY or descriptors <= limit - _SPARE
