"""Object storage by path. In: `s3://bucket/prefix`. Out: a value to join, list, read and write, as a path is.

What belongs to one object (not there, access denied) is an `OSError`, as it is for a file; what concerns all of them
(an endpoint that does not answer, no such bucket, no credentials) is a `RemoteError`. Every wait is bounded.
"""

from __future__ import annotations

import errno
import ipaddress
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import urlsplit

from klsurv.errors import ParameterError, RemoteError, first_line
from klsurv.ingest.stamp import Stamp
from klsurv.names import clean

if TYPE_CHECKING:
    from obstore.store import S3Store

# pathlib makes one slash of two.
_URL = re.compile(r"s3:/{1,2}(?P<bucket>[^/]*)(?P<key>.*)", re.DOTALL)
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT")
_STATUS = re.compile(r"status code: (\d{3})")
_CODE = re.compile(r"<Code>(\w+)</Code>")
# What the machine is asked for when the environment has no credentials.
_NO_CREDENTIALS = re.compile(r"/latest/(api/token|meta-data)|Missing (AccessKeyId|SecretAccessKey)")

# Seconds: to connect, for the next bytes to come, for a whole request, and after which nothing is tried again.
_CONNECT, _READ, _REQUEST, _GIVE_UP = 5.0, 15.0, 600.0, 30.0
_RETRIES = 2


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
        """Itself: an url is the same from everywhere."""
        return self

    def stat(self) -> Stamp:
        """Which version is there; raises FileNotFoundError or PermissionError as that of a path does."""
        if not self.key:
            raise _missing(self)
        with _asked(self) as (obstore, client):
            return _stamp(obstore.head(client, self.key))

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
            with _asked(self) as (obstore, client):
                got = obstore.get(client, self.key, options=options)
                # Not every server heeds the condition.
                return bytes(got.bytes()) if _stamp(got.meta).digest == seen.digest else None
        except FileNotFoundError:
            return None

    def write(self, data: bytes) -> None:
        """Put an object there, whole or not at all."""
        with _asked(self) as (obstore, client):
            obstore.put(client, self.key, data)

    def unlink(self, missing_ok: bool = False) -> None:
        """Remove it; one that is not there is not missed."""
        with _asked(self) as (obstore, client):
            obstore.delete(client, self.key)

    def walk(self) -> Iterator[tuple[str, Stamp]]:
        """Every object below it, by what follows in its key, and its version: one request for a thousand."""
        with _asked(self) as (obstore, client):
            chunks = iter(obstore.list(client, prefix=self.key or None))
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
        ParameterError: the url names no bucket.
    """
    if isinstance(where, Remote):
        return where
    text = os.fspath(where)
    url = _URL.fullmatch(text)
    if url is None:
        return Path(where)
    if not _BUCKET.fullmatch(url["bucket"]):
        raise ParameterError(f"{clean(text)} names no bucket: expected s3://bucket or s3://bucket/prefix")
    return Remote(url["bucket"], "/".join(part for part in url["key"].split("/") if part))


def expanded(where: str | os.PathLike[str] | Remote) -> Place:
    """Where something is, with ~ for the home directory."""
    return where if isinstance(where, Remote) else place(os.path.expanduser(os.fspath(where)))


def is_file(where: Place) -> bool:
    """Whether there is a file or an object."""
    return where.is_file() if isinstance(where, Remote) else os.path.isfile(where)


def _stamp(meta: Any) -> Stamp:
    changed: datetime = meta["last_modified"]
    return Stamp(meta["size"], int(changed.timestamp()) * 10**9 + changed.microsecond * 1000, meta["e_tag"] or "")


def _client(where: Remote) -> S3Store:
    """The client of this process for a bucket, as the environment says now."""
    return _connected(where.bucket, tuple(sorted(item for item in os.environ.items() if item[0].startswith("AWS_"))))


@lru_cache(maxsize=16)
def _connected(bucket: str, environment: tuple[tuple[str, str], ...]) -> S3Store:
    from obstore.store import S3Store

    options: Any = {
        "connect_timeout": timedelta(seconds=_CONNECT),
        "read_timeout": timedelta(seconds=_READ),
        "timeout": timedelta(seconds=_REQUEST),
    }
    settings = dict(environment)
    if endpoint := _endpoint(settings):
        _checked(endpoint)
    # Given any option, obstore does not look at this one in the environment.
    if _is_loopback(endpoint) or settings.get("AWS_ALLOW_HTTP", "").lower() in ("1", "true", "yes"):
        options["allow_http"] = True
    backoff: Any = {"init_backoff": timedelta(seconds=0.1), "max_backoff": timedelta(seconds=2), "base": 2}
    retries: Any = {"max_retries": _RETRIES, "retry_timeout": timedelta(seconds=_GIVE_UP), "backoff": backoff}
    # Of several in the environment, obstore would take any.
    named: Any = {"endpoint": endpoint} if endpoint else {}
    return S3Store(bucket, client_options=options, retry_config=retries, **named)


def _endpoint(environment: dict[str, str]) -> str:
    return next((environment[name] for name in _ENDPOINTS if environment.get(name)), "")


def _checked(endpoint: str) -> None:
    """Make sure that an endpoint is an url, at which obstore would panic if it is none."""
    try:
        url = urlsplit(endpoint)
        good = url.scheme in ("http", "https") and bool(url.hostname) and (url.port is None or url.port > 0)
    except ValueError:
        good = False
    if not good or not endpoint.isprintable() or " " in endpoint:
        raise ParameterError(f"{clean(endpoint)!r}, the endpoint in the environment, is no url of http or https")


def _is_loopback(endpoint: str) -> bool:
    host = urlsplit(endpoint).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@contextmanager
def _asked(where: Remote) -> Iterator[tuple[Any, S3Store]]:
    """The library and a client; what it raises is told as what it is, as its own messages are pages long.

    Raises:
        FileNotFoundError: there is no such object, or not in the version that was asked for.
        PermissionError: it may not be read, written or listed.
        ParameterError: obstore is not installed, or the url cannot be one.
        RemoteError: anything else.
    """
    try:
        import obstore
        from obstore.exceptions import BaseError, PreconditionError
    except ImportError:
        raise ParameterError(f"{clean(str(where))} needs an extra: pip install 'klsurv[s3]'") from None
    try:
        yield obstore, _client(where)
    except PreconditionError:
        raise _missing(where) from None
    except (BaseError, FileNotFoundError) as error:
        raise _as_it_is(where, error) from None
    except ValueError as error:
        raise ParameterError(f"{clean(str(where))} cannot be used: {clean(first_line(error))}") from None
    except BaseException as error:
        # That of Rust, at settings that make no url; its class cannot be imported.
        if type(error).__name__ != "PanicException":
            raise
        raise RemoteError(f"{clean(str(where))}: {clean(first_line(error))}") from None


def _as_it_is(where: Remote, error: Exception) -> Exception:
    text = str(error)
    code, status = _CODE.search(text), _STATUS.search(text)
    url, endpoint = clean(str(where)), _endpoint(dict(os.environ))
    at = f" at {clean(endpoint)}" if endpoint else ""
    if _NO_CREDENTIALS.search(text):
        return RemoteError(
            f"{url}: no credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, "
            "or AWS_SKIP_SIGNATURE=true for a public bucket"
        )
    if code is not None and code[1] == "NoSuchBucket":
        return RemoteError(f"{url}: there is no bucket {clean(where.bucket)}{at}")
    if status is not None and status[1] in ("401", "403"):
        return PermissionError(errno.EACCES, f"access denied ({code[1] if code else status[1]})", str(where))
    if isinstance(error, FileNotFoundError):
        return _missing(where)
    if "BadScheme" in text:
        return RemoteError(f"{url}: the endpoint{at} is not https: set AWS_ALLOW_HTTP=true to use it all the same")
    if status is None and "HTTP error" in text:
        why = "no answer in time" if "kind: Timeout" in text else "no connection"
        return RemoteError(f"{url} cannot be reached{at}: {why}")
    return RemoteError(f"{url}: {clean(first_line(error))}")


def _missing(where: Remote) -> FileNotFoundError:
    return FileNotFoundError(errno.ENOENT, "there is no such object", str(where))
