from __future__ import annotations

import math
from typing import Any

import polars as pl
import pytest

from klsurv.frames.risk import risk
from klsurv.frames.steps import DEATH, EOS, steps
from klsurv.inference import Interval
from klsurv.schema import INCIDENCE
from klsurv.stats.incidence import incidence
from klsurv.stats.survival import survival
from tests.frames.source import Row, scored, trajectory

FORKS = (0, 3, 10)
P = ["fork", "p_died", "p_finished", "p_running"]
ERRORS = ["p_died_error", "p_finished_error", "p_running_error"]


def lived(gen_len: int, *pmass: float | None, fork: tuple[int, ...] = FORKS, **rest: Any) -> Row:
    return trajectory([0.1] * gen_len, fork=fork[: len(pmass)], pmass=pmass, **rest)


def stepped(*rows: Row) -> list[tuple[int, int, int, int]]:
    """t, way, n_risk, n_events."""
    return steps(scored(*rows), by=["alpha"]).drop("alpha").collect().rows()


def reached(*rows: Row, by: str = "alpha") -> pl.DataFrame:
    return incidence(steps(scored(*rows), by=[by]).collect(), by=[by])


def probabilities(*rows: Row) -> list[tuple[float, ...]]:
    return reached(*rows).select(P).rows()


def test_the_columns_are_the_groups_and_those_that_the_schema_declares() -> None:
    assert reached(lived(10, 0.9)).schema == {"alpha": pl.Float64, **INCIDENCE.schema}


def test_a_table_one_can_check_by_eye() -> None:
    # Of 4, one dies at 3, one ends at 6, one dies at 10, one runs on.
    rows = [lived(10, 0.9, 0.1), lived(6, 0.9, 0.9), lived(10, 0.9, 0.9, 0.1), lived(10, 0.9, 0.9, 0.9)]
    assert stepped(*rows) == [(0, DEATH, 4, 0), (3, DEATH, 4, 1), (6, EOS, 3, 1), (10, DEATH, 2, 1)]
    assert probabilities(*rows) == [
        (0, 0, 0, 1),
        (3, 0.25, 0, 0.75),
        (10, pytest.approx(0.5), pytest.approx(0.25), pytest.approx(0.25)),
    ]


def test_without_censoring_the_errors_are_binomial() -> None:
    # 10 trajectories: of every kind, all seen to their end or to the window.
    rows = [
        *[lived(10, 0.1)] * 2,
        *[lived(2, 0.9)] * 1,
        *[lived(10, 0.9, 0.1)] * 1,
        *[lived(3, 0.9, 0.9)] * 2,
        *[lived(9, 0.9, 0.9)] * 1,
        *[lived(10, 0.9, 0.9, 0.1)] * 2,
        *[lived(10, 0.9, 0.9, 0.9)] * 1,
    ]
    found = reached(*rows)
    assert found.select(P).rows() == [
        pytest.approx(row) for row in [(0, 0.2, 0, 0.8), (3, 0.3, 0.3, 0.4), (10, 0.5, 0.4, 0.1)]
    ]
    for row in found.to_dicts():
        for name in P[1:]:
            assert row[f"{name}_error"] == pytest.approx(math.sqrt(row[name] * (1 - row[name]) / 10))


def test_an_eos_between_forks_counts_from_the_next_fork_on() -> None:
    rows = [lived(4, 0.9, 0.9), lived(10, 0.9, 0.9, 0.9)]
    assert probabilities(*rows) == [(0, 0, 0, 1), (3, 0, 0, 1), (10, 0, 0.5, 0.5)]


def test_an_eos_at_a_fork_counts_there() -> None:
    rows = [lived(3, 0.9, 0.9), lived(10, 0.9, 0.9, 0.9)]
    assert probabilities(*rows) == [(0, 0, 0, 1), (3, 0, 0.5, 0.5), (10, 0, 0.5, 0.5)]


def test_an_eos_of_another_group_at_the_fork_of_a_death_leaves_its_row() -> None:
    rows = [lived(10, 0.9, 0.1, alpha=1.0), lived(3, 0.9, 0.9, alpha=2.0)]
    assert reached(*rows).select("alpha", "fork", "p_died", "p_finished").rows() == [
        (1.0, 0, 0, 0),
        (1.0, 3, 1, 0),
        (2.0, 0, 0, 0),
        (2.0, 3, 0, 1),
    ]


