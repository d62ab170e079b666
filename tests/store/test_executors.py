"""Whatever computes, answers are the same."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from distributed import Client

import klsurv
from benchmarks.cells import write_cells
from klsurv.crew import Crew
from tests.store.asked import same, text, told
from tests.store.ordered import without_order

Make = Callable[[], Executor]
# More early KL than a store has at hand.
LATE: dict[str, Any] = {"threshold": 0.9, "roll": 5, "calib_tokens": 150}


class Counting(ThreadPoolExecutor):
    """Knows how much it was given."""

    submitted = 0

    def submit(self, *args: Any, **kwargs: Any) -> Future[Any]:
        self.submitted += 1
        return super().submit(*args, **kwargs)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("runs")
    write_cells(root, cells=5, prompts=4, tokens=200)
    for path in root.glob("*/trajectory.json"):
        # A measurement of each cell that failed.
        content = json.loads(path.read_text())
        content["per_prompt_per_t_kl"]["1.0"][0][0] = math.nan
        path.write_text(json.dumps(content))
    return root


@pytest.fixture(scope="module")
def store(runs: Path) -> Path:
    """KL of which is not in order, so that quantiles of it look at all."""
    path = runs.with_name("store")
    with pytest.MonkeyPatch.context() as monkeypatch:
        without_order(monkeypatch)
        assert len(klsurv.update_store(runs, path).new) == 5
    return path


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pieces of one cell, and blocks of few draws."""
    monkeypatch.setattr("klsurv.source._PIECE", 1)
    monkeypatch.setattr("klsurv.stats.resample._CELLS", 100)


@pytest.fixture(scope="module", params=["threads", "processes", "crew", "dask"])
def executor(request: pytest.FixtureRequest) -> Iterator[Executor]:
    made: dict[str, Make] = {
        "threads": lambda: ThreadPoolExecutor(2),
        "processes": lambda: ProcessPoolExecutor(2, mp_context=get_context("spawn")),
        "crew": lambda: Crew(2),
    }
    if request.param == "dask":
        with Client(processes=False, n_workers=1, threads_per_worker=2, dashboard_address=None) as client:
            yield client.get_executor(pure=False)
        return
    with made[request.param]() as executor:
        yield executor


@pytest.fixture(scope="module")
def here(store: Path) -> dict[str, str]:
    """The answers of this process."""
    return told(store)


def test_every_answer_is_the_same(store: Path, executor: Executor, here: dict[str, str]) -> None:
    same(told(store, executor=executor), here)


def test_every_answer_is_the_same_where_more_is_read_for_the_scale(store: Path) -> None:
    with Crew(2) as crew:
        same(told(store, scoring=LATE, executor=crew), told(store, scoring=LATE))


def test_failed_measurements_are_bounded_the_same(store: Path, executor: Executor) -> None:
    asked: dict[str, Any] = {"event": "kl", "kl_threshold": 3.0}
    one, other = (klsurv.scan(store, executor=by, tell=lambda _: None) for by in (None, executor))
    want = one.lifetimes("method", **asked)
    assert want.get_column("end_if_died").null_count() == 0
    assert other.lifetimes("method", **asked).equals(want)
    assert one.warnings == other.warnings


def test_a_store_is_made_the_same(runs: Path, store: Path, executor: Executor, tmp_path: Path) -> None:
    report = klsurv.update_store(runs, tmp_path / "store", executor=executor)
    assert report.new == sorted(path.name for path in runs.iterdir())
    assert text(klsurv.scan(tmp_path / "store").trajectories()) == text(klsurv.scan(store).trajectories())


def test_pieces_of_a_store_go_to_the_executor_and_those_in_memory_stay(runs: Path, store: Path) -> None:
    for source, pieces in ((store, 5), (runs, 0)):
        with Counting(2) as executor:
            asked = klsurv.scan(source, executor=executor, tell=lambda _: None)
            asked.summary()
            assert executor.submitted == 2 * pieces
            asked.study(bootstrap=0)
            assert executor.submitted == 3 * pieces
            asked.compare(bootstrap=0)
            asked.study(bootstrap=20, lags=1)
            assert executor.submitted == 4 * pieces
            asked.heldout()
            assert executor.submitted == 6 * pieces
            asked.plot.quantiles()
            asked.scored().collect()
            assert executor.submitted == 6 * pieces
            asked.compare(bootstrap=20)
            assert executor.submitted > 6 * pieces + 2


def test_an_executor_that_fails_says_so_itself_and_what_was_done_is_kept(runs: Path, tmp_path: Path) -> None:
    class Failing(Counting):
        def submit(self, *args: Any, **kwargs: Any) -> Future[Any]:
            if self.submitted == 2:
                raise BrokenExecutor("a process died")
            future = super().submit(*args, **kwargs)
            future.result()
            return future

    with Failing(1) as executor, pytest.raises(BrokenExecutor, match="a process died"):
        klsurv.update_store(runs, tmp_path / "store", executor=executor)
    report = klsurv.update_store(runs, tmp_path / "store")
    assert (len(report.unchanged), len(report.new)) == (2, 3)


def test_the_executor_is_left_running(store: Path) -> None:
    with ThreadPoolExecutor(1) as executor:
        klsurv.scan(store, executor=executor, tell=lambda _: None).summary()
        assert executor.submit(len, "abc").result() == 3


def test_an_error_of_a_piece_is_raised_and_the_rest_is_dropped(store: Path, tmp_path: Path) -> None:
    copy = tmp_path / "store"
    copy.mkdir()
    for path in store.iterdir():
        (copy / path.name).write_bytes(path.read_bytes())
    with Crew(2) as executor:
        asked = klsurv.scan(copy, executor=executor, tell=lambda _: None)
        asked.rollouts()
        for path in copy.glob("*.parquet"):
            path.unlink()
        with pytest.raises(klsurv.LayoutError, match="was replaced while the store was read"):
            asked.summary()


def test_a_store_is_found_from_another_directory(
    store: Path, executor: Executor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(store.parent)
    found = klsurv.scan("store", executor=executor, tell=lambda _: None).summary()
    assert found.equals(klsurv.scan(store, tell=lambda _: None).summary())
    assert found.get_column("kl_p50").dtype == pl.Float64
