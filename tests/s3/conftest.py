"""An S3 server on loopback, and an empty bucket for each test."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import count

import boto3
import pytest

from klsurv.ingest.remote import Remote
from tests.s3.objects import serving

_NUMBERS = count()


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """The url of the server."""
    with serving() as url:
        yield url


@pytest.fixture(scope="session")
def environment(server: str) -> Iterator[str]:
    """What a user sets to reach it, and nothing else of AWS."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            monkeypatch.delenv(name)
        monkeypatch.setenv("AWS_ENDPOINT_URL", server)
        monkeypatch.setenv("AWS_REGION", "us-east-1")
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        yield server


def make_bucket(server: str) -> Remote:
    """A new bucket."""
    name = f"bucket-{next(_NUMBERS)}"
    boto3.client("s3", endpoint_url=server).create_bucket(Bucket=name)
    return Remote(name)


@pytest.fixture
def bucket(environment: str) -> Remote:
    """A bucket of the test's own."""
    return make_bucket(environment)


@pytest.fixture(scope="module")
def shared_bucket(environment: str) -> Remote:
    """A bucket that the tests of a file do not change."""
    return make_bucket(environment)
