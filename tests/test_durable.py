"""Files that outlast a crash."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from klsurv import durable


def test_what_is_written_has_been_synced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced = []
    real = os.fsync

    def fsync(descriptor: int) -> None:
        synced.append(os.fstat(descriptor).st_size)
        real(descriptor)

    monkeypatch.setattr("klsurv.durable.os.fsync", fsync)
    durable.write(tmp_path / "a", b"abc")
    assert (tmp_path / "a").read_bytes() == b"abc"
    assert synced == [3]
    durable.sync(tmp_path)
    assert len(synced) == 2


def test_a_directory_that_cannot_be_synced_takes_nothing_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(descriptor: int) -> None:
        raise OSError(22, "Invalid argument")

    monkeypatch.setattr("klsurv.durable.os.fsync", refused)
    durable.sync(tmp_path)
    with pytest.raises(OSError, match="Invalid"):
        durable.write(tmp_path / "a", b"abc")
