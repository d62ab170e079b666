from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from polars.testing import assert_frame_equal

from klsurv.watch.sweep import Sweep
from klsurv.watch.view import Change
from tests.ingest.handmade import write_cell, write_file
from tests.watch.growing import ALPHAS, Producer, Reads, summary, sweep

FILES = ("calib.json", "pmass.json", "trajectory.json")


def told(changes: list[Change]) -> list[tuple[str, str, int, bool]]:
    return [(change.cell, change.state, change.alphas, change.kept) for change in changes]


def same(watched: Sweep, root: Path, by: str = "alpha", **options: object) -> None:
    assert_frame_equal(watched.view().table, summary(root, by=by, **options), check_exact=True)


@pytest.mark.parametrize("by", ["alpha", "method,alpha", "cell", "seed,prompt"])
def test_alpha_by_alpha_it_says_what_the_summary_says(tmp_path: Path, by: str) -> None:
    watched = sweep(tmp_path, by=by)
    producers = [Producer(tmp_path, f"c{i}", seed=i).begin() for i in range(3)]
    assert told(watched.refresh()) == [(f"c{i}", "in flight", 0, False) for i in range(3)]
    assert watched.view().table.height == 0
    for done, alpha in enumerate(ALPHAS, 1):
        for i, producer in enumerate(producers):
            producer.add(alpha)
            assert told(watched.refresh()) == [(f"c{i}", "ok", done, False)]
            same(watched, tmp_path, by)
    view = watched.view()
    assert (view.alphas, view.alphas_of, view.trajectories) == (12, 12, 36)
    assert (view.states, view.troubles, view.waiting) == ({"ok": 3}, [], None)


def test_only_files_of_cells_that_changed_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    producers = [Producer(tmp_path, f"c{i}").begin().add(0.0) for i in range(4)]
    write_file(write_cell(tmp_path, "bad") / "pmass.json", '{"pmass_')
    (write_cell(tmp_path, "begun") / "pmass.json").unlink()
    watched, reads = sweep(tmp_path), Reads(monkeypatch)
    watched.refresh()
    assert set(reads.taken()) == {
        *(f"c{i}/{file}" for i in range(4) for file in FILES),
        "bad/calib.json",
        "bad/pmass.json",
    }
    for _ in range(3):
        assert watched.refresh() == []
        assert reads.taken() == []
    producers[2].add(1.0)
    watched.refresh()
    assert reads.taken() == [f"c2/{file}" for file in FILES]
    os.utime(tmp_path / "c1" / "calib.json", (5, 5))
    assert watched.refresh() == []
    assert reads.taken() == [f"c1/{file}" for file in FILES]
    watched.refresh()
    assert reads.taken() == []


def test_what_had_just_been_written_is_read_once_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = Producer(tmp_path, "a").begin().add(0.0).path / "pmass.json"
    watched, reads = sweep(tmp_path), Reads(monkeypatch)
    watched.refresh()
    os.utime(path)
    watched.refresh()
    reads.taken()
    # A second change within one tick of the clock would not show.
    watched.refresh()
    assert len(reads.taken()) == 3
    os.utime(path, (7, 7))
    watched.refresh()
    reads.taken()
    watched.refresh()
    assert reads.taken() == []


def test_a_half_written_file_leaves_the_last_good_data_and_says_so(tmp_path: Path) -> None:
    producer = Producer(tmp_path, "a").begin().add(0.0).add(0.5)
    Producer(tmp_path, "b", seed=1).begin().add(0.0)
    watched = sweep(tmp_path)
    watched.refresh()
    before = watched.view()
    for part in (0.0, 0.3, 0.9):
        producer.masses(part=part)
        os.utime(producer.path / "pmass.json")
        watched.refresh()
        assert_frame_equal(watched.view().table, before.table)
        (trouble,) = watched.view().troubles
        assert (trouble.cell, trouble.state, trouble.kept) == ("a", "in flight", True)
        assert trouble.reason is not None and trouble.reason.startswith("pmass.json: is ")
    producer.masses(part=0.9)
    assert told(watched.refresh()) == [("a", "broken", 2, True)]
    assert_frame_equal(watched.view().table, before.table)
    producer.add(1.0)
    assert told(watched.refresh()) == [("a", "ok", 3, False)]
    same(watched, tmp_path)


