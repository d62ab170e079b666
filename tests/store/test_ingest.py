"""What an ingest makes of each cell, and what it refuses."""

from __future__ import annotations

import json
import os
import re
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import klsurv
from klsurv.errors import CellError, LayoutError, NothingUsableError, OutputError
from klsurv.store.ingest import Report
from klsurv.store.marker import MARKER
from klsurv.store.write import refresh
from tests.conftest import Klsurv
from tests.ingest.handmade import KL, rows, write_cell, write_file
from tests.store.asked import file_in, left, same, summary, told
from tests.whole import whole


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in ("a", "b", "c"):
        write_cell(tmp_path / "runs", name)
    return tmp_path / "runs"


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "store"


def counts(report: Report) -> dict[str, int]:
    """Those that are not 0."""
    return {name: len(cells) for name, cells in vars(report).items() if cells}


def later(path: Path, content: str | None = None) -> None:
    """Write a file once more, a second later than it was."""
    seen = path.stat().st_mtime_ns
    path.write_text(path.read_text() if content is None else content)
    os.utime(path, ns=(seen + 10**9, seen + 10**9))


def of_kl(value: float) -> str:
    return json.dumps({"per_prompt_per_t_kl": {"0.0": KL[0.0], "1.0": [[value] * 8, [value] * 3]}}, indent=2)


def check(source: Path) -> dict[str, str]:
    """The status of each cell."""
    table = klsurv.scan(source, tell=lambda _: None).check()
    return dict(table.select("cell", "status").rows())


def test_it_says_what_became_of_each_cell(root: Path, store: Path) -> None:
    assert counts(klsurv.update_store(root, store)) == {"new": 3}
    assert counts(klsurv.update_store(root, store)) == {"unchanged": 3}
    later(root / "a" / "trajectory.json", of_kl(2.5))
    write_cell(root, "d")
    report = klsurv.update_store(root, store)
    assert (report.updated, report.new, report.unchanged) == (["a"], ["d"], ["b", "c"])
    (root / "b" / "calib.json").unlink()
    later(root / "c" / "pmass.json", "{")
    report = klsurv.update_store(root, store)
    assert str(report) == "0 new, 0 updated, 2 unchanged, 1 in flight, 1 broken, 0 vanished, 0 pruned"
    assert report.in_flight == {"b": "calib.json: not there (yet) (its last good data are kept)"}
    assert report.broken["c"].startswith("pmass.json: is not JSON, or cut short")
    assert report.broken["c"].endswith("(its last good data are kept)")
    os.rename(root / "d", root / "e")
    report = klsurv.update_store(root, store)
    assert (report.new, report.vanished) == (["e"], ["d"])
    assert set(check(store)) == {"a", "b", "c", "d", "e"}
    assert klsurv.update_store(root, store, prune=True).pruned == ["d"]
    assert check(store) == dict.fromkeys("abce", "ok")
    assert left(store) == []


