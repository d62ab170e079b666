"""Prompts that recur within a group, of which intervals without a bootstrap know nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import polars as pl
import pytest

import klsurv
from tests.analysis.lived import frame, life
from tests.generated import quietly

LIVES = [life(3, method=method, seed=seed, prompt=i) for method in ("pca", "random") for seed in (0, 1) for i in (0, 1)]


def told(runs: klsurv.Runs, ask: Callable[[klsurv.Runs], Any]) -> list[str]:
    ask(runs)
    return [said for said in runs.warnings if "of one prompt" in said]


@pytest.mark.parametrize(
    ("by", "most", "apart"),
    [
        ("alpha", 4, "method, seed"),
        ("method", 2, "seed"),
        ("seed,alpha", 2, "method"),
        ("prompt", 4, "method, seed"),
        ("method,seed", 1, ""),
        ("cell", 1, ""),
    ],
)
@pytest.mark.parametrize("ask", ["survival", "lifetimes", "incidence"])
def test_it_is_told_how_many_and_by_what_they_can_be_told_apart(by: str, most: int, apart: str, ask: str) -> None:
    found = told(quietly(frame(*LIVES)), lambda runs: getattr(runs, ask)(by))
    assert len(found) == (most > 1)
    for said in found:
        assert f"up to {most} trajectories" in said and f"tell them apart by {apart} (--by)" in said


def test_where_nothing_else_differs_it_is_the_cell() -> None:
    twice = pl.concat(pl.DataFrame([life(3)]).with_columns(cell=pl.lit(cell)) for cell in ("a", "b"))
    (said,) = told(quietly(twice), lambda runs: runs.survival())
    assert "tell them apart by cell (--by)" in said


def test_what_draws_whole_prompts_or_has_no_intervals_says_nothing() -> None:
    runs = quietly(frame(*LIVES))
    assert told(runs, lambda runs: (runs.summary(), runs.compare(bootstrap=9), runs.dose(bootstrap=9))) == []


def test_what_columns_do_not_tell_apart_cells_do() -> None:
    lives = frame(life(3, seed=0), life(3, seed=1)).with_columns(target_kl=pl.lit(1.0))
    again = lives.head(1).with_columns(cell=pl.lit("again"), target_kl=pl.lit(2.0))
    (said,) = told(quietly(pl.concat([lives, again])), lambda runs: runs.survival())
    assert "up to 3 trajectories" in said and "tell them apart by seed, cell (--by)" in said


@pytest.mark.parametrize(
    ("rows", "by", "together"),
    [
        ([life(3), life(10, method="random", prompt=1)], (), "method"),
        ([life(3), life(10, method="random", prompt=1)], "method", ""),
        ([life(3, layer=3), life(10, method="random", layer=5)], "method", ""),
        ([life(3, layer=3), life(10, layer=5, prompt=1)], "method", "layer"),
        ([life(3), life(10, method="random", seed=1)], "seed", ""),
        ([life(3), life(10, method="random", alpha=0.0)], (), ""),
        ([life(3), life(10, method="random", alpha=2.0)], (), ""),
    ],
)
def test_precursors_are_told_of_what_is_together_in_a_group_at_one_dose(
    rows: list[Any], by: Any, together: str
) -> None:
    layers = [{"layer": None, **row} for row in rows]
    runs = quietly(frame(*layers).with_columns(pl.col("layer").cast(pl.Int64)))
    runs.study(by, bootstrap=0)
    said = [text for text in runs.warnings if "looks like a precursor" in text]
    assert [text.split(":")[0] for text in said] == [f"groups hold several values of {together}"] * bool(together)


def test_kl_is_looked_at_once_for_shares_and_what_is_told_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    runs, asked = quietly(frame(*LIVES)), []
    lives = runs.lives
    monkeypatch.setattr(runs, "lives", lambda options: asked.append(options) or lives(options))
    runs.incidence(event="kl")
    assert len(asked) == 1


@pytest.mark.parametrize("ask", ["compare", "dose", "study", "landmark", "hazard"])
def test_few_prompts_over_many_seeds_are_told_where_whole_prompts_are_drawn(ask: str) -> None:
    lives = [
        life(3 if (i + seed) % 3 else None, prompt=i, seed=seed, alpha=alpha)
        for i in range(5)
        for seed in range(3)
        for alpha in (1.0, 2.0)
    ]
    for rows, bootstrap, told in ((lives[:24], 9, 1), (lives[:24], 0, ask == "hazard"), (lives, 9, 0)):
        runs = quietly(frame(*rows))
        getattr(runs, ask)("alpha" if ask == "compare" else (), **({} if ask == "hazard" else {"bootstrap": bootstrap}))
        said = [text for text in runs.warnings if text.startswith("fewer than 5 prompts")]
        assert len(said) == told
        assert all(text.endswith(": alpha=1.0 (4), alpha=2.0 (4)") for text in said)


@pytest.mark.parametrize("ask", ["compare", "dose", "study", "landmark"])
def test_draws_too_few_for_the_level_are_told(ask: str) -> None:
    lives = [life(3 if i % 3 else None, prompt=i, alpha=alpha) for i in range(6) for alpha in (1.0, 2.0)]
    for draws, level, told in ((410, 0.95, 1), (411, 0.95, 0), (411, 0.99, 1), (0, 0.99, 0)):
        runs = quietly(frame(*lives))
        getattr(runs, ask)("alpha" if ask == "compare" else (), bootstrap=draws, level=level)
        assert sum("are too few for intervals at level" in text for text in runs.warnings) == told