def test_a_file_that_is_an_alpha_ahead_is_used_as_far_as_the_other(tmp_path: Path) -> None:
    producer = Producer(tmp_path, "a").begin().add(0.0)
    watched = sweep(tmp_path)
    watched.refresh()
    producer.measure(1.0)
    producer.trajectory()
    assert told(watched.refresh()) == [("a", "partial", 1, False)]
    assert "alpha 1.0 is not in pmass.json (yet)" in str(watched.view().troubles[0].reason)
    same(watched, tmp_path)
    producer.masses()
    assert told(watched.refresh()) == [("a", "ok", 2, False)]


def test_a_cell_that_is_broken_from_the_start_heals(tmp_path: Path) -> None:
    path = write_cell(tmp_path, "a")
    good = (path / "trajectory.json").read_bytes()
    write_file(path / "trajectory.json", good[:100])
    watched = sweep(tmp_path)
    assert told(watched.refresh()) == [("a", "broken", 0, False)]
    assert watched.refresh() == []
    write_file(path / "trajectory.json", good)
    assert told(watched.refresh()) == [("a", "ok", 2, False)]
    same(watched, tmp_path)


def test_a_cell_that_vanishes_takes_its_data_along_and_may_come_back(tmp_path: Path) -> None:
    for name in ("a", "b"):
        Producer(tmp_path, name).begin().add(0.0).add(1.0)
    watched = sweep(tmp_path)
    watched.refresh()
    (tmp_path / "a").rename(tmp_path / "_a")
    assert told(watched.refresh()) == [("a", "vanished", 0, False)]
    same(watched, tmp_path)
    (tmp_path / "_a").rename(tmp_path / "a")
    assert told(watched.refresh()) == [("a", "ok", 2, False)]
    same(watched, tmp_path)
    shutil.rmtree(tmp_path / "a")
    shutil.rmtree(tmp_path / "b")
    assert {change.state for change in watched.refresh()} == {"vanished"}
    view = watched.view()
    assert (view.table.height, view.states) == (0, {})
    assert view.waiting is not None and "no run cell in" in view.waiting


def test_files_that_vanish_one_by_one_leave_the_last_good_data(tmp_path: Path) -> None:
    Producer(tmp_path, "a").begin().add(0.0)
    watched = sweep(tmp_path)
    watched.refresh()
    (tmp_path / "a" / "pmass.json").unlink()
    assert told(watched.refresh()) == [("a", "in flight", 1, True)]
    (tmp_path / "a" / "calib.json").unlink()
    (tmp_path / "a" / "trajectory.json").unlink()
    assert told(watched.refresh()) == [("a", "vanished", 0, False)]


def test_a_root_that_is_not_there_is_waited_for(tmp_path: Path) -> None:
    root = tmp_path / "runs"
    watched = sweep(root)
    assert watched.refresh() == []
    assert "does not exist" in str(watched.view().waiting)
    root.mkdir()
    assert watched.refresh() == []
    assert "no run cell in" in str(watched.view().waiting)
    Producer(root, "a").begin().add(0.0)
    assert told(watched.refresh()) == [("a", "ok", 1, False)]
    assert watched.view().waiting is None


def test_a_root_that_goes_away_leaves_what_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tmp_path / "runs"
    Producer(root, "a").begin().add(0.0)
    watched = sweep(root)
    watched.refresh()
    before = watched.view().table
    root.rename(tmp_path / "away")
    assert watched.refresh() == []
    assert "does not exist" in str(watched.view().waiting)
    assert_frame_equal(watched.view().table, before)
    (tmp_path / "away").rename(root)
    reads = Reads(monkeypatch)
    assert watched.refresh() == []
    assert (reads.taken(), watched.view().waiting) == ([], None)


def test_a_root_that_has_become_too_large_leaves_what_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a", "b"):
        Producer(tmp_path, name).begin().add(0.0)
    watched = sweep(tmp_path)
    watched.refresh()
    before = watched.view().table
    monkeypatch.setenv("KLSURV_MAX_CELLS", "1")
    assert watched.refresh() == []
    assert "holds more than 1 entries" in str(watched.view().waiting)
    assert_frame_equal(watched.view().table, before)
    monkeypatch.delenv("KLSURV_MAX_CELLS")
    assert watched.refresh() == []
    assert watched.view().waiting is None


@pytest.mark.parametrize(
    "options",
    [
        {"alphas": (0.0, 1.0)},
        {"model_contains": "b"},
        {"where": "seed = 1"},
        {"where": "n_prompts = 3 AND cell != 'a'"},
    ],
    ids=str,
)
def test_cells_and_doses_are_chosen_as_the_summary_does(tmp_path: Path, options: dict[str, object]) -> None:
    producers = [Producer(tmp_path, name, seed=i).begin() for i, name in enumerate(("a", "b", "bb"))]
    watched = sweep(tmp_path, **options)
    watched.refresh()
    for alpha in ALPHAS:
        for producer in producers:
            producer.add(alpha)
        watched.refresh()
    same(watched, tmp_path, **options)


