"""Object storage by path. In: `s3://bucket/prefix`. Out: a value to join, list, read and write, as a path is.

The library that asks for it is loaded with the first request; what it raises is told in `klsurv.ingest.s3`.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from klsurv.errors import ParameterError
from klsurv.ingest.stamp import Stamp
from klsurv.names import clean
from klsurv.validate import no_path

if TYPE_CHECKING:
    from obstore.store import S3Store

# pathlib makes one slash of two.
_URL = re.compile(r"s3:/{1,2}(?P<bucket>[^/]*)(?P<key>.*)", re.DOTALL)
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
# Requests under way at a time: one waits far longer for an answer than it takes to read it.
AT_ONCE = 16


@dataclass(frozen=True)
class Remote:
    """An object in a bucket, or all whose keys begin with `key/`. It can be sent between processes."""

    bucket: str
    key: str = ""

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.key}" if self.key else f"s3://{self.bucket}"

    def __truediv__(self, name: str) -> Remote:
        return Remote(self.bucket, f"{self.key}/{name}" if self.key else name)

    @property
    def name(self) -> str:
        """The last part of it."""
        return self.key.rpartition("/")[2] or self.bucket

    @property
    def parent(self) -> Remote:
        """What it is directly below."""
        return Remote(self.bucket, self.key.rpartition("/")[0])

    def absolute(self) -> Remote:
        """Itself: a URL is the same from everywhere."""
        return self

    def stat(self) -> Stamp:
        """Which version is there; raises FileNotFoundError or PermissionError as that of a path does."""
        if not self.key:
            raise FileNotFoundError(errno.ENOENT, "a bucket is no object", str(self))
        with _asked(self) as client:
            return _stamp(client.head(self.key))

    def is_file(self) -> bool:
        """Whether there is an object of this very key."""
        try:
            self.stat()
        except OSError:
            return False
        return True

    def exists(self) -> bool:
        """Whether there is such an object; one that may not be looked at is there."""
        try:
            self.stat()
        except FileNotFoundError:
            return False
        except PermissionError:
            return True
        return True

    def read(self, seen: Stamp, start: int = 0, end: int | None = None) -> bytes | None:
        """The bytes of the version that was seen, or some of them; None where it was replaced, or is gone."""
        options: Any = {"if_match": seen.digest} if seen.digest else {}
        if end is not None:
            options["range"] = (start, end)
        try:
            with _asked(self) as client:
                got = client.get(self.key, options=options)
                # Not every server heeds the condition.
                return bytes(got.bytes()) if _stamp(got.meta).digest == seen.digest else None
        except FileNotFoundError:
            return None

    def write(self, data: bytes) -> None:
        """Put an object there, whole or not at all."""
        with _asked(self) as client:
            client.put(self.key, data)

    def unlink(self, missing_ok: bool = False) -> None:
        """Remove it; one that is not there is not missed."""
        with _asked(self) as client:
            client.delete(self.key)

    def walk(self) -> Iterator[tuple[str, Stamp]]:
        """Every object below it, by what follows in its key, and its version: one request for a thousand."""
        with _asked(self) as client:
            chunks = iter(client.list(prefix=self.key or None))
        while True:
            with _asked(self):
                chunk = next(chunks, None)
            if chunk is None:
                return
            for meta in chunk:
                name = meta["path"][len(self.key) :].lstrip("/")
                if name:
                    yield name, _stamp(meta)


Place: TypeAlias = Path | Remote


def place(where: str | os.PathLike[str] | Remote) -> Place:
    """Where something is: an `s3://` url, or else a path.

    Raises:
        ParameterError: it is no path, the url names no bucket, or the text is empty or has a zero byte in it.
    """
    if isinstance(where, Remote):
        return where
    text = os.fspath(where) if isinstance(where, (str, os.PathLike)) else None
    if not isinstance(text, str) or text == "" or "\0" in text:
        raise no_path(where)
    url = _URL.fullmatch(text)
    if url is None:
        return Path(where)
    if not _BUCKET.fullmatch(url["bucket"]):
        raise ParameterError(f"{clean(text)} names no bucket: expected s3://bucket or s3://bucket/prefix")
    return Remote(url["bucket"], "/".join(part for part in url["key"].split("/") if part))


def expanded(where: str | os.PathLike[str] | Remote) -> Place:
    """Where something is, with ~ for the home directory."""
    there = place(where)
    return there if isinstance(there, Remote) else Path(os.path.expanduser(there))


def is_file(where: Place) -> bool:
    """Whether there is a file or an object."""
    return where.is_file() if isinstance(where, Remote) else os.path.isfile(where)


def _stamp(meta: Any) -> Stamp:
    changed: datetime = meta["last_modified"]
    return Stamp(meta["size"], int(changed.timestamp()) * 10**9 + changed.microsecond * 1000, meta["e_tag"] or "")


def _asked(where: Remote) -> AbstractContextManager[S3Store]:
    """A client, and errors that say why (`klsurv.ingest.s3.asked`)."""
    try:
        from klsurv.ingest.s3 import asked
    except ImportError:
        raise ParameterError(f"{clean(str(where))} needs an extra: pip install 'klsurv[s3]'") from None
    return asked(where.bucket, str(where))
