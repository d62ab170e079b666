from __future__ import annotations

import math

import polars as pl
import pytest

from klsurv.exprs.measure import early_mean, failed, n_missing, n_negative, n_not_finite

NAN, INF = math.nan, math.inf
ROWS: list[list[float | None]] = [[0.1, NAN, INF, -INF, None], [0.0, 1.0, -1e-9], []]


@pytest.fixture
def rows() -> pl.DataFrame:
    return pl.DataFrame({"kl": ROWS}, schema={"kl": pl.List(pl.Float64)})


def test_nan_both_infinities_and_null_are_failed_measurements(rows: pl.DataFrame) -> None:
    failed = rows.select(n_not_finite(pl.col("kl"))).to_series()
    assert failed.to_list() == [4, 0, 0]
    assert failed.dtype == pl.Int64


def test_minus_infinity_is_negative_and_nan_is_not(rows: pl.DataFrame) -> None:
    negative = rows.select(n_negative(pl.col("kl"))).to_series()
    assert negative.to_list() == [1, 1, 0]
    assert negative.dtype == pl.Int64


@pytest.mark.parametrize(("gen_len", "expected"), [(3, 0), (4, 1), (8, 1), (9, 2), (100, 2)])
def test_a_missing_pmass_counts_only_at_forks_that_the_generation_reached(gen_len: int, expected: int) -> None:
    frame = pl.DataFrame({"fork": [0, 4, 9], "pmass": [0.9, None, None]})
    counted = frame.select(n_missing(pl.col("fork"), pl.col("pmass"), gen_len=pl.lit(gen_len))).to_series()
    assert counted.to_list() == [expected]
    assert counted.dtype == pl.Int64


def test_the_early_mean_is_of_the_finite_values_among_the_first_tokens() -> None:
    frame = pl.DataFrame(
        {"kl": [[1.0, NAN, 3.0, 100.0], [INF, -INF, NAN, 5.0], []]}, schema={"kl": pl.List(pl.Float64)}
    )
    assert frame.select(early_mean(pl.col("kl"), tokens=3)).to_series().to_list() == [2.0, None, None]


def test_one_failed_measurement_of_either_kind_is_enough() -> None:
    rows = pl.DataFrame({"n_kl_failed": [0, 1, 0, 2], "n_pmass_failed": [0, 0, 1, 3]})
    assert rows.select(failed()).to_series().to_list() == [False, True, True, True]
