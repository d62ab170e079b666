"""The client of object storage. In: a bucket and the environment. Out: its client, and errors that say why.

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
from datetime import timedelta
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from obstore.exceptions import BaseError, PreconditionError
from obstore.store import S3Store

from klsurv.errors import ParameterError, RemoteError, first_line
from klsurv.names import clean

_ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT")
_STATUS = re.compile(r"status code: (\d{3})")
_CODE = re.compile(r"<Code>(\w+)</Code>")
# What the machine is asked for when the environment has no credentials.
_NO_CREDENTIALS = re.compile(r"/latest/(api/token|meta-data)|Missing (AccessKeyId|SecretAccessKey)")

# Seconds: to connect, for the next bytes to come, for a whole request, and after which nothing is tried again.
_CONNECT, _READ, _REQUEST, _GIVE_UP = 5.0, 15.0, 600.0, 30.0
_RETRIES = 2


def _missing(url: str) -> FileNotFoundError:
    """That there is no object at a URL."""
    return FileNotFoundError(errno.ENOENT, "there is no such object", url)


def _client(bucket: str) -> S3Store:
    """The client of this process for a bucket, as the environment says now."""
    return _connected(bucket, tuple(sorted(item for item in os.environ.items() if item[0].startswith("AWS_"))))


@lru_cache(maxsize=16)
def _connected(bucket: str, environment: tuple[tuple[str, str], ...]) -> S3Store:
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
    """Make sure that an endpoint is a URL, at which obstore would panic if it is none."""
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
def asked(bucket: str, url: str) -> Iterator[S3Store]:
    """A client of the bucket; what obstore raises is told as what it is, as its own messages are pages long.

    Raises:
        FileNotFoundError: there is no such object, or not in the version that was asked for.
        PermissionError: it may not be read, written or listed.
        ParameterError: the url cannot be one.
        RemoteError: anything else.
    """
    try:
        yield _client(bucket)
    except PreconditionError:
        raise _missing(url) from None
    except (BaseError, FileNotFoundError) as error:
        raise _as_it_is(bucket, url, error) from None
    except ValueError as error:
        raise ParameterError(f"{clean(url)} cannot be used: {clean(first_line(error))}") from None
    except BaseException as error:
        # That of Rust, at settings that make no url; its class cannot be imported.
        if type(error).__name__ != "PanicException":
            raise
        raise RemoteError(f"{clean(url)}: {clean(first_line(error))}") from None


def _as_it_is(bucket: str, address: str, error: Exception) -> Exception:
    text = str(error)
    code, status = _CODE.search(text), _STATUS.search(text)
    url, endpoint = clean(address), _endpoint(dict(os.environ))
    at = f" at {clean(endpoint)}" if endpoint else ""
    if _NO_CREDENTIALS.search(text):
        return RemoteError(
            f"{url}: no credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, "
            "or AWS_SKIP_SIGNATURE=true for a public bucket"
        )
    if code is not None and code[1] == "NoSuchBucket":
        return RemoteError(f"{url}: there is no bucket {clean(bucket)}{at}")
    if status is not None and status[1] in ("401", "403"):
        return PermissionError(errno.EACCES, f"access denied ({code[1] if code else status[1]})", address)
    if isinstance(error, FileNotFoundError):
        return _missing(address)
    if "BadScheme" in text:
        return RemoteError(f"{url}: the endpoint{at} is not https: set AWS_ALLOW_HTTP=true to use it all the same")
    if status is None and "HTTP error" in text:
        why = "no answer in time" if "kind: Timeout" in text else "no connection"
        return RemoteError(f"{url} cannot be reached{at}: {why}")
    return RemoteError(f"{url}: {clean(first_line(error))}")
