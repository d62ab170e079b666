"""Directories into buckets and back."""

from __future__ import annotations

from pathlib import Path

from klsurv.ingest.remote import Remote


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