def test_a_cell_that_is_left_out_is_not_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for i in range(3):
        Producer(tmp_path, f"c{i}", seed=i).begin().add(0.0)
    watched, reads = sweep(tmp_path, where="seed = 1"), Reads(monkeypatch)
    assert told(watched.refresh()) == [("c1", "ok", 1, False)]
    # Its facts are enough to tell.
    assert [name for name in reads.taken() if not name.startswith("c1")] == ["c0/calib.json", "c2/calib.json"]
    assert watched.refresh() == []
    assert reads.taken() == []
    assert watched.view().states == {"ok": 1}


def test_question_and_answer_prompts_can_be_watched(cells: Path) -> None:
    watched = sweep(cells, metric="pmass")
    watched.refresh()
    same(watched, cells, metric="pmass")


def test_grids_that_differ_are_told(tmp_path: Path) -> None:
    write_cell(tmp_path, "a")
    write_cell(tmp_path, "b", pmass={"fork_points": [0, 3, 5, 8]})
    watched = sweep(tmp_path)
    watched.refresh()
    assert any("Turnbull" in note for note in watched.view().notes)
    same(watched, tmp_path)


def test_looks_do_not_add_up(tmp_path: Path) -> None:
    producer = Producer(tmp_path, "a").begin()
    for alpha in ALPHAS:
        producer.add(alpha)
    watched = sweep(tmp_path)
    watched.refresh()
    size = sum(cell.lives.estimated_size() for cell in watched._known.values() if cell.lives is not None)
    for _ in range(30):
        producer.masses(part=0.5)
        watched.refresh()
        producer.masses()
        watched.refresh()
    kept = list(watched._known.values())
    assert sum(cell.lives.estimated_size() for cell in kept if cell.lives is not None) == size
    assert len(watched.view().latest) <= 20


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_rates_are_of_what_was_done_since_one_began_to_look(tmp_path: Path) -> None:
    clock = Clock()
    producer = Producer(tmp_path, "a").begin().add(0.0)
    Producer(tmp_path, "b").begin().add(0.0).add(0.5).add(1.0).add(2.0)
    watched = sweep(tmp_path, clock=clock)
    watched.refresh()
    assert watched.view().rates is None
    clock.now = 120.0
    producer.add(0.5)
    watched.refresh()
    view = watched.view()
    assert view.rates is not None
    assert (view.rates.alphas, view.rates.trajectories, view.rates.over) == (0.5, 1.5, 120.0)
    assert (view.alphas, view.alphas_of, view.doses, view.minutes) == (6, 8, 4, 4.0)


def test_what_is_left_is_told_of_as_many_cells_and_doses_as_there_will_be(tmp_path: Path) -> None:
    clock = Clock()
    producer = Producer(tmp_path, "a").begin().add(0.0)
    watched = sweep(tmp_path, clock=clock, cells=5, alphas=(0.0, 0.5, 9.0))
    watched.refresh()
    clock.now = 60.0
    watched.refresh()
    assert (watched.view().alphas_of, watched.view().minutes) == (15, None)
    producer.add(0.5)
    watched.refresh()
    assert (watched.view().alphas, watched.view().cells_of, watched.view().minutes) == (2, 5, 13.0)


def test_a_cell_that_breaks_or_begins_anew_undoes_no_work(tmp_path: Path) -> None:
    clock = Clock()
    producer = Producer(tmp_path, "a").begin()
    watched = sweep(tmp_path, clock=clock)
    watched.refresh()
    producer.add(0.0).add(1.0)
    watched.refresh()
    shutil.rmtree(producer.path)
    watched.refresh()
    clock.now = 60.0
    rates = watched.view().rates
    assert rates is not None and (rates.alphas, rates.trajectories) == (2.0, 6.0)


def test_quiet_is_the_time_since_a_file_changed(tmp_path: Path) -> None:
    clock = Clock()
    producer = Producer(tmp_path, "a").begin()
    watched = sweep(tmp_path, clock=clock)
    watched.refresh()
    clock.now = 10.0
    watched.refresh()
    assert watched.quiet == 10.0
    # Even where it changes nothing that is shown.
    os.utime(producer.path / "calib.json", (5, 5))
    watched.refresh()
    assert watched.quiet == 0.0
    clock.now = 13.0
    shutil.rmtree(producer.path)
    watched.refresh()
    assert watched.quiet == 0.0