def test_an_eos_at_what_is_a_fork_of_another_group_alone_has_no_row() -> None:
    other = lived(10, 0.9, 0.9, 0.9, fork=(0, 4, 10), alpha=1.0)
    rows = [other, lived(4, 0.9, 0.9, alpha=2.0), lived(10, 0.9, 0.9, 0.9, alpha=2.0)]
    assert reached(*rows).filter(alpha=2.0).get_column("fork").to_list() == [0, 3, 10]


def test_an_eos_at_the_fork_of_a_death_comes_after_it() -> None:
    # Of 3, one dies at 3, one ends at 3: as counted, a third each.
    rows = [lived(10, 0.9, 0.1), lived(3, 0.9, 0.9), lived(10, 0.9, 0.9, 0.9)]
    assert stepped(*rows) == [(0, DEATH, 3, 0), (3, DEATH, 3, 1), (3, EOS, 2, 1), (10, DEATH, 1, 0)]
    assert probabilities(*rows)[1] == pytest.approx((3, 1 / 3, 1 / 3, 1 / 3))


def test_who_dies_at_its_own_last_token_died_and_did_not_finish() -> None:
    assert stepped(lived(3, 0.9, 0.1)) == [(0, DEATH, 1, 0), (3, DEATH, 1, 1)]
    assert probabilities(lived(3, 0.9, 0.1)) == [(0, 0, 0, 1), (3, 1, 0, 0)]


def test_a_pmass_that_falls_past_the_end_of_the_answer_is_no_death() -> None:
    assert probabilities(lived(2, 0.9, 0.1)) == [(0, 0, 0, 1), (2, 0, 1, 0)]


def test_a_last_eos_after_the_last_fork_has_a_row_of_its_own() -> None:
    rows = [lived(8, 0.9, 0.9), lived(5, 0.9, 0.9), lived(10, 0.9, 0.1)]
    found = probabilities(*rows)
    assert [row[0] for row in found] == [0, 3, 8]
    assert found[-1] == pytest.approx((8, 1 / 3, 2 / 3, 0))


def test_the_window_is_censoring() -> None:
    # Two fill a window of 10; the third, in a window of 20, dies at 15: of those still seen, all.
    forks = (0, 3, 10, 15)
    rows = [
        lived(10, 0.9, 0.9, 0.9, fork=forks),
        lived(10, 0.9, 0.9, 0.9, fork=forks),
        lived(20, 0.9, 0.9, 0.9, 0.1, fork=forks, window=20),
    ]
    assert probabilities(*rows) == [(0, 0, 0, 1), (3, 0, 0, 1), (10, 0, 0, 1), (15, 1, 0, 0)]


def test_who_fills_the_window_at_the_token_of_an_eos_is_at_risk_of_it() -> None:
    rows = [lived(10, 0.9, 0.9, 0.9), lived(10, 0.9, 0.9, 0.9, window=12)]
    assert stepped(*rows)[-1] == (10, EOS, 2, 1)
    assert probabilities(*rows)[-1] == (10, 0, 0.5, 0.5)


def test_who_was_not_measured_at_a_fork_is_not_at_risk_of_dying_there_but_may_still_end() -> None:
    # At 3, one of the two that were measured dies; the third ends at 5, of two that still run.
    rows = [lived(10, 0.9, 0.1), lived(10, 0.9, 0.9, 0.9), lived(5, 0.9, None)]
    assert stepped(*rows) == [(0, DEATH, 3, 0), (3, DEATH, 2, 1), (5, EOS, 2, 1), (10, DEATH, 1, 0)]
    assert probabilities(*rows) == [(0, 0, 0, 1), (3, 0.5, 0, 0.5), (10, 0.5, 0.25, 0.25)]


def test_a_death_that_a_failed_measurement_put_off_is_counted_where_it_was_seen() -> None:
    rows = [lived(10, 0.9, None, 0.1), lived(10, 0.9, 0.9, 0.9)]
    assert probabilities(*rows) == [(0, 0, 0, 1), (3, 0, 0, 1), (10, 0.5, 0, 0.5)]


def test_who_was_never_measured_can_only_finish() -> None:
    rows = [lived(2, None), lived(10, 0.9, 0.1)]
    assert stepped(*rows) == [(0, DEATH, 1, 0), (2, EOS, 2, 1), (3, DEATH, 1, 1)]
    assert probabilities(*rows) == [(0, 0, 0, 1), (3, 0.5, 0.5, 0)]
    assert probabilities(lived(2, None)) == [(2, 0, 1, 0)]