def test_only_what_changed_is_read(root: Path, store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    klsurv.update_store(root, store)
    later(root / "b" / "trajectory.json", of_kl(2.5))
    read = []

    def watched(cell: Any, *args: Any, **options: Any) -> Any:
        read.append(cell.name)
        return refresh(cell, *args, **options)

    monkeypatch.setattr("klsurv.store.ingest.refresh", watched)
    klsurv.update_store(root, store)
    assert read == ["b"]
    assert whole(klsurv.scan(store)).filter(cell="b", alpha=1.0).get_column("kl").to_list() == [[2.5] * 8, [2.5] * 3]


@pytest.mark.parametrize("seconds", [0, 1.5])
def test_a_change_that_size_and_time_do_not_show_is_found(root: Path, store: Path, seconds: float) -> None:
    path = root / "a" / "trajectory.json"
    path.write_text(of_kl(1.25))
    seen = path.stat().st_mtime_ns - int(seconds * 1e9)
    os.utime(path, ns=(seen, seen))
    assert counts(klsurv.update_store(root, store)) == {"new": 3}
    assert counts(klsurv.update_store(root, store)) == {"unchanged": 3}
    path.write_text(of_kl(1.75))
    os.utime(path, ns=(seen, seen))
    assert klsurv.update_store(root, store).updated == ["a"]
    assert whole(klsurv.scan(store)).filter(cell="a", alpha=1.0).get_column("kl").to_list() == [[1.75] * 8, [1.75] * 3]


def test_a_cell_that_becomes_broken_keeps_what_was_good(root: Path, store: Path) -> None:
    klsurv.update_store(root, store)
    want = told(store)
    later(root / "a" / "trajectory.json", "{")
    for _ in range(2):
        assert counts(klsurv.update_store(root, store)) == {"unchanged": 2, "broken": 1, "kept": 1}
    same(told(store), want)
    later(root / "a" / "trajectory.json", of_kl(0.5))
    assert klsurv.update_store(root, store).updated == ["a"]
    same(told(store), told(root))


def test_a_cell_that_is_started_over_keeps_what_was_good(root: Path, store: Path) -> None:
    klsurv.update_store(root, store)
    want = told(store)
    later(root / "a" / "pmass.json", json.dumps({"fork_points": [0], "pmass_eval": {}, "gen_lens_eval": {}}))
    assert klsurv.update_store(root, store).in_flight.keys() == {"a"}
    same(told(store), want)


def test_a_prompt_set_that_becomes_broken_keeps_what_was_good_and_the_other_goes_on(root: Path, store: Path) -> None:
    asked = {"pmass": {"1.0": [[0.9, 0.5, 0.9, 0.9]]}, "gen_lens_qa": {"1.0": [8]}}
    cell = write_cell(root, "q", pmass=asked)
    klsurv.update_store(root, store)
    questions = told(store, metric="pmass")
    text = (cell / "pmass.json").read_text()
    later(cell / "pmass.json", text.replace("0.9,\n        0.5", "7,\n        0.5"))
    later(cell / "trajectory.json", of_kl(0.75))
    assert klsurv.update_store(root, store).updated == ["q"]
    same(told(store, metric="pmass"), questions)
    assert klsurv.update_store(root, store).unchanged == ["a", "b", "c", "q"]
    later(cell / "pmass.json", text)
    klsurv.update_store(root, store)
    for metric in ("pmass", "pmass_eval"):
        same(told(store, metric=metric), told(root, metric=metric))


def test_a_cell_that_never_was_good_is_told_by_check(root: Path, store: Path, klsurv: Klsurv) -> None:
    write_file(write_cell(root, "bad") / "pmass.json", "{")
    write_cell(root, "none", pmass={"computed": False})
    told = klsurv("ingest", root, store)
    assert told.returncode == 0
    assert "warning: bad is broken: pmass.json: is not JSON" in told.stderr
    assert told.stderr.splitlines()[-1] == (
        f"{store}: 4 new, 0 updated, 0 unchanged, 0 in flight, 1 broken, 0 vanished, 0 pruned"
    )
    again = klsurv("ingest", root, store)
    assert "warning: bad is broken: pmass.json: is not JSON" in again.stderr
    assert "0 new, 0 updated, 4 unchanged, 0 in flight, 1 broken" in again.stderr
    of_store, of_root = (klsurv("check", path, "--format", "json") for path in (store, root))
    assert (of_store.returncode, of_store.stdout) == (1, of_root.stdout)
    of_store, of_root = (klsurv("summary", path) for path in (store, root))
    assert (of_store.stdout, of_store.stderr) == (of_root.stdout, of_root.stderr)


def test_a_store_in_which_nothing_is_usable_says_so(tmp_path: Path, store: Path) -> None:
    write_cell(tmp_path / "runs", "a", pmass={"computed": False})
    assert counts(klsurv.update_store(tmp_path / "runs", store)) == {"new": 1}
    assert counts(klsurv.update_store(tmp_path / "runs", store)) == {"unchanged": 1}
    with pytest.raises(NothingUsableError, match="none of the 1 cells can be used"):
        klsurv.scan(store, tell=lambda _: None).summary()
    assert check(store) == {"a": "skipped"}


def test_an_ingest_that_finds_nothing_usable_fails_and_says_why(tmp_path: Path, store: Path, klsurv: Klsurv) -> None:
    for i in range(7):
        write_file(write_cell(tmp_path / "runs", f"bad_{i}") / "pmass.json", "{")
    result = klsurv("ingest", tmp_path / "runs", store)
    lines = result.stderr.splitlines()
    assert (result.returncode, result.stdout) == (1, "")
    assert [line.split(":")[1] for line in lines[:5]] == [f" bad_{i} is broken" for i in range(5)]
    assert lines[5:] == [
        f"warning: 2 more: `klsurv check {tmp_path / 'runs'}` lists them",
        f"{store}: 0 new, 0 updated, 0 unchanged, 0 in flight, 7 broken, 0 vanished, 0 pruned",
        "error: none of the 7 cells can be used",
    ]


def test_an_empty_store_says_how_it_is_filled(store: Path) -> None:
    store.mkdir()
    (store / MARKER).write_text("{}")
    with pytest.raises(NothingUsableError, match="holds no cell yet: `klsurv ingest RUNS"):
        klsurv.scan(store).summary()


def as_version(path: Path, version: int) -> None:
    """A file of a store as another version of klsurv wrote it."""
    footer = json.loads(pl.read_parquet_metadata(path)["klsurv.store"])
    table = pl.read_parquet(path)
    table.write_parquet(path, metadata={"klsurv.store": json.dumps({**footer, "version": version})})


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-5])


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def garbage(path: Path) -> None:
    path.write_bytes(b"PAR1 this is nothing of the kind PAR1")


