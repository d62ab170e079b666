from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest

from klsurv.inference import Interval, LogRank
from klsurv.stats.compare import Trend, compare
from klsurv.stats.counted import Counted
from klsurv.stats.resample import Draws, band

Means = list[tuple[float | None, float | None]]


def compared(means: Means, *, draws: Draws | None = None, trend: Trend | None = None) -> list[dict[str, Any]]:
    """The table `compare` of groups 0, 1, … with these restricted means and errors; of 10 each, 2 die at one fork."""
    groups = pl.DataFrame({"g": range(len(means))})
    counts = (np.full((1, len(means), 1), n) for n in (10.0, 2.0))
    lifetimes = pl.DataFrame(means, schema={"rmst": pl.Float64, "rmst_error": pl.Float64}, orient="row")
    counted = Counted(groups, pl.DataFrame(), np.array([5]), *counts)
    options: dict[str, Any] = {"test": LogRank(), "interval": Interval(), "draws": draws, "trend": trend}
    return compare(counted, lifetimes, by=["g"], **options).to_dicts()


@pytest.mark.parametrize("means", [[(9.0, 1.0), (None, None)], [(None, None), (9.0, 1.0)]])
def test_a_group_without_a_mean_differs_from_none(means: Means) -> None:
    (*_, row) = compared(means)
    assert (row["rmst_a"], row["rmst_b"]) == (means[0][0], means[1][0])
    assert [row[name] for name in ("rmst_diff", "ci_low", "ci_high", "rmst_p")] == [None] * 4


@pytest.mark.parametrize("means", [[(9.0, 1.0), (7.0, None)], [(9.0, None), (7.0, 1.0)], [(9.0, 0.0), (7.0, 0.0)]])
def test_means_of_which_one_has_no_error_have_a_difference_without_interval(means: Means) -> None:
    (*_, row) = compared(means)
    assert row["rmst_diff"] == 2.0
    assert [row[name] for name in ("ci_low", "ci_high", "rmst_p")] == [None] * 3


def test_an_error_of_0_in_one_group_leaves_that_of_the_other() -> None:
    (*_, row) = compared([(9.0, 0.0), (7.0, 1.0)])
    assert (row["ci_low"], row["ci_high"]) == (pytest.approx(2 - 1.959964), pytest.approx(2 + 1.959964))


def test_the_group_with_the_fewest_prompts_says_how_wide_the_interval_of_draws_is() -> None:
    rmst = np.random.default_rng(0).normal(size=(3, 500))
    rows = compared([(9.0, 1.0)] * 3, draws=Draws(rmst, rmst, np.array([40, 4, 9])))[1:]
    for row, (a, b, fewest) in zip(rows, [(0, 1, 4), (0, 2, 9), (1, 2, 4)], strict=True):
        assert (row["boot_low"], row["boot_high"]) == band(rmst[a] - rmst[b], interval=Interval(), prompts=fewest)


def test_trends_stand_in_the_order_of_the_groups() -> None:
    names = [f"m{i}" for i in range(20)]
    groups = pl.DataFrame({"method": np.repeat(names, 2), "alpha": [0.0, 1.0] * 20})
    counts = (np.full((1, 40, 1), n) for n in (10.0, 2.0))
    trend = Trend(Counted(groups, pl.DataFrame(), np.array([5]), *counts), ["method"], "alpha")
    (_, *rows, _) = compared([(9.0, 1.0)] * 2, trend=trend)
    assert [row["group_a"] for row in rows] == names
