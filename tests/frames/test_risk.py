from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from klsurv.frames.risk import risk
from klsurv.inference import Interval
from klsurv.stats import survival as surviving
from tests.frames.source import Row, scored, trajectory

Forks = list[tuple[int, int, int, int]]


def lived(gen_len: int, *pmass: float | None, fork: tuple[int, ...] = (0, 3, 10), **rest: Any) -> Row:
    return trajectory([0.1] * gen_len, fork=fork[: len(pmass)], pmass=pmass, **rest)


def table(*rows: Row) -> Forks:
    """fork, n_risk, n_events, n_censored."""
    return risk(scored(*rows), by=["alpha"]).drop("alpha").collect().rows()


def survival(rows: tuple[Row, ...] | list[Row], by: str = "alpha") -> pl.DataFrame:
    return surviving.survival(risk(scored(*rows), by=[by]).collect(), by=[by], interval=Interval())


def lives(*rows: Row, by: str = "alpha") -> dict[object, tuple[int | None, float, int]]:
    """Group → (median, rmst, tau)."""
    found = surviving.lifetimes(survival(rows, by), by=[by])
    return {row[0]: row[1:] for row in found.select(by, "median", "rmst", "tau").rows()}


def test_the_counts_are_integers_beside_the_groups_and_the_fork() -> None:
    found = risk(scored(lived(10, 0.9)), by=["alpha", "method"]).collect()
    whole = dict.fromkeys(["fork", "n_risk", "n_events", "n_censored"], pl.Int64)
    assert found.schema == {"alpha": pl.Float64, "method": pl.String, **whole}


def test_all_are_at_risk_at_first_and_the_dead_leave_the_risk_set() -> None:
    found = table(lived(10, 0.9, 0.9, 0.9), lived(10, 0.9, 0.1, 0.9), lived(10, 0.1, 0.9, 0.9))
    assert found == [(0, 3, 1, 0), (3, 2, 1, 0), (10, 1, 0, 1)]


@pytest.mark.parametrize(
    ("gen_len", "expected"),
    [
        pytest.param(9, [(0, 1, 0, 0), (3, 1, 0, 1)], id="one token short of the fork"),
        pytest.param(10, [(0, 1, 0, 0), (3, 1, 0, 0), (10, 1, 0, 1)], id="just as long as the fork"),
    ],
)
def test_a_rollout_is_at_risk_at_a_fork_that_it_just_reached(gen_len: int, expected: Forks) -> None:
    assert table(lived(gen_len, 0.9, 0.9, 0.9)) == expected


def test_a_death_just_at_the_end_is_an_event_and_one_past_it_is_none() -> None:
    assert table(lived(3, 0.9, 0.1)) == [(0, 1, 0, 0), (3, 1, 1, 0)]
    assert table(lived(2, 0.9, 0.1)) == [(0, 1, 0, 1)]


def test_a_fork_without_a_pmass_is_passed_over_and_what_follows_still_counts() -> None:
    assert table(lived(10, 0.9, None, 0.9)) == [(0, 1, 0, 0), (10, 1, 0, 1)]
    assert table(lived(10, 0.9, None, 0.1)) == [(0, 1, 0, 0), (10, 1, 1, 0)]


def test_censoring_is_at_the_last_fork_that_was_measured() -> None:
    assert table(lived(10, 0.9, 0.9, None)) == [(0, 1, 0, 0), (3, 1, 0, 1)]


def test_at_one_fork_deaths_come_before_censorings() -> None:
    rows = [lived(3, 0.9, 0.1), lived(3, 0.9, 0.9)]
    assert table(*rows) == [(0, 2, 0, 0), (3, 2, 1, 1)]
    found = survival(rows)
    assert found.select("hazard", "survival").rows() == [(0.0, 1.0), (0.5, 0.5)]


def test_who_was_never_measured_is_at_risk_nowhere() -> None:
    assert table(lived(10, None, None), lived(10), lived(10, 0.9)) == [(0, 1, 0, 1)]


def test_alpha_0_is_counted_although_it_is_not_drawn() -> None:
    row = trajectory([0.0] * 10, alpha=0.0, fork=[0, 3], pmass=[0.9, 0.1])
    assert scored(row).collect().get_column("drawn").to_list() == [False]
    assert table(row) == [(0, 1, 0, 0), (3, 1, 1, 0)]


def test_where_eight_of_eight_died_survival_is_0() -> None:
    died_at = [0, 0, 3, 3, 3, 10, 10, 10]
    rows = [lived(10, *(0.1 if fork >= t else 0.9 for fork in (0, 3, 10))) for t in died_at]
    found = survival(rows)
    assert found.get_column("n_risk").to_list() == [8, 6, 3]
    assert found.get_column("survival").to_list() == pytest.approx([0.75, 0.375, 0.0])


def test_groups_have_forks_of_their_own_and_are_sorted() -> None:
    rows = [lived(10, 0.9, 0.9, fork=(0, 5), alpha=2.0), lived(10, 0.1, fork=(1,), alpha=0.5)]
    found = survival(rows)
    assert found.select("alpha", "fork", "n_risk", "survival").rows() == [
        (0.5, 1, 1, 0.0),
        (2.0, 0, 1, 1.0),
        (2.0, 5, 1, 1.0),
    ]


