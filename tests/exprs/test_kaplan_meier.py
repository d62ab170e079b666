from __future__ import annotations

import math

import polars as pl
import pytest

from klsurv.exprs import kaplan_meier as km
from klsurv.inference import Interval


def mean_to(forks: list[int], survival: list[float], *, tau: int | None) -> float | None:
    frame = pl.DataFrame(
        {"fork": forks, "survival": survival, "tau": [tau] * len(forks)},
        schema={"fork": pl.Int64, "survival": pl.Float64, "tau": pl.Int64},
    )
    area: float | None = frame.select(km.restricted_mean(pl.col("fork"), pl.col("survival"), tau=pl.col("tau"))).item()
    return area


def test_the_hazard_is_the_share_of_those_at_risk_and_0_where_there_are_none() -> None:
    frame = pl.DataFrame({"n_events": [0, 1, 3, 0], "n_risk": [4, 4, 3, 0]})
    found = frame.select(km.hazard(pl.col("n_events"), pl.col("n_risk"))).to_series()
    assert found.to_list() == [0.0, 0.25, 1.0, 0.0]


def test_survival_is_the_running_product() -> None:
    frame = pl.DataFrame({"hazard": [0.0, 0.25, 0.5, 1.0, 0.0]})
    assert frame.select(km.survival(pl.col("hazard"))).to_series().to_list() == [1.0, 0.75, 0.375, 0.0, 0.0]


def test_survival_over_groups_starts_each_at_1() -> None:
    frame = pl.DataFrame({"group": ["a", "a", "b", "b"], "hazard": [0.5, 0.5, 0.0, 0.5]})
    found = frame.select(km.survival(pl.col("hazard")).over("group")).to_series()
    assert found.to_list() == [0.5, 0.25, 1.0, 0.5]


@pytest.mark.parametrize(
    ("survival", "expected"),
    [
        ([1.0, 0.5, 0.2], 4),
        ([1.0, 0.51, 0.2], 9),
        ([0.0, 0.0, 0.0], 0),
        ([1.0, 0.9, 0.51], None),
        ([1.0, 0.5 + 1e-13, 0.2], 4),
        ([1.0, 0.5 + 1e-11, 0.2], 9),
    ],
)
def test_the_median_is_the_first_fork_at_or_below_a_half(survival: list[float], expected: int | None) -> None:
    frame = pl.DataFrame({"fork": [0, 4, 9], "survival": survival})
    assert frame.select(km.median(pl.col("fork"), pl.col("survival"))).item() == expected


@pytest.mark.parametrize(
    ("tau", "expected"),
    [
        pytest.param(10, 6.5, id="at the last fork"),
        pytest.param(5, 4.0, id="between forks"),
        pytest.param(3, 3.0, id="at a fork"),
        pytest.param(2, 2.0, id="before the first death"),
        pytest.param(20, 11.5, id="past the last fork"),
        pytest.param(0, 0.0, id="at 0"),
    ],
)
def test_the_restricted_mean_is_the_area_under_the_steps(tau: int, expected: float) -> None:
    assert mean_to([0, 3, 10], [1.0, 0.5, 0.5], tau=tau) == pytest.approx(expected)


@pytest.mark.parametrize(("tau", "expected"), [(9, 4.0), (4, 4.0), (2, 2.0)])
def test_before_the_first_fork_all_are_alive(tau: int, expected: float) -> None:
    assert mean_to([4], [0.0], tau=tau) == pytest.approx(expected)


def test_dead_at_fork_0_gives_a_mean_of_0() -> None:
    assert mean_to([0, 4, 9], [0.0, 0.0, 0.0], tau=9) == 0.0


def test_the_restricted_mean_is_null_where_tau_is() -> None:
    assert mean_to([0, 4], [1.0, 0.5], tau=None) is None


def test_grouped_restricted_means_keep_apart() -> None:
    frame = pl.DataFrame({"group": ["a", "a", "b"], "fork": [0, 4, 2], "survival": [1.0, 0.0, 0.5], "tau": [6, 6, 6]})
    found = frame.group_by("group", maintain_order=True).agg(
        km.restricted_mean(pl.col("fork"), pl.col("survival"), tau=pl.col("tau"))
    )
    assert [row[1] for row in found.rows()] == [4.0, 4.0]


N, D = pl.col("n_risk"), pl.col("n_events")
FORK, S, TAU = pl.col("fork"), pl.col("survival"), pl.col("tau")
BEFORE = FORK.shift(1).fill_null(0)


def test_greenwood_s_terms_are_0_where_no_one_or_everyone_dies() -> None:
    frame = pl.DataFrame({"n_events": [0, 1, 2, 3, 0], "n_risk": [8, 8, 5, 3, 0]})
    assert frame.select(km.greenwood(D, N)).to_series().to_list() == [0, 1 / 56, 2 / 15, 0, 0]


