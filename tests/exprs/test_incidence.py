from __future__ import annotations

import math

import polars as pl
import pytest

from klsurv.exprs import incidence as aj

H, RUNNING, N = pl.col("h"), pl.col("running"), pl.col("n")

# 8 run; 2 die at one fork, of the 6 left 3 finish, of the 3 left 1 dies.
STEPS = pl.DataFrame(
    {"own": [True, False, True], "h": [1 / 4, 1 / 2, 1 / 3], "n": [8, 6, 3], "running": [6 / 8, 3 / 8, 2 / 8]}
)


def reached(steps: pl.DataFrame, own: pl.Expr) -> list[float]:
    return steps.select(aj.incidence(H, RUNNING, own=own)).to_series().to_list()


def errors(steps: pl.DataFrame, own: pl.Expr) -> list[float]:
    found = steps.with_columns(p=aj.incidence(H, RUNNING, own=own))
    return found.select(aj.incidence_error(H, RUNNING, N, pl.col("p"), own=own)).to_series().to_list()


def test_who_runs_is_the_running_product() -> None:
    assert STEPS.select(aj.running(H)).to_series().to_list() == pytest.approx([6 / 8, 3 / 8, 2 / 8])


def test_each_way_to_end_takes_its_share_of_those_still_running() -> None:
    assert reached(STEPS, pl.col("own")) == pytest.approx([2 / 8, 2 / 8, 3 / 8])
    assert reached(STEPS, ~pl.col("own")) == pytest.approx([0, 3 / 8, 3 / 8])


def test_without_censoring_errors_are_binomial() -> None:
    def binomial(counts: list[int]) -> list[float]:
        return [math.sqrt(k / 8 * (1 - k / 8) / 8) for k in counts]

    assert errors(STEPS, pl.col("own")) == pytest.approx(binomial([2, 2, 3]))
    assert errors(STEPS, ~pl.col("own")) == pytest.approx(binomial([0, 3, 3]))
    found = STEPS.select(aj.running_error(H, RUNNING, N)).to_series().to_list()
    assert found == pytest.approx(binomial([6, 3, 2]))


def test_with_censoring_the_error_is_that_of_the_delta_method() -> None:
    # 4 of 8 die, 2 of the 4 left are censored, 1 of 2 finishes, then the last dies: P(died) = ½ + ½ × ½ × 1.
    steps = pl.DataFrame(
        {"own": [True, False, True], "h": [1 / 2, 1 / 2, 1.0], "n": [8, 2, 1], "running": [1 / 2, 1 / 4, 0.0]}
    )
    assert reached(steps, pl.col("own")) == pytest.approx([1 / 2, 1 / 2, 3 / 4])
    # P = a + (1 − a)(1 − b), with variances ¼ / 8 of a and ¼ / 2 of b.
    first, second = 1 / 32, 1 / 8
    expected = [first, first, (1 / 2) ** 2 * first + (1 / 2) ** 2 * second]
    assert errors(steps, pl.col("own")) == pytest.approx([math.sqrt(variance) for variance in expected])
    # P(finished) = (1 − a) b.
    expected = [0, 1 / 4 * first + 1 / 4 * second, 1 / 4 * first + 1 / 4 * second]
    assert errors(steps, ~pl.col("own")) == pytest.approx([math.sqrt(variance) for variance in expected])
    found = steps.select(aj.running_error(H, RUNNING, N)).to_series().to_list()
    assert found == pytest.approx([math.sqrt(first), math.sqrt(1 / 4 * first + 1 / 4 * second), 0])


def test_where_all_are_gone_there_is_no_error_and_no_nan() -> None:
    steps = pl.DataFrame({"own": [True, True, False], "h": [1 / 3, 1.0, 0.0], "n": [3, 2, 1], "running": [2 / 3, 0, 0]})
    assert reached(steps, pl.col("own")) == pytest.approx([1 / 3, 1, 1])
    assert errors(steps, pl.col("own")) == [pytest.approx(math.sqrt(2 / 27)), 0, 0]
    assert errors(steps, ~pl.col("own")) == [0, 0, 0]
    assert steps.select(aj.running_error(H, RUNNING, N)).to_series().to_list()[1:] == [0, 0]


def test_where_all_died_one_by_one_the_error_is_0_to_the_last_digit() -> None:
    for size in range(2, 40):
        n = pl.int_range(size, 0, -1, eager=True).alias("n")
        steps = pl.DataFrame([n]).with_columns(h=1 / N, own=True).with_columns(running=aj.running(H))
        assert errors(steps, pl.col("own"))[-1] == 0


def test_a_step_at_which_none_is_at_risk_changes_no_error() -> None:
    none = pl.DataFrame({"own": [True], "h": [0.0], "n": [0], "running": [6 / 8]})
    among = pl.concat([STEPS.head(1), none, STEPS.tail(2)])
    expected = errors(STEPS, pl.col("own"))
    assert errors(among, pl.col("own")) == pytest.approx([expected[0], *expected])


def test_over_groups_each_begins_with_all_running() -> None:
    frame = pl.concat([STEPS.with_columns(group=pl.lit("a")), STEPS.with_columns(group=pl.lit("b"))])
    found = frame.select(aj.incidence(H, RUNNING, own=pl.col("own")).over("group")).to_series().to_list()
    assert found == pytest.approx([2 / 8, 2 / 8, 3 / 8] * 2)