def test_an_answer_of_no_token_finished_at_0() -> None:
    rows = [lived(0, 0.9), lived(0, 0.1), lived(10, 0.9, 0.9, 0.9)]
    assert probabilities(*rows)[0] == pytest.approx((0, 1 / 3, 1 / 3, 1 / 3))


@pytest.mark.parametrize("gone", [lived(10, 0.1), lived(3, 0.9, 0.9)], ids=["died", "finished"])
def test_where_all_ended_in_one_way_no_error_is_left(gone: Row) -> None:
    assert reached(*[gone] * 7).select(P[1:]).row(-1) in ((1, 0, 0), (0, 1, 0))
    assert reached(*[gone] * 7).select(ERRORS).row(-1) == (0, 0, 0)


def test_errors_vanish_to_the_last_digit_however_unevenly_all_died() -> None:
    # The sums of which the variance is the difference do not cancel exactly.
    forks = tuple(range(12))
    rows = [lived(12, *[0.9] * t, 0.1, fork=forks, window=12) for t in (1, 1, 2, 3, 3, 3, 5, 7, 7, 8, 10)]
    found = reached(*rows)
    assert found.select("p_died", *ERRORS).row(-1) == (pytest.approx(1), 0, 0, 0)


def test_without_eos_the_dead_are_1_minus_kaplan_meier() -> None:
    rows = [lived(10, 0.9, 0.1), lived(10, 0.9, 0.9, 0.1), *[lived(10, 0.9, 0.9, 0.9)] * 3]
    found = reached(*rows)
    curve = survival(risk(scored(*rows), by=["alpha"]).collect(), by=["alpha"], interval=Interval())
    assert found.get_column("p_running").to_list() == pytest.approx(curve.get_column("survival").to_list())
    for name in ("p_died_error", "p_running_error"):
        assert found.get_column(name).to_list() == pytest.approx(curve.get_column("std_error").to_list())


def test_groups_keep_apart_and_one_without_a_name_comes_last() -> None:
    rows = [
        lived(10, 0.9, 0.1, method=None),
        lived(10, 0.9, 0.9, 0.9, method=None),
        lived(4, 0.9, 0.9, method="pca"),
        lived(10, 0.1, method="pca"),
        lived(10, 0.1, method="caa"),
    ]
    found = reached(*rows, by="method").select("method", *P).rows()
    assert found == [
        ("caa", 0, 1, 0, 0),
        ("pca", 0, 0.5, 0, 0.5),
        ("pca", 3, 0.5, 0, 0.5),
        ("pca", 4, 0.5, 0.5, 0),
        (None, 0, 0, 0, 1),
        (None, 3, 0.5, 0, 0.5),
        (None, 10, 0.5, 0, 0.5),
    ]


def test_two_columns_make_a_group() -> None:
    rows = [
        lived(10, 0.1, method="pca", alpha=1.0),
        lived(10, 0.9, method="pca", alpha=2.0),
        lived(4, 0.9, method=None, alpha=2.0),
    ]
    table = incidence(steps(scored(*rows), by=["method", "alpha"]).collect(), by=["method", "alpha"])
    assert table.select("method", "alpha", *P).rows() == [
        ("pca", 1.0, 0, 1, 0, 0),
        ("pca", 2.0, 0, 0, 0, 1),
        (None, 2.0, 0, 0, 0, 1),
        (None, 2.0, 4, 0, 1, 0),
    ]


def test_the_three_add_to_1_in_every_row() -> None:
    rows = [
        lived(gen_len, *[0.1 if fork == death else 0.9 for fork in FORKS if fork <= gen_len], alpha=float(gen_len % 3))
        for gen_len in range(11)
        for death in (0, 3, 10, 99, 99)
    ]
    found = reached(*rows)
    assert found.height > 8
    assert found.select(total=pl.sum_horizontal(P[1:])).to_series().to_list() == pytest.approx([1] * found.height)
    assert found.select(pl.col(ERRORS).is_between(0, 0.5).all()).row(0) == (True, True, True)


def test_the_order_of_the_trajectories_does_not_matter() -> None:
    rows = [lived(10, 0.9, 0.1), lived(4, 0.9, 0.9), lived(10, 0.1), lived(3, 0.9, 0.9), lived(10, 0.9, 0.9, 0.9)]
    assert reached(*rows).equals(reached(*rows[::-1]))
