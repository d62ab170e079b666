"""Whether a cell was read already. In: its directory, and what its files were then. Out: whether they still are."""

from __future__ import annotations

from collections.abc import Mapping

from klsurv.ingest.content import FRESH, digest_at
from klsurv.ingest.discover import CellDir
from klsurv.ingest.stamp import Stamp


def unchanged(where: CellDir, seen: Mapping[str, Stamp | None], *, read_ns: int) -> bool:
    """Whether the files of a cell have the size and time they had; None is that of a file that was not there.

    One that changed less than 2 s before it was read (`read_ns` since 1970) may have changed again without its time
    being another: its digest decides, and where that is not known it counts as changed.
    """
    for name, then in seen.items():
        now = where.stamp(name)
        if then is None or now is None:
            if now is not then:
                return False
            continue
        if now.digest:
            # An object's etag is known without reading it, and is all that counts.
            if now.digest != then.digest:
                return False
            continue
        fresh = then.mtime_ns > read_ns - FRESH * 1e9
        if now != Stamp(then.size, then.mtime_ns):
            return False
        if fresh and (not then.digest or digest_at(where.path / name) != then.digest):
            return False
    return True