def foreign(path: Path) -> None:
    pl.DataFrame({"a": [1]}).write_parquet(path)


def odd(path: Path) -> None:
    pl.DataFrame({"a": [1]}).write_parquet(path, metadata={"klsurv.store": '{"version": 1, "early": 128, "cells": []}'})


def nameless(path: Path) -> None:
    text = pl.read_parquet_metadata(path)["klsurv.store"].replace("status", "sta.us")
    pl.read_parquet(path).write_parquet(path, metadata={"klsurv.store": text})


@pytest.mark.parametrize("spoil", [lambda path: as_version(path, 0), cut, emptied, garbage, foreign, odd, nameless])
def test_a_file_that_is_damaged_or_of_another_version_is_refused_until_an_ingest(
    root: Path, store: Path, spoil: Callable[[Path], None]
) -> None:
    klsurv.update_store(root, store)
    spoil(file_in(store, "b"))
    with pytest.raises(LayoutError, match=re.escape(f"`klsurv ingest RUNS {store}` writes the store anew")):
        klsurv.scan(store).summary()
    assert counts(klsurv.update_store(root, store)) == {"new": 1, "unchanged": 2}
    same(told(store), told(root))


@pytest.mark.parametrize("place", ["unknown.parquet", "copy"])
def test_a_file_that_is_none_of_the_store_is_refused_until_it_is_pruned(root: Path, store: Path, place: str) -> None:
    klsurv.update_store(root, store)
    path = store / f"{place.removesuffix('.parquet')}.parquet"
    path.write_bytes(file_in(store, "a").read_bytes() if place == "copy" else b"nothing")
    with pytest.raises(LayoutError, match="--prune"):
        klsurv.scan(store).summary()
    assert klsurv.update_store(root, store).vanished == [path.name]
    assert klsurv.update_store(root, store, prune=True).pruned == [path.name]
    same(told(store), told(root))


def test_data_that_are_damaged_behind_a_good_footer_are_told(root: Path, store: Path) -> None:
    klsurv.update_store(root, store)
    path = file_in(store, "b")
    data = path.read_bytes()
    path.write_bytes(data[:4] + b"\xff" * 900 + data[904:])
    with pytest.raises(LayoutError, match="damaged"):
        klsurv.scan(store).summary()


def test_a_directory_with_other_things_in_it_is_left_alone(root: Path, tmp_path: Path, klsurv: Klsurv) -> None:
    for target in (root, root / "a", tmp_path / "mine"):
        (tmp_path / "mine").mkdir(exist_ok=True)
        (tmp_path / "mine" / "thesis.txt").write_text("")
        before = sorted(target.rglob("*"))
        refused = klsurv("ingest", root, target)
        assert (refused.returncode, refused.stdout) == (1, "")
        assert refused.stderr == f"error: {target} is no store, and not empty: give a new directory\n"
        assert sorted(target.rglob("*")) == before


def test_a_store_within_the_runs_is_not_taken_for_a_cell(root: Path) -> None:
    want = told(root)
    store = root / "store"
    assert counts(klsurv.update_store(root, store)) == {"new": 3}
    assert counts(klsurv.update_store(root, store)) == {"unchanged": 3}
    same(told(root), want)
    same(told(store), want)


def test_what_is_no_run_root_is_refused_and_no_store_is_made(root: Path, tmp_path: Path, klsurv: Klsurv) -> None:
    klsurv("ingest", root, tmp_path / "other")
    file = next((tmp_path / "other").glob("*.parquet"))
    for runs, why in (
        (file, "is a file: expected a run root or a run cell"),
        (tmp_path / "other", "is a store: expected a run root or a run cell"),
        (tmp_path / "nowhere", "does not exist"),
    ):
        refused = klsurv("ingest", runs, tmp_path / "store")
        assert refused.returncode == 1 and f"{runs} {why}" in refused.stderr and "Traceback" not in refused.stderr
        assert not (tmp_path / "store").exists()


