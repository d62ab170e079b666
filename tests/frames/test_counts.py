from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest
from hypothesis import given

import klsurv
from klsurv.analysis.spread import kl_quantiles
from klsurv.frames.counts import counts, each_dose
from klsurv.params import Scoring
from klsurv.schema import SUMMARY
from tests.frames.drawn import INF, NAN, PROPERTY, rows
from tests.frames.source import Row, scored, source, trajectory


def test_without_a_trajectory_all_counts_are_0() -> None:
    table = scored().select(counts()).collect()
    assert set(table.dtypes) == {pl.Int64}
    assert set(table.row(0)) == {0}


@pytest.mark.parametrize(
    ("drawn", "length", "death_t", "end", "failed", "counted"),
    [
        pytest.param(True, 5, None, "eos", (0, 0), {"n_censored", "n_eos"}, id="finished"),
        pytest.param(True, 5, None, "window", (0, 0), {"n_running"}, id="ran on"),
        pytest.param(True, 5, 4, "window", (0, 0), {"n_died", "n_events"}, id="died at the last token"),
        pytest.param(True, 5, 5, "window", (0, 0), {"n_events"}, id="died after the last token"),
        pytest.param(True, 5, 6, "window", (0, 0), {"n_running"}, id="died at a fork that was not reached"),
        pytest.param(True, 5, 2, "eos", (0, 0), {"n_died", "n_censored", "n_events"}, id="died, and finished"),
        pytest.param(True, 2, 1, "eos", (0, 0), {"n_died", "n_censored", "n_events"}, id="of two tokens"),
        pytest.param(True, 1, 0, "eos", (0, 0), {"n_events"}, id="of one token"),
        pytest.param(False, 5, 2, "eos", (1, 0), {"n_skipped", "n_events", "n_failed"}, id="not drawn, KL failed"),
        pytest.param(False, 5, None, "window", (0, 1), {"n_skipped", "n_running", "n_failed"}, id="pmass failed"),
    ],
)
def test_a_trajectory_is_counted_as_what_it_is(
    drawn: bool, length: int, death_t: int | None, end: str, failed: tuple[int, int], counted: set[str]
) -> None:
    lives = pl.DataFrame({"drawn": drawn, "length": length, "gen_len": length, "end": end}).with_columns(
        death_t=pl.lit(death_t, pl.Int64), n_kl_failed=failed[0], n_pmass_failed=failed[1]
    )
    (row,) = lives.select(counts()).to_dicts()
    assert list(row) == [name for name in SUMMARY.names if name.startswith("n")]
    assert {name for name, n in row.items() if n} == {"n", *counted}
    assert max(row.values()) == 1


@PROPERTY
@given(made=rows())
def test_counts_add_up_over_groups_and_every_trajectory_ends_in_one_way(made: list[Row]) -> None:
    lives = scored(*made, scoring=Scoring(roll=1, threshold=0.5))
    whole = lives.select(counts()).collect()
    parts = lives.group_by("method", "alpha").agg(counts()).collect()
    assert parts.select(whole.columns).sum().equals(whole)
    (row,) = whole.iter_rows(named=True)
    assert row["n"] == len(made) == row["n_events"] + row["n_eos"] + row["n_running"]
    assert row["n_events"] == sum(
        any(m is not None and m < 0.5 for f, m in zip(one["fork"], one["pmass"], strict=True) if f <= one["gen_len"])
        for one in made
    )


@PROPERTY
@given(made=rows())
def test_kl_quantiles_are_linear_ones_of_the_finite_kl_inside_the_lengths(made: list[Row]) -> None:
    values: dict[tuple[str | None, float], list[float]] = {}
    for row in made:
        kl = [x for x in row["kl"][: row["gen_len"]] if math.isfinite(x)]
        values.setdefault((row["method"], row["alpha"]), []).extend(kl)
    found = kl_quantiles(klsurv.scan(source(*made)), ["method", "alpha"], (0, 50, 95, 100), Scoring())
    assert found.columns == ["method", "alpha", "kl_p0", "kl_p50", "kl_p95", "kl_p100"]
    assert {row[:2]: row[2:] for row in found.rows()} == {
        group: pytest.approx(tuple(np.percentile(kl, [0, 50, 95, 100]))) if kl else (None,) * 4
        for group, kl in values.items()
    }


def test_quantiles_of_a_group_weigh_tokens_and_not_trajectories() -> None:
    made = [trajectory([0.0]), trajectory([1.0] * 3), trajectory([NAN, INF, -INF])]
    found = kl_quantiles(klsurv.scan(source(*made)), ["alpha"], (50,), Scoring())
    assert found.rows() == [(1.0, 1.0)]


def test_every_dose_that_is_asked_for_has_its_row_in_the_order_asked() -> None:
    table = pl.LazyFrame({"alpha": [0.5, 2.0], "n": [3, 1], "n_events": [2, 1], "median": [7, 8], "end": ["a", "b"]})
    assert each_dose(table, alphas=[4.0, 2.0, 0.5]).collect().rows() == [
        (4.0, 0, 0, None, None),
        (2.0, 1, 1, 8, "b"),
        (0.5, 3, 2, 7, "a"),
    ]


def test_a_dose_that_is_not_asked_for_has_no_row_and_without_doses_there_is_none() -> None:
    table = pl.LazyFrame({"alpha": [0.5, 2.0], "n": [3, 1]})
    assert each_dose(table, alphas=[2.0]).collect().rows() == [(2.0, 1)]
    assert each_dose(table, alphas=[]).collect().rows() == []
