"""A server of buckets on loopback; directories into buckets and back."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from moto.server import ThreadedMotoServer

from klsurv.ingest.remote import Remote


@contextmanager
def serving() -> Iterator[str]:
    """The url of a server."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    try:
        yield f"http://{host}:{port}"
    finally:
        server.stop()


def upload(root: Path, to: Remote) -> Remote:
    """Every file below a directory as an object."""
    for path in sorted(root.rglob("*")):
        if path.is_file():
            (to / str(path.relative_to(root))).write(path.read_bytes())
    return to


def names(at: Remote) -> list[str]:
    """The keys below it."""
    return sorted(name for name, _ in at.walk())


def content(at: Remote) -> bytes:
    """What an object holds."""
    data = at.read(at.stat())
    assert data is not None
    return data


def copied(at: Remote, into: Path) -> Path:
    """Every object below it as a file."""
    for name in names(at):
        (into / name).parent.mkdir(parents=True, exist_ok=True)
        (into / name).write_bytes(content(at / name))
    return into
