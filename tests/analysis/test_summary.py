from __future__ import annotations

import math
from typing import Any

import polars as pl
import pytest

import klsurv
from klsurv.schema import SUMMARY
from tests.frames.source import Row, source, trajectory

NAN, INF = math.nan, math.inf
COUNTS = ["n", "n_skipped", "n_died", "n_censored", "n_events", "n_eos", "n_running", "n_failed"]


def summary(*rows: Row, by: str = "alpha", **scoring: Any) -> pl.DataFrame:
    """The table; KL is left unsmoothed if no scoring is given."""
    return klsurv.scan(source(*rows), tell=lambda _: None).summary(by, **{"roll": 1, **scoring})


def counts(*rows: Row, **scoring: Any) -> dict[str, int]:
    """The counts of one group that are not 0."""
    table = summary(*rows, **scoring)
    return {name: n for name, n in table.select(COUNTS).row(0, named=True).items() if n}


def test_the_columns_are_the_groups_and_those_that_the_schema_declares() -> None:
    table = summary(trajectory([0.1, 0.2], fork=[0], pmass=[0.9]), by="method,alpha")
    assert table.schema == {"method": pl.String, "alpha": pl.Float64, **SUMMARY.schema}


def test_one_row_per_group_sorted_and_a_group_without_a_name_comes_last() -> None:
    rows = [trajectory([0.1], method=method) for method in ("pca", None, "mean_diff", "pca")]
    table = summary(*rows, by="method")
    assert table.select("method", "n").rows() == [("mean_diff", 1), ("pca", 2), (None, 1)]


def test_a_group_without_a_name_has_its_own_quantiles_and_lifetimes() -> None:
    rows = [
        trajectory([0.5] * 10, method=None, fork=[0, 4], pmass=[0.9, 0.1]),
        trajectory([0.1] * 10, method="pca", fork=[0, 4], pmass=[0.9, 0.9]),
    ]
    table = summary(*rows, by="method").select("method", "kl_p50", "median", "rmst", "tau")
    assert table.rows() == [("pca", 0.1, None, 4.0, 4), (None, 0.5, 4, 4.0, 4)]


@pytest.mark.parametrize(
    ("death", "gen_len", "expected"),
    [
        pytest.param(None, 10, {"n_running": 1}, id="alive when the window was full"),
        pytest.param(None, 9, {"n_censored": 1, "n_eos": 1}, id="alive when it ended itself"),
        pytest.param(4, 10, {"n_died": 1, "n_events": 1}, id="died under way"),
        pytest.param(4, 9, {"n_died": 1, "n_censored": 1, "n_events": 1}, id="died, and ended itself: drawn as both"),
        pytest.param(4, 5, {"n_died": 1, "n_censored": 1, "n_events": 1}, id="died at the last token"),
        pytest.param(4, 4, {"n_censored": 1, "n_events": 1}, id="died just at the end: an event, not drawn as died"),
        pytest.param(4, 3, {"n_censored": 1, "n_eos": 1}, id="below the threshold past the end: no event"),
        pytest.param(10, 10, {"n_events": 1}, id="died when the window was full"),
    ],
)
def test_a_death_and_an_end_are_counted_once_each_way(
    death: int | None, gen_len: int, expected: dict[str, int]
) -> None:
    forks: Row = {} if death is None else {"fork": [0, death], "pmass": [0.9, 0.1]}
    assert counts(trajectory([0.1] * gen_len, **forks)) == {"n": 1, **expected}


def test_the_end_counts_as_eos_by_the_length_generated_and_death_by_the_kl_there_is() -> None:
    row = trajectory([0.1] * 3, gen_len=10, fork=[4], pmass=[0.1])
    assert counts(row) == {"n": 1, "n_events": 1}


@pytest.mark.parametrize("length", [0, 1])
def test_fewer_than_two_tokens_are_not_counted_as_drawn_but_do_survive_or_die(length: int) -> None:
    dead = trajectory([0.1] * length, fork=[0], pmass=[0.1])
    alive = trajectory([0.1] * length, fork=[0], pmass=[0.9])
    assert counts(dead, alive, normalize_kl=False) == {"n": 2, "n_events": 1, "n_eos": 1}


def test_without_a_scale_a_trajectory_is_skipped_by_the_figure_and_counted_by_survival() -> None:
    rows = [trajectory([0.0] * 9, fork=[0, 4], pmass=[0.9, 0.1]), trajectory([0.0] * 9), trajectory([0.0] * 10)]
    assert counts(*rows) == {"n": 3, "n_skipped": 3, "n_events": 1, "n_eos": 1, "n_running": 1}
    drawn = counts(*rows, normalize_kl=False)
    assert drawn == {"n": 3, "n_died": 1, "n_censored": 2, "n_events": 1, "n_eos": 1, "n_running": 1}


def test_a_missing_pmass_is_a_failure_and_not_a_death() -> None:
    rows = [
        trajectory([0.1] * 10, fork=[0, 4], pmass=[None, None]),
        trajectory([0.1, NAN, NAN] + [0.1] * 7),
        trajectory([0.1] * 10, fork=[0, 11], pmass=[0.9, None]),
    ]
    assert counts(*rows) == {"n": 3, "n_running": 3, "n_failed": 2}


def test_events_eos_and_running_are_all_there_are() -> None:
    rows = [
        trajectory([0.1] * gen_len, alpha=alpha, fork=[0, 4, 9], pmass=pmass)
        for alpha in (0.0, 1.0)
        for gen_len in (0, 1, 4, 9, 10)
        for pmass in ([0.9, 0.9, 0.9], [0.9, 0.1, 0.9], [None, None, 0.1])
    ]
    table = summary(*rows)
    assert table.get_column("n").to_list() == [15, 15]
    assert table.select(pl.sum_horizontal("n_events", "n_eos", "n_running")).to_series().to_list() == [15, 15]


def test_kl_quantiles_are_over_the_finite_raw_values_inside_the_lengths() -> None:
    rows = [trajectory([0.0, 10.0, 99.0], gen_len=2), trajectory([NAN, INF, 5.0])]
    table = summary(*rows, roll=3).select("kl_p50", "kl_p95", "kl_p99")
    assert table.row(0) == pytest.approx((5.0, 9.5, 9.9))


def test_without_finite_kl_there_are_no_quantiles_and_without_forks_no_lifetimes() -> None:
    rows = [trajectory([NAN, INF]), trajectory([0.1], gen_len=0)]
    table = summary(*rows).select("n", "kl_p50", "kl_p95", "kl_p99", "median", "rmst", "tau")
    assert table.rows() == [(2, None, None, None, None, None, None)]


def test_an_alpha_at_which_all_died_has_its_mean_and_limits_no_other() -> None:
    rows = [
        trajectory([0.1] * 10, alpha=1.0, fork=[0, 4, 9], pmass=[0.9, 0.9, 0.9]),
        trajectory([0.1] * 10, alpha=4.0, fork=[0, 4, 9], pmass=[0.9, 0.1, 0.1]),
        trajectory([0.1] * 10, alpha=8.0, fork=[0, 4, 9], pmass=[0.1, 0.1, 0.1]),
    ]
    table = summary(*rows).select("alpha", "median", "rmst", "tau")
    assert table.rows() == [(1.0, None, 9.0, 9), (4.0, 4, 4.0, 9), (8.0, 0, 0.0, 9)]