def test_the_standard_error_is_null_where_survival_is_0() -> None:
    frame = pl.DataFrame({"survival": [1.0, 0.75, 0.5, 0.0], "greenwood": [0.0, 1 / 12, 1 / 6, 0.0]})
    found = frame.select(km.std_error(S, pl.col("greenwood"))).to_series().to_list()
    assert found == [0.0, pytest.approx(0.75 * math.sqrt(1 / 12)), pytest.approx(0.25), None]


def test_the_bounds_of_0_and_1_are_exact_and_those_between_normal() -> None:
    frame = pl.DataFrame({"survival": [1.0, 0.5, 0.0], "std_error": [0.0, 0.1, None], "n_risk": [8, 6, 8]})
    low, high = km.bounds(S, pl.col("std_error"), N, interval=Interval(ci="plain", level=0.9))
    found = frame.select(low=low, high=high).rows()
    exact, width = 0.05 ** (1 / 8), 1.6448536 * 0.1
    assert found == [
        (pytest.approx(exact), 1.0),
        (pytest.approx(0.5 - width), pytest.approx(0.5 + width)),
        (0.0, pytest.approx(1 - exact)),
    ]


def test_survival_of_0_or_1_to_rounding_is_0_or_1() -> None:
    frame = pl.DataFrame({"survival": [1 - 1e-15, 1e-15], "std_error": [1e-9, None], "n_risk": [8, 8]})
    low, high = km.bounds(S, pl.col("std_error"), N, interval=Interval())
    assert frame.select(low=low, high=high).rows() == [
        (pytest.approx(0.025**0.125), 1.0),
        (0.0, pytest.approx(1 - 0.025**0.125)),
    ]


@pytest.mark.parametrize(
    ("tau", "expected"),
    [
        pytest.param(10, 3.0 + 3.5, id="at the last fork"),
        pytest.param(5, 3.0 + 1.0, id="between forks"),
        pytest.param(3, 3.0, id="at a fork"),
        pytest.param(20, 6.5 + 5.0, id="past the last fork"),
        pytest.param(0, 0.0, id="at 0"),
    ],
)
def test_the_least_mean_has_survival_fall_just_after_the_fork_before(tau: int, expected: float) -> None:
    # 1 in (0, 3], 0.5 in (3, 10].
    frame = pl.DataFrame({"fork": [0, 3, 10], "survival": [1.0, 1.0, 0.5], "tau": [tau] * 3})
    assert frame.select(km.restricted_mean_left(FORK, S, BEFORE, tau=TAU)).item() == pytest.approx(expected)


def test_the_least_mean_has_deaths_before_the_first_fork_at_the_start() -> None:
    frame = pl.DataFrame({"fork": [4, 9], "survival": [0.25, 0.0], "tau": [9, 9]})
    assert frame.select(km.restricted_mean_left(FORK, S, BEFORE, tau=TAU)).item() == pytest.approx(1.0)


def test_the_least_mean_takes_each_fall_to_the_other_end_of_where_it_lies() -> None:
    # 0.5 falls somewhere in (0, 10], though another was looked at at 5.
    frame = pl.DataFrame({"fork": [0, 5, 10], "survival": [1.0, 1.0, 0.5], "left": [0, 0, 0], "tau": [20] * 3})
    assert frame.select(km.restricted_mean_left(FORK, S, pl.col("left"), tau=TAU)).item() == pytest.approx(10.0)


def test_the_error_of_the_mean_weighs_each_fork_with_the_area_after_it() -> None:
    # 4 at risk, one dies at 4, one at 10: areas after are 4.5 + 1 and 1.
    frame = pl.DataFrame(
        {"fork": [0, 4, 10], "survival": [1.0, 0.75, 0.5], "greenwood": [0.0, 1 / 12, 1 / 6], "tau": [12] * 3}
    )
    found = frame.select(km.restricted_mean_error(FORK, S, pl.col("greenwood"), tau=TAU)).item()
    assert found == pytest.approx(math.sqrt(5.5**2 / 12 + 1 / 6))
    # A death at tau or after it does not matter.
    short = frame.with_columns(tau=4)
    assert short.select(km.restricted_mean_error(FORK, S, pl.col("greenwood"), tau=TAU)).item() == 0.0


def test_means_and_errors_are_null_where_tau_is() -> None:
    frame = pl.DataFrame({"fork": [0, 4], "survival": [1.0, 0.5], "greenwood": [0.0, 0.5]}).with_columns(
        tau=pl.lit(None, pl.Int64)
    )
    found = frame.select(
        left=km.restricted_mean_left(FORK, S, BEFORE, tau=TAU),
        error=km.restricted_mean_error(FORK, S, pl.col("greenwood"), tau=TAU),
    )
    assert found.row(0) == (None, None)
