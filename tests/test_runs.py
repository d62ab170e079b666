"""What runs say of themselves."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

import klsurv
from tests.analysis.lived import frame, life
from tests.generated import quietly
from tests.ingest.handmade import write_cell, write_file


def test_they_are_told_without_being_read(tmp_path: Path) -> None:
    assert repr(klsurv.scan(tmp_path / "not\nthere")) == f"<Runs of {tmp_path}/not\\nthere, not read yet>"


def test_once_read_they_say_how_much_there_is(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        write_cell(tmp_path, name)
    write_file(tmp_path / "c" / "calib.json", "{")
    runs = quietly(tmp_path)
    doses = len(runs.alphas)
    assert repr(runs) == f"<Runs of {tmp_path}: 2 of 3 cells usable, {doses} doses>"


def test_a_story_can_be_asked_for_by_a_whole_number(tmp_path: Path) -> None:
    write_cell(tmp_path, "a")
    runs = quietly(tmp_path)
    assert runs.story("a", 1, 0, roll=1).equals(runs.story("a", 1.0, 0, roll=1))


@pytest.mark.parametrize("ask", ["lifetimes", "compare", "dose"])
def test_a_tau_past_the_last_fork_is_told(ask: str) -> None:
    lives = frame(
        *[life(at, method=name, prompt=i) for name in ("pca", "sae") for i, at in enumerate([3, *[None] * 5])]
    )
    for tau, told in ((None, 0), (10, 0), (11, 1)):
        runs = quietly(lives)
        getattr(runs, ask)("method", tau=tau, **({} if ask == "lifetimes" else {"bootstrap": 0}))
        assert sum(text.startswith("tau 11 is past 10") for text in runs.warnings) == told


@pytest.mark.parametrize("ask", ["lifetimes", "compare", "dose"])
def test_a_tau_past_the_death_of_all_assumes_nothing_and_is_not_told(ask: str) -> None:
    runs = quietly(frame(*[life(at, method=name, prompt=i) for name, at in (("pca", 0), ("sae", 3)) for i in range(6)]))
    table = getattr(runs, ask)("method", tau=11, **({} if ask == "lifetimes" else {"bootstrap": 0}))
    assert table.get_column("tau").drop_nulls().to_list()[-1] == 11
    assert not [text for text in runs.warnings if text.startswith("tau")]


@pytest.mark.parametrize("ask", ["survival", "lifetimes", "incidence", "threshold"])
def test_doses_that_a_group_pools_are_told(ask: str) -> None:
    lives = frame(*[life(3, method="pca", prompt=i, alpha=alpha) for i in range(6) for alpha in (0.5, 1.0)])
    for by, alphas, told in (("method", None, 1), ("alpha", None, 0), ("method", [1.0], 0), ("method,alpha", None, 0)):
        runs = klsurv.scan(lives, alphas=alphas, tell=lambda _: None)
        getattr(runs, ask)(by)
        assert sum(text.startswith("groups pool 2 doses (alpha 0.5, 1.0)") for text in runs.warnings) == told


@pytest.mark.parametrize("ask", ["lifetimes", "compare", "dose"])
def test_a_group_that_ends_the_means_early_is_told(ask: str) -> None:
    rows = [life(None, method="pca", prompt=i, gen_len=2) for i in range(6)]
    rows += [life(3 if i else None, method="sae", prompt=i) for i in range(6)]
    runs = quietly(frame(*rows))
    getattr(runs, ask)("method", **({"bootstrap": 0} if ask in ("compare", "dose") else {}))
    assert [text for text in runs.warnings if "means end at" in text] == [
        f"means end at 0, to which method=pca{', alpha=1.0' * (ask == 'dose')} was followed; "
        "others were followed to 10 (tau)"
    ]


def test_a_frame_made_by_other_runs_is_read() -> None:
    # In a process of its own, which can be ended: each held a lock that the other's thread waited for.
    again = """
import klsurv
from tests.analysis.lived import frame, life
runs = klsurv.scan(frame(life(3), life(None, prompt=1)), tell=print)
print(klsurv.scan(runs.long(), tell=print).summary(by="cell").get_column("n").to_list())
"""
    done = subprocess.run([sys.executable, "-c", again], capture_output=True, text=True, timeout=120)
    assert done.stdout.splitlines()[-1] == "[2]", done.stderr


def test_a_frame_is_called_one(tmp_path: Path) -> None:
    long = quietly(write_cell(tmp_path, "a").parent).long().collect()
    for source in (long, long.lazy(), long.to_arrow()):
        assert repr(klsurv.scan(source, tell=lambda _: None)) == "<Runs of a frame, not read yet>"


def test_many_thresholds_have_no_one_survival_that_failed_measurements_could_change() -> None:
    runs = quietly(frame(*[life(pmass=[0.9, None, 0.9], prompt=i) for i in range(6)]))
    runs.threshold(start=0.05, stop=0.2, steps=3)
    assert [said for said in runs.warnings if "failed" in said] == [
        "trajectories have failed measurements of pmass in alpha=1.0 (6)"
    ]


def test_a_notebook_offers_the_questions_and_not_what_they_are_made_of() -> None:
    offered = {name for name in dir(quietly(frame(life(3)))) if not name.startswith("_")}
    assert {"summary", "survival", "compare", "plot", "scored", "warnings"} <= offered
    assert not offered & {"judged", "pieces", "reader", "digests"}


@pytest.mark.parametrize("ask", ["cells", "rollouts", "check", "heldout", "summary"])
def test_a_table_that_is_changed_in_place_changes_no_answer(tmp_path: Path, ask: str) -> None:
    write_cell(tmp_path, "a")
    runs = quietly(tmp_path)
    table, summary = getattr(runs, ask)(), runs.summary(roll=1)
    before = table.clone()
    table.columns = [f"my {name}" for name in table.columns]
    assert getattr(runs, ask)().equals(before)
    assert runs.summary(roll=1).equals(summary)


@pytest.mark.parametrize("tokens", [1, 8_000_000])
def test_of_the_first_rows_those_that_a_filter_keeps_are_given(monkeypatch: pytest.MonkeyPatch, tokens: int) -> None:
    monkeypatch.setattr("klsurv.source._PIECE", tokens)
    runs = quietly(frame(*[life(3, seed=seed, prompt=i) for seed in (0, 1) for i in range(3)]))
    for rows in (runs.long(), runs.scored(), runs.trajectories()):
        whole, last = rows.collect(), pl.col("prompt") == 2
        assert whole.height > 4
        assert rows.head(4).filter(last).collect().equals(whole.head(4).filter(last))
        assert rows.filter(last).head(2).collect().equals(whole.filter(last).head(2))