@pytest.mark.parametrize("store", ["file", "no/such", "file/store"])
def test_a_store_that_cannot_be_made_is_told(root: Path, tmp_path: Path, store: str) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be made a store"):
        klsurv.update_store(root, tmp_path / store)


# The superuser may write where no one may, unless that is given up.
WITHOUT_PRIVILEGES = """if True:
    import ctypes, sys
    import klsurv
    root, store = sys.argv[1:]
    assert ctypes.CDLL(None).capset((ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()) == 0
    try:
        klsurv.update_store(root, store)
    except klsurv.OutputError as error:
        print(error)
    print(klsurv.scan(store).summary().get_column("n").to_list())
"""


def test_a_store_that_must_not_be_written_is_told_and_can_be_read(root: Path, store: Path) -> None:
    klsurv.update_store(root, store)
    later(root / "a" / "trajectory.json", of_kl(2.5))
    store.chmod(0o555)
    command = [sys.executable, "-c", WITHOUT_PRIVILEGES, str(root), str(store)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60)
    store.chmod(0o755)
    assert result.stderr == ""
    assert result.stdout.splitlines() == [f"{store} cannot be written: Permission denied", "[6, 6]"]


@pytest.mark.parametrize("workers", [1, 2])
def test_a_full_disk_is_told_and_leaves_nothing_half_written(root: Path, store: Path, workers: int) -> None:
    klsurv.update_store(root, store)
    before = summary(store)
    for name in "ab":
        later(root / name / "trajectory.json", of_kl(2.5))

    def full() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))

    command = [sys.executable, "-m", "klsurv", "ingest", str(root), str(store), "--workers", str(workers)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60, preexec_fn=full)
    assert (result.returncode, result.stderr) == (1, f"error: {store} cannot be written: File too large\n")
    assert left(store) == []
    assert summary(store) == before
    assert klsurv.update_store(root, store).updated == ["a", "b"]


def test_links_and_hostile_names_are_cells_like_any(tmp_path: Path, root: Path) -> None:
    odd_names = [
        b"[red]*?{a,b}",
        b"\x1b[31mred",
        b"a\nb",
        "a\u202eb".encode(),
        b"\xff\xfe",
        b"a\\b",
        b"<b>&",
        b"$HOME~",
    ]
    for name in odd_names:
        write_cell(root, name)
    write_cell(tmp_path / "elsewhere", "real")
    (root / "linked").symlink_to(tmp_path / "elsewhere" / "real", target_is_directory=True)
    (root / "gone").symlink_to("nowhere")
    store = tmp_path / "[s]t*re?{a}"
    report = klsurv.update_store(root, store)
    assert (len(report.new), list(report.broken)) == (len(odd_names) + 4, ["gone"])
    assert len(klsurv.update_store(root, store).unchanged) == len(odd_names) + 4
    same(told(store), told(root))
    assert whole(klsurv.scan(store, where="cell = 'linked'")).height == len(rows())


def test_runs_that_were_moved_are_found_where_they_are(root: Path, store: Path, tmp_path: Path) -> None:
    write_file(root / "a" / "history.json", json.dumps([{"coeff": 1.0, "kl_p95": 0.5}]))
    klsurv.update_store(root, store)
    moved = root.rename(tmp_path / "moved")
    assert klsurv.update_store(moved, store).updated == ["a", "b", "c"]
    same(told(store), told(moved))


def test_a_store_of_runs_given_by_a_relative_path_can_be_read_from_anywhere(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    klsurv.update_store("runs", "store")
    monkeypatch.chdir("/")
    same(told(tmp_path / "store"), told(root))


def test_strict_refuses_a_store_with_a_cell_that_is_not_ok(root: Path, store: Path) -> None:
    write_file(write_cell(root, "bad") / "pmass.json", "{")
    klsurv.update_store(root, store)
    with pytest.raises(CellError, match=r"bad: pmass\.json: is not JSON"):
        klsurv.scan(store, strict=True).summary()


def test_progress_counts_the_cells_that_are_read(root: Path, store: Path) -> None:
    klsurv.update_store(root, store)
    later(root / "a" / "trajectory.json", of_kl(2.5))
    later(root / "b" / "trajectory.json", of_kl(2.5))
    seen: list[tuple[int, int]] = []
    klsurv.update_store(root, store, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(1, 2), (2, 2)]
