"""A store in a bucket. In: its url. Out: its objects, each in one version, and the rows and footer of that.

Only the parts that are asked for are fetched, each on condition that the object is still the one that was listed.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import polars as pl

from klsurv.errors import LayoutError
from klsurv.ingest.content import stamp, unreadable
from klsurv.ingest.remote import AT_ONCE, Remote
from klsurv.ingest.stamp import Stamp
from klsurv.names import clean
from klsurv.store.file import SCHEMA, Footer, damaged, is_name

_TRIES = 10


@dataclass(frozen=True)
class Object:
    """A file of a store, in the version that was seen."""

    at: Remote
    seen: Stamp

    def footer(self) -> Footer | None:
        """Its footer; None where it is not one of a store, or of another version.

        Raises:
            LayoutError: it was replaced, or may not be read.
        """
        return Footer.fetched(self.seen.size, self.fetch)

    def rows(
        self, columns: Sequence[str], *, cell: str, metric: str | None, alphas: Sequence[float] | None
    ) -> pl.DataFrame:
        """Its columns; rows of other prompt sets and doses may be among them. `cell` is whose file it is.

        Raises:
            LayoutError: it was replaced, or is damaged.
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            # One range for what lies close together.
            file = pq.ParquetFile(_Ranges(self), pre_buffer=True)
            told = (file.metadata.row_group(i) for i in range(file.num_row_groups))
            groups = [i for i, group in enumerate(told) if _may_hold(group, metric, alphas)]
            read: Any = pl.from_arrow(file.read_row_groups(groups, columns=list(columns), use_threads=False))
        except (pa.ArrowException, OSError) as error:
            raise damaged(self.at, error, cell=cell) from None
        return pl.DataFrame(read).select(pl.col(name).cast(SCHEMA[name]) for name in columns)

    def fetch(self, start: int, end: int) -> bytes:
        """Some of its bytes.

        Raises:
            LayoutError: it was replaced, or may not be read.
        """
        try:
            data = self.at.read(self.seen, start, end) if end > start else b""
        except OSError as error:
            raise unreadable(self.at, error) from None
        if data is None:
            raise LayoutError(f"{clean(str(self.at))} was replaced while the store was read: run it again")
        return data


def objects(store: Remote) -> list[tuple[Object, Footer | None]]:
    """The files of a store and their footers.

    Raises:
        PermissionError: it may not be listed.
        LayoutError: a file may not be read.
    """
    listed = [Object(store / name, seen) for name, seen in store.walk() if is_name(name)]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return [found for found in pool.map(_looked_at, listed) if found is not None]


def together(
    objects: Mapping[str, Object], columns: Sequence[str], *, metric: str, alphas: Sequence[float] | None
) -> pl.LazyFrame:
    """The rows of several cells' files; those of other prompt sets and doses may be among them."""

    def rows(cell: str) -> pl.DataFrame:
        return objects[cell].rows(columns, cell=cell, metric=metric, alphas=alphas)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return pl.concat(pool.map(rows, objects)).lazy()


def _looked_at(listed: Object) -> tuple[Object, Footer | None] | None:
    """A file and its footer, in a later version where it was replaced; None where it is gone."""
    for _ in range(_TRIES):
        try:
            return listed, listed.footer()
        except LayoutError:
            now = stamp(listed.at)
            if now is None:
                return None
            if now == listed.seen:
                raise
            listed = Object(listed.at, now)
    raise LayoutError(f"{clean(str(listed.at))} is replaced all the time: run it again")


def _may_hold(group: Any, metric: str | None, alphas: Sequence[float] | None) -> bool:
    """Whether a row group can have rows of these, as its statistics tell."""
    told = {group.column(i).path_in_schema: group.column(i).statistics for i in range(group.num_columns)}

    def among(name: str, values: Sequence[Any] | None) -> bool:
        known = told.get(name)
        if values is None or known is None or not known.has_min_max:
            return True
        return any(known.min <= value <= known.max for value in values)

    return among("metric", None if metric is None else [metric]) and among("alpha", alphas)


class _Ranges(io.RawIOBase):
    """The object as a file that fetches what is read of it."""

    def __init__(self, of: Object) -> None:
        self._of, self._at = of, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._of.seen.size}[whence]
        self._at = start + offset
        return self._at

    def tell(self) -> int:
        return self._at

    def read(self, size: int | None = -1) -> bytes:
        end = self._of.seen.size if size is None or size < 0 else min(self._at + size, self._of.seen.size)
        data = self._of.fetch(self._at, end)
        self._at += len(data)
        return data
