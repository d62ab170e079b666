"""An ingest that is killed at any moment leaves a store that the next one completes."""

from __future__ import annotations

import errno
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import klsurv
from tests.effort import examples
from tests.ingest.handmade import write_cell
from tests.store.asked import left, same, text, told

KILLS = 2 * examples(25)


def command(root: Path, store: Path, workers: int) -> list[str]:
    return [sys.executable, "-m", "klsurv", "ingest", str(root), str(store), "--workers", str(workers)]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("killed") / "runs"
    for i in range(12):
        write_cell(root, f"cell_{i}", calib={"seed": i})
    return root


def everything(store: Path) -> str:
    runs = klsurv.scan(store)
    return text(runs.cells()) + text(runs.trajectories()) + text(runs.summary(["cell", "alpha"]))


def test_a_store_whose_ingest_was_killed_at_any_moment_is_completed(root: Path, tmp_path: Path) -> None:
    klsurv.update_store(root, tmp_path / "whole")
    want = everything(tmp_path / "whole")
    lasts = {}
    for workers in (1, 2):
        began = time.monotonic()
        subprocess.run(command(root, tmp_path / f"timed_{workers}", workers), check=True, capture_output=True)
        lasts[workers] = time.monotonic() - began
    moments, died = random.Random(5), 0
    for i in range(5 * KILLS):
        # Some are at their end already, how many is up to the machine.
        if i >= KILLS and i % 2 == 0 and died > KILLS / 2:
            break
        # With a second worker, some is written by processes that are not killed.
        workers = 2 if i % 5 == 4 else 1
        store = tmp_path / f"store_{i // 2}"
        process = subprocess.Popen(command(root, store, workers), stderr=subprocess.PIPE)
        time.sleep(lasts[workers] * moments.random())
        process.send_signal(signal.SIGKILL)
        said = process.communicate(timeout=60)[1].decode()
        assert "Traceback" not in said
        assert process.returncode in (0, -signal.SIGKILL), said
        died += process.returncode != 0
        if store.exists():
            assert all(path.read_bytes()[-4:] == b"PAR1" for path in store.glob("*.parquet"))
        # Every store is killed twice: once on nothing or what was there, once on what that left.
        if i % 2:
            klsurv.update_store(root, store)
            assert left(store) == []
            assert everything(store) == want
    assert died > KILLS / 2
    same(told(store), told(root))


def test_what_a_killed_ingest_left_is_removed_by_the_next(root: Path, tmp_path: Path) -> None:
    store = tmp_path / "store"
    klsurv.update_store(root, store)
    for name in (".0a1b2c3d4e5f.lock", ".0a1b2c3d4e5f-0011.part", ".ffffffffffff-2233.part"):
        (store / name).write_bytes(b"half")
    klsurv.update_store(root, store)
    assert left(store) == []


def test_a_directory_whose_making_was_killed_is_made_a_store(root: Path, tmp_path: Path) -> None:
    store = tmp_path / "store"
    store.mkdir()
    (store / ".0a1b2c3d4e5f.lock").touch()
    (store / ".0a1b2c3d4e5f-klsurv-store.json.part").write_text("{")
    assert len(klsurv.update_store(root, store).new) == 12
    assert left(store) == []


def test_what_an_ingest_that_runs_has_under_way_is_not_removed(root: Path, tmp_path: Path) -> None:
    import fcntl

    store = tmp_path / "store"
    klsurv.update_store(root, store)
    (store / ".0a1b2c3d4e5f-0011.part").write_bytes(b"half")
    descriptor = os.open(store / ".0a1b2c3d4e5f.lock", os.O_RDWR | os.O_CREAT)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    klsurv.update_store(root, store)
    assert left(store) == [".0a1b2c3d4e5f-0011.part", ".0a1b2c3d4e5f.lock"]
    os.close(descriptor)
    klsurv.update_store(root, store)
    assert left(store) == []


def test_a_file_system_without_locks_holds_a_store_too(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(*_: object) -> None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))

    monkeypatch.setattr("fcntl.flock", none)
    store = tmp_path / "store"
    store.mkdir()
    (store / ".0a1b2c3d4e5f.lock").touch()
    (store / ".0a1b2c3d4e5f-0011.part").touch()
    klsurv.update_store(root, store)
    assert left(store) == [".0a1b2c3d4e5f-0011.part", ".0a1b2c3d4e5f.lock"]
    assert everything(store) == everything(root)
