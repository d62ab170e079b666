"""Ingests into one store at once, and one store read while it is replaced."""

from __future__ import annotations

import gc
import json
import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import klsurv
from klsurv.analysis.spread import kl_quantiles
from klsurv.errors import LayoutError
from klsurv.store import write
from klsurv.store.marker import MARKER
from tests.ingest.handmade import KL, write_cell
from tests.store.asked import file_in, left, same, summary, told


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for i in range(8):
        write_cell(tmp_path / "runs", f"cell_{i}", calib={"seed": i})
    return tmp_path / "runs"


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "store"


def change(cell: Path, value: float) -> None:
    """Other KL at alpha 1, written a second after what is there."""
    path = cell / "trajectory.json"
    seen = path.stat().st_mtime_ns + 10**9
    rows = [[value] * 8, [value] * 3]
    path.write_text(json.dumps({"per_prompt_per_t_kl": {"0.0": KL[0.0], "1.0": rows}}))
    os.utime(path, ns=(seen, seen))


def at_one(runs: klsurv.Runs) -> list[float]:
    """The first KL at alpha 1 of each cell."""
    return runs.long().filter(alpha=1.0, prompt=0, t=0).collect().get_column("kl").to_list()


@pytest.mark.parametrize("n", [2, 4])
def test_several_at_once_do_what_one_does(root: Path, store: Path, n: int) -> None:
    # All wait for the same moment, at which there is no store yet.
    script = "import sys, klsurv; klsurv.update_store; from klsurv.store.ingest import ingest; input()\n"
    script += "for _ in range(3): ingest(*sys.argv[1:])"
    command = [sys.executable, "-c", script, str(root), str(store)]
    several = [subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(n)]
    for process in several:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    said = [process.communicate(timeout=120)[1] for process in several]
    assert (said, [process.returncode for process in several]) == ([""] * n, [0] * n)
    assert left(store) == []
    same(told(store), told(root))
    assert len(klsurv.update_store(root, store).unchanged) == 8


def meanwhile(monkeypatch: pytest.MonkeyPatch, act: Any) -> list[str]:
    """Have something happen once, after a cell was read and before it is written; returns the cells that were read."""
    read: list[str] = []
    real = write._read

    def late(where: Any) -> Any:
        found = real(where)
        read.append(where.name)
        if len(read) == 1:
            act(where)
        return found

    monkeypatch.setattr(write, "_read", late)
    return read


def test_what_was_read_earlier_does_not_replace_what_another_read_later(
    root: Path, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    klsurv.update_store(root, store)
    change(root / "cell_0", 2.0)

    def act(_: Any) -> None:
        change(root / "cell_0", 3.0)
        klsurv.update_store(root, store)

    read = meanwhile(monkeypatch, act)
    klsurv.update_store(root, store)
    assert read == ["cell_0", "cell_0"]
    assert at_one(klsurv.scan(store)) == [3.0] + [0.5] * 7


def test_a_cell_that_was_broken_when_it_was_read_does_not_replace_what_another_found_good(
    root: Path, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = root / "cell_0" / "trajectory.json"
    good = path.read_bytes()
    path.write_bytes(b"{")
    os.utime(path, (1e9, 1e9))

    def act(_: Any) -> None:
        path.write_bytes(good)
        klsurv.update_store(root, store)
        path.write_bytes(b"{")
        os.utime(path, (2e9 - 9, 2e9 - 9))

    meanwhile(monkeypatch, act)
    report = klsurv.update_store(root, store)
    assert report.broken["cell_0"].endswith("(its last good data are kept)")
    assert at_one(klsurv.scan(store)) == [0.5] * 8


def test_ingests_that_replace_each_other_every_time_end(
    root: Path, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    klsurv.update_store(root, store)
    change(root / "cell_0", 2.0)
    real, value = write._read, iter(range(3, 99))

    def late(where: Any) -> Any:
        found = real(where)
        change(root / "cell_0", float(next(value)))
        file = file_in(store, "cell_0")
        os.utime(file, ns=(0, file.stat().st_mtime_ns + 1))
        return found

    monkeypatch.setattr(write, "_read", late)
    report = klsurv.update_store(root, store)
    assert report.in_flight["cell_0"].startswith("other ingests replace it")
    assert left(store) == []


def test_a_store_is_read_as_it_was_when_it_was_opened(root: Path, store: Path) -> None:
    klsurv.update_store(root, store)
    before, runs = told(store), klsurv.scan(store)
    asked = runs.summary()
    for i in range(8):
        change(root / f"cell_{i}", 7.0)
    os.rename(root / "cell_3", root / "_gone")
    klsurv.update_store(root, store, prune=True)
    assert at_one(runs) == [0.5] * 8
    assert kl_quantiles(runs, ["alpha"], (50,), klsurv.params.Scoring()).height == 2
    assert runs.summary().equals(asked)
    assert at_one(klsurv.scan(store)) == [7.0] * 7
    assert told(store) != before


def test_a_piece_that_was_sent_away_says_that_it_was_replaced(root: Path, store: Path) -> None:
    klsurv.update_store(root, store)
    piece = klsurv.scan(store).pieces()[0]
    sent = pickle.dumps(piece)
    assert pickle.loads(sent).read().collect().equals(piece.read().collect())
    change(root / "cell_0", 7.0)
    klsurv.update_store(root, store)
    assert piece.read().collect().height == 32
    with pytest.raises(LayoutError, match="was replaced while the store was read: run it again"):
        pickle.loads(sent).read().collect()


def test_no_file_stays_open(root: Path, store: Path) -> None:
    klsurv.update_store(root, store)
    before = len(os.listdir("/proc/self/fd"))
    runs = klsurv.scan(store)
    runs.summary()
    assert len(os.listdir("/proc/self/fd")) == before + 8
    del runs
    gc.collect()
    assert len(os.listdir("/proc/self/fd")) == before


FEW_FILES = """if True:
    import resource, sys
    resource.setrlimit(resource.RLIMIT_NOFILE, (260, 260))
    import klsurv
    print(klsurv.scan(sys.argv[1]).summary(["cell", "alpha"]).write_csv(), end="")
"""


def test_a_store_of_more_cells_than_files_may_be_open_is_read(root: Path, store: Path) -> None:
    klsurv.update_store(root, store)
    command = [sys.executable, "-c", FEW_FILES, str(store)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert result.stderr == ""
    assert result.stdout.splitlines() == summary(store).splitlines()[1:]


def test_a_marker_is_all_that_makes_a_directory_a_store(root: Path, store: Path) -> None:
    klsurv.update_store(root, store)
    assert json.loads((store / MARKER).read_text()) == {"klsurv": "store", "version": 2}
    assert sorted(path.suffix for path in store.iterdir()) == [".json", *[".parquet"] * 8]
