from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given

from klsurv.frames.counts import counts
from klsurv.frames.event import recovery
from klsurv.frames.risk import risk
from klsurv.frames.thresholds import at_thresholds, ranges
from klsurv.inference import Interval, Thresholds
from klsurv.params import Scoring
from klsurv.schema import THRESHOLD
from klsurv.stats.survival import lifetimes, survival
from klsurv.stats.threshold import threshold
from tests.frames.drawn import PROPERTY, rows
from tests.frames.source import Row, scored

BY = ["method"]
TENTHS = Thresholds(start=0.1, stop=1.0, steps=10)

Counts = list[tuple[int, int, int, int]]


def risks(table: dict[tuple[str | None, float], Counts]) -> pl.DataFrame:
    """(method, threshold) → (fork, n_risk, n_events, n_recovered)."""
    made = [(*key, *row) for key, forks in table.items() for row in forks]
    names = ["method", "threshold", "fork", "n_risk", "n_events", "n_recovered"]
    dtypes = [pl.String, pl.Float64, *[pl.Int64] * 4]
    return pl.DataFrame(made, schema=dict(zip(names, dtypes, strict=True)), orient="row")


def sizes(**n: int) -> pl.DataFrame:
    return pl.DataFrame({"method": list(n), "n": list(n.values())}, schema={"method": pl.String, "n": pl.Int64})


def test_survival_is_the_product_over_forks_and_the_median_the_first_at_half() -> None:
    counted = risks({("pca", 0.5): [(0, 8, 2, 1), (3, 6, 3, 0), (9, 2, 0, 0)]})
    found = threshold(counted, sizes(pca=10), by=BY)
    assert found.schema == {"method": pl.String, **THRESHOLD.schema}
    # 3/4, then 3/8, then 3/8; of 10 trajectories 8 were measured.
    assert found.rows() == [("pca", 0.5, 10, 5, pytest.approx(0.375), 3, pytest.approx(0.2))]


def test_many_thresholds_stay_in_the_order_they_came_in() -> None:
    thresholds = [0.9, 0.1, 0.7, 0.3, 0.8, 0.2, 0.6, 0.4, 0.5]
    counted = risks({("pca", at): [(0, 2, 0, 0)] for at in thresholds})
    assert threshold(counted, sizes(pca=2), by=BY).get_column("threshold").to_list() == thresholds


def test_each_threshold_of_each_group_has_its_own_curve_and_rows_stay_in_order() -> None:
    counted = risks(
        {
            ("pca", 0.2): [(0, 4, 0, 0), (3, 4, 0, 0)],
            ("pca", 0.8): [(0, 4, 4, 4)],
            (None, 0.2): [(0, 2, 1, 0), (3, 1, 0, 0)],
            (None, 0.8): [(0, 2, 2, 1)],
        }
    )
    n = pl.DataFrame({"method": [None, "pca"], "n": [2, 4]}, schema={"method": pl.String, "n": pl.Int64})
    assert threshold(counted, n, by=BY).rows() == [
        ("pca", 0.2, 4, 0, 1.0, None, None),
        ("pca", 0.8, 4, 4, 0.0, 0, 1.0),
        (None, 0.2, 2, 1, 0.5, 0, 0.0),
        (None, 0.8, 2, 2, 0.0, 0, 0.5),
    ]


def test_where_none_died_there_is_no_recovery() -> None:
    found = threshold(risks({("pca", 0.5): [(0, 3, 0, 0)]}), sizes(pca=3), by=BY)
    assert found.select("n_events", "survival_end", "median", "recovery").row(0) == (0, 1.0, None, None)


def test_without_a_measured_fork_there_is_no_row() -> None:
    found = threshold(risks({}), sizes(pca=3), by=BY)
    assert found.is_empty() and found.schema == {"method": pl.String, **THRESHOLD.schema}


@PROPERTY
@given(made=rows())
def test_each_row_is_what_the_curves_at_that_threshold_give(made: list[Row]) -> None:
    counted = ranges(scored(*made), by=BY, thresholds=TENTHS).pipe(at_thresholds, by=BY, thresholds=TENTHS).collect()
    n = scored(*made).group_by(BY).agg(counts()).collect()
    found = threshold(counted, n, by=BY)
    for value in TENTHS.values:
        lives = scored(*made, scoring=Scoring(roll=1, threshold=value))
        curves = survival(risk(lives, by=BY).collect(), by=BY, interval=Interval())
        expected = (
            lifetimes(curves, by=BY)
            .join(lives.group_by(BY).agg(counts()).collect(), on=BY, nulls_equal=True, maintain_order="left")
            .join(
                recovery(lives, by=BY, threshold=value).collect(),
                on=BY,
                how="left",
                nulls_equal=True,
                maintain_order="left",
            )
            .with_columns(threshold=pl.lit(value))
        )
        assert [pytest.approx(row) for row in found.filter(threshold=value).rows()] == expected.select(
            found.columns
        ).rows()
