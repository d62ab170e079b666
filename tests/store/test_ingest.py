"""What an ingest makes of each cell."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

import klsurv
from klsurv import update_store
from klsurv.errors import CellError, NothingUsableError
from klsurv.store.marker import MARKER
from klsurv.store.write import refresh
from tests.conftest import Klsurv
from tests.ingest.handmade import rows, write_cell, write_file
from tests.store.asked import file_in, left, same, told
from tests.store.changed import counts, later, of_kl
from tests.whole import whole


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
    assert str(report) == "0 new, 0 updated, 2 unchanged, 1 in flight, 1 broken, 0 skipped, 0 vanished, 0 pruned"
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


ASKED = {"pmass": {"1.0": [[0.9, 0.5, 0.9, 0.9]]}, "gen_lens_qa": {"1.0": [8]}}


def test_a_prompt_set_that_is_started_over_keeps_what_was_good_while_the_other_goes_on(
    root: Path, store: Path, klsurv: Klsurv
) -> None:
    cell = write_cell(root, "q", pmass=ASKED)
    klsurv("ingest", root, store)
    want = told(store)
    text = (cell / "pmass.json").read_text()
    later(cell / "pmass.json", json.dumps({**json.loads(text), "pmass_eval": {}, "gen_lens_eval": {}}))
    for _ in range(2):
        result = klsurv("ingest", root, store)
        assert result.stderr.splitlines() == [
            "warning: q is in flight: trajectory.json: alpha 0.0 is not in pmass.json (yet), and left out; "
            "trajectory.json: alpha 1.0 is not in pmass.json (yet), and left out (its last good data are kept)",
            f"{store}: 0 new, 0 updated, 3 unchanged, 1 in flight, 0 broken, 0 skipped, 0 vanished, 0 pruned",
        ]
        same(told(store), want)
    same(told(store, metric="pmass"), told(root, metric="pmass"))
    later(cell / "pmass.json", text)
    assert update_store(root, store).updated == ["q"]
    same(told(store), told(root))


def test_a_question_set_that_is_gone_keeps_what_was_good_and_is_told(root: Path, store: Path, klsurv: Klsurv) -> None:
    cell = write_cell(root, "q", pmass=ASKED)
    klsurv("ingest", root, store)
    questions = told(store, metric="pmass")
    later(cell / "pmass.json", json.dumps({**json.loads((cell / "pmass.json").read_text()), "pmass": {}}))
    for counted in ("1 updated, 3 unchanged", "0 updated, 4 unchanged"):
        result = klsurv("ingest", root, store)
        assert result.stderr.splitlines() == [
            "warning: q: pmass.json: pmass: holds no alpha yet (its last good data are kept)",
            f"{store}: 0 new, {counted}, 0 in flight, 0 broken, 0 skipped, 0 vanished, 0 pruned",
        ]
        same(told(store, metric="pmass"), questions)
    same(told(store), told(root))


def test_a_prompt_set_that_was_kept_when_its_runs_moved_is_not_read_again(
    root: Path, store: Path, tmp_path: Path
) -> None:
    cell = write_cell(root, "q", pmass=ASKED)
    klsurv.update_store(root, store)
    later(cell / "pmass.json", json.dumps({**json.loads((cell / "pmass.json").read_text()), "pmass_eval": {}}))
    moved = root.rename(tmp_path / "moved")
    assert klsurv.update_store(moved, store).in_flight.keys() == {"q"}
    written = file_in(store, "q").stat()
    assert klsurv.update_store(moved, store).in_flight.keys() == {"q"}
    assert file_in(store, "q").stat().st_ino == written.st_ino
    assert set(klsurv.scan(store).cells().get_column("path")) == {str(moved / name) for name in "abcq"}


def test_a_cell_that_never_was_good_is_told_by_check(root: Path, store: Path, klsurv: Klsurv) -> None:
    write_file(write_cell(root, "bad") / "pmass.json", "{")
    write_cell(root, "none", pmass={"computed": False})
    told = klsurv("ingest", root, store)
    assert told.returncode == 0
    assert "warning: bad is broken: pmass.json: is not JSON" in told.stderr
    assert told.stderr.splitlines()[-1] == (
        f"{store}: 3 new, 0 updated, 0 unchanged, 0 in flight, 1 broken, 1 skipped, 0 vanished, 0 pruned"
    )
    again = klsurv("ingest", root, store)
    assert "warning: bad is broken: pmass.json: is not JSON" in again.stderr
    assert "warning: none is skipped: pmass.json: computed: is not true" in again.stderr
    assert "0 new, 0 updated, 3 unchanged, 0 in flight, 1 broken, 1 skipped" in again.stderr
    of_store, of_root = (klsurv("check", path, "--format", "json") for path in (store, root))
    assert (of_store.returncode, of_store.stdout) == (1, of_root.stdout)
    of_store, of_root = (klsurv("summary", path) for path in (store, root))
    assert (of_store.stdout, of_store.stderr) == (of_root.stdout, of_root.stderr)


def test_a_store_in_which_nothing_is_usable_says_so(tmp_path: Path, store: Path) -> None:
    write_cell(tmp_path / "runs", "a", pmass={"computed": False})
    for _ in range(2):
        assert counts(klsurv.update_store(tmp_path / "runs", store)) == {"skipped": 1}
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
        f"{store}: 0 new, 0 updated, 0 unchanged, 0 in flight, 7 broken, 0 skipped, 0 vanished, 0 pruned",
        "error: none of the 7 cells can be used",
    ]


def test_an_ingest_of_cells_that_are_all_skipped_fails_and_says_why(
    tmp_path: Path, store: Path, klsurv: Klsurv
) -> None:
    write_cell(tmp_path / "runs", "a", pmass={"computed": False})
    for _ in range(2):
        result = klsurv("ingest", tmp_path / "runs", store)
        assert (result.returncode, result.stdout) == (1, "")
        assert result.stderr.splitlines() == [
            "warning: a is skipped: pmass.json: computed: is not true: pmass was not measured",
            f"{store}: 0 new, 0 updated, 0 unchanged, 0 in flight, 0 broken, 1 skipped, 0 vanished, 0 pruned",
            "error: none of the 1 cells can be used",
        ]
    later(tmp_path / "runs" / "a" / "pmass.json", (write_cell(tmp_path) / "pmass.json").read_text())
    assert update_store(tmp_path / "runs", store).updated == ["a"]


def test_a_cell_that_has_only_questions_is_usable(tmp_path: Path, store: Path) -> None:
    write_cell(tmp_path / "runs", "q", pmass={**ASKED, "pmass_eval": {}, "gen_lens_eval": {}})
    assert counts(klsurv.update_store(tmp_path / "runs", store)) == {"new": 1}
    assert counts(klsurv.update_store(tmp_path / "runs", store)) == {"unchanged": 1}
    assert klsurv.scan(store, metric="pmass").summary().height > 0


def test_an_empty_store_says_how_it_is_filled(store: Path) -> None:
    store.mkdir()
    (store / MARKER).write_text("{}")
    with pytest.raises(NothingUsableError, match="holds no cell yet: `klsurv ingest RUNS"):
        klsurv.scan(store).summary()


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
    report = klsurv.update_store(moved, store)
    assert report.updated == ["a", "b", "c"]
    assert report.notes == [f"{name} was read from {root / name}, now from {moved / name}" for name in "abc"]
    assert counts(klsurv.update_store(moved, store)) == {"unchanged": 3}
    same(told(store), told(moved))


def test_a_cell_of_another_root_by_the_same_name_replaces_it_and_is_told(
    root: Path, store: Path, tmp_path: Path, klsurv: Klsurv
) -> None:
    klsurv("ingest", root, store)
    other = tmp_path / "others"
    for i in range(7):
        write_cell(other, f"n{i}")
    write_cell(other, "a", calib={"seed": 7})
    result = klsurv("ingest", other, store)
    assert result.stderr.splitlines()[0] == f"warning: a was read from {root / 'a'}, now from {other / 'a'}"
    assert f"{store}: 7 new, 1 updated" in result.stderr
    assert "was read from" not in klsurv("ingest", other, store).stderr
    moved = other.rename(tmp_path / "moved")
    lines = klsurv("ingest", moved, store).stderr.splitlines()
    assert lines[4:6] == [
        f"warning: n3 was read from {other / 'n3'}, now from {moved / 'n3'}",
        "warning: 3 more: of the same kind",
    ]


def test_a_cell_of_another_root_that_is_broken_leaves_what_is_there(root: Path, store: Path, tmp_path: Path) -> None:
    klsurv.update_store(root, store)
    write_file(write_cell(tmp_path / "others", "a") / "pmass.json", "{")
    report = klsurv.update_store(tmp_path / "others", store)
    assert (report.notes, report.kept) == ([], ["a"])
    assert klsurv.update_store(root, store).unchanged == ["a", "b", "c"]


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