def test_a_group_that_has_no_name_is_a_group() -> None:
    rows = [lived(10, 0.9, 0.1, method=None), lived(10, 0.9, 0.9, method="pca")]
    found = survival(rows, "method")
    assert found.select("method", "fork", "survival").rows() == [
        ("pca", 0, 1.0),
        ("pca", 3, 1.0),
        (None, 0, 1.0),
        (None, 3, 0.0),
    ]
    assert lives(*rows, by="method") == {"pca": (None, 3.0, 3), None: (3, 3.0, 3)}


def test_a_group_in_which_all_have_died_sets_no_limit_and_has_its_whole_life() -> None:
    dead = [lived(10, 0.9, 0.1, 0.1, alpha=4.0)] * 2
    alive = [lived(10, 0.9, 0.9, 0.9, alpha=1.0)] * 2
    assert lives(*dead, *alive) == {4.0: (3, 3.0, 10), 1.0: (None, 10.0, 10)}


def test_the_smallest_last_fork_of_those_still_alive_sets_the_limit_for_all() -> None:
    found = lives(
        lived(4, 0.9, 0.9, 0.9, alpha=0.5),
        lived(10, 0.9, 0.9, 0.9, alpha=1.0),
        lived(10, 0.9, 0.9, 0.1, alpha=2.0),
        lived(10, 0.1, 0.9, 0.9, alpha=4.0),
    )
    assert found == {0.5: (None, 3.0, 3), 1.0: (None, 3.0, 3), 2.0: (10, 3.0, 3), 4.0: (0, 0.0, 3)}


def test_where_every_group_has_died_out_the_longest_sets_the_limit() -> None:
    assert lives(lived(10, 0.9, 0.1, alpha=1.0), lived(10, 0.9, 0.9, 0.1, alpha=2.0)) == {
        1.0: (3, 3.0, 10),
        2.0: (10, 10.0, 10),
    }


def test_half_of_a_group_dead_gives_the_median_and_the_area_under_the_steps() -> None:
    assert lives(lived(10, 0.9, 0.1, 0.1), lived(10, 0.9, 0.9, 0.9)) == {1.0: (3, 6.5, 10)}


def test_counts_of_every_token_are_those_of_each_group_that_has_not_left_and_is_in_no_gap() -> None:
    rows = [("b", 2, 2, [1], None), ("a", 0, 0, [], 0), ("a", 1, 0, [1], None), (None, 0, 0, [], None)]
    rows.append((None, -1, None, [], None))
    schema = {"g": pl.String, "last": pl.Int64, "seen": pl.Int64, "gaps": pl.List(pl.Int64), "death_t": pl.Int64}
    lives = pl.DataFrame(rows, schema=schema, orient="row").lazy()
    assert risk(lives, by=["g"]).collect().rows() == [
        ("a", 0, 2, 1, 1),
        ("b", 0, 1, 0, 0),
        ("b", 2, 1, 0, 1),
        (None, 0, 1, 0, 1),
    ]
    assert risk(lives, by=[]).collect().rows() == [(0, 4, 1, 2), (2, 1, 0, 1)]


def test_every_token_has_its_row_in_order_and_a_gap_counts_in_a_group_without_a_name_too() -> None:
    rows = [(None, 3, 3, [1]), (None, 1, 1, []), ("a", 2, 2, [0, 2])]
    schema = {"g": pl.String, "last": pl.Int64, "seen": pl.Int64, "gaps": pl.List(pl.Int64)}
    lives = pl.DataFrame(rows, schema=schema, orient="row").lazy().with_columns(death_t=pl.lit(None, pl.Int64))
    counted = risk(lives, by=["g"]).select("g", "fork", "n_risk").collect().rows()
    assert counted == [("a", 1, 1), (None, 0, 2), (None, 1, 1), (None, 2, 1), (None, 3, 1)]
    assert risk(lives, by=[]).select("fork", "n_risk").collect().rows() == [(0, 2), (1, 2), (2, 1), (3, 1)]


def test_of_many_tokens_each_counts_those_who_have_not_left_by_then() -> None:
    lasts = [9, 30, 17, 2, 25]
    lives = pl.LazyFrame({"last": lasts, "seen": lasts, "gaps": [[]] * 5, "death_t": [None] * 5})
    lives = lives.cast({"gaps": pl.List(pl.Int64), "death_t": pl.Int64})
    expected = [(t, sum(last >= t for last in lasts)) for t in range(31)]
    assert risk(lives, by=[]).select("fork", "n_risk").collect().rows() == expected
    named = lives.with_columns(g=pl.lit("a"))
    assert risk(named, by=["g"]).select("fork", "n_risk").collect().rows() == expected


def test_forks_are_in_order_although_a_later_one_is_met_first() -> None:
    rows = [lived(30, 0.9, 0.9, fork=(start, start + 1)) for start in (20, 12, 4, 16, 0, 8)]
    assert [fork for fork, *_ in table(*rows)] == [0, 1, 4, 5, 8, 9, 12, 13, 16, 17, 20, 21]
