"""Which bytes were read. In: nothing. Out: a value that is equal for the same version of a file or object."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Stamp:
    """What a file held when it was read: so many bytes, changed then (ns since 1970), and their digest.

    The digest of an object in a bucket is its etag, which is known without reading it.
    """

    size: int
    mtime_ns: int
    digest: str = ""
