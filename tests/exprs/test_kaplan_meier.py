from __future__ import annotations

import polars as pl
import pytest

from klsurv.exprs import kaplan_meier as km


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
