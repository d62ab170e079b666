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
