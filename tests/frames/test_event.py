from __future__ import annotations

import sys
from collections import Counter
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from klsurv.frames.event import failures_as, observe, recovery
from klsurv.frames.risk import risk
from klsurv.frames.score import score
from klsurv.params import Event, Scoring
from klsurv.schema import KEY
from tests.frames.drawn import INF, NAN, PROPERTY, rows
from tests.frames.source import PLAIN, Row, scored, source, trajectory

PMASS = Event()
Forks = list[tuple[int, int, int, int]]


def kl_above(threshold: float = 1.0) -> Event:
    return Event(event="kl", kl_threshold=threshold)


def observed(kl: list[float], *, threshold: float = 1.0, scoring: Scoring = PLAIN, **rest: Any) -> Row:
    """One trajectory, observed for its KL."""
    lives = scored(trajectory(kl, **rest), scoring=scoring).pipe(observe, event=kl_above(threshold))
    return lives.collect().row(0, named=True)


def counted(lives: pl.LazyFrame) -> Forks:
    """fork, n_risk, n_events, n_censored."""
    return risk(lives, by=["alpha"]).drop("alpha").collect().rows()


def test_for_pmass_a_scored_trajectory_is_observed_already() -> None:
    lives = scored(trajectory([0.1, 9.0], fork=[0, 1], pmass=[0.9, 0.1]), trajectory([]))
    assert observe(lives, event=PMASS).collect().equals(lives.collect())


@pytest.mark.parametrize(
    ("kl", "threshold", "death_t"),
    [
        pytest.param([0.5, 1.0, 1.1, 2.0], 1.0, 2, id="the threshold itself does not exceed it"),
        pytest.param([2.0, 0.1, 2.0], 1.0, 0, id="the first of several"),
        pytest.param([0.5, 1.0], 1.0, None, id="never"),
        pytest.param([0.0, 5e-324], 0.0, 1, id="a threshold of 0"),
        pytest.param([NAN, 2.0], 1.0, 1, id="NaN is no event"),
        pytest.param([INF, -INF, 2.0], 1.0, 2, id="infinity is no event"),
        pytest.param([NAN, INF, -INF], 1.0, None, id="nothing finite"),
        pytest.param([-5.0, -1.0], 0.0, None, id="below 0"),
        pytest.param([], 1.0, None, id="no KL"),
    ],
)
def test_for_kl_death_is_the_first_token_whose_finite_kl_exceeds_the_threshold(
    kl: list[float], threshold: float, death_t: int | None
) -> None:
    assert observed(kl, threshold=threshold)["death_t"] == death_t


def looked(row: Row) -> tuple[int, int | None, list[int], int | None]:
    """last, seen, gaps, death_t."""
    return row["last"], row["seen"], row["gaps"], row["death_t"]


def test_for_kl_every_token_is_looked_at_and_forks_do_not_count() -> None:
    row = observed([0.5, NAN, 0.25, INF], fork=[0, 3], pmass=[0.9, 0.1])
    assert looked(row) == (3, 2, [1, 3], None)
    assert (row["fork"], row["pmass"]) == ([], [])


def test_for_kl_what_comes_after_death_is_left_out() -> None:
    assert looked(observed([0.5, NAN, 2.0, 0.1, NAN, 3.0])) == (2, 2, [1], 2)


@pytest.mark.parametrize("roll", [1, 3, 65])
def test_for_kl_it_is_the_raw_kl_that_counts_and_not_its_mean(roll: int) -> None:
    scoring = Scoring(roll=roll)
    assert observed([0.1, 0.1, 1.5, 0.1, 0.1], scoring=scoring)["death_t"] == 2
    assert observed([0.9, 0.9, 0.9], scoring=scoring)["death_t"] is None
    # Three tokens of mean 2 around a token of 0.
    assert observed([3.0, 0.0, 3.0], scoring=scoring)["death_t"] == 0


def test_for_kl_there_is_nothing_past_the_generation_or_past_the_kl() -> None:
    past = observed([0.1, 0.1, 9.0], gen_len=2)
    assert looked(past) == (1, 1, [], None)
    short = observed([0.1, 0.2], gen_len=9)
    assert looked(short) == (1, 1, [], None)


def test_for_kl_a_null_is_as_any_that_is_not_finite_and_lists_have_their_types() -> None:
    lives = pl.LazyFrame({"kl": [[0.1, None, 0.3, None]], "length": [4]})
    found = observe(lives, event=kl_above()).collect()
    assert found.select("death_t", "last", "seen", "gaps").row(0) == (None, 3, 2, [1, 3])
    assert (found.schema["fork"], found.schema["pmass"]) == (pl.List(pl.Int64), pl.List(pl.Float64))


@pytest.mark.parametrize("odd", [NAN, INF, -INF])
@pytest.mark.parametrize(("dead", "death"), [(True, 1), (False, 3)])
def test_a_kl_that_is_not_finite_exceeds_any_threshold_or_none(odd: float, dead: bool, death: int) -> None:
    lives = pl.LazyFrame({"kl": [[0.1, odd, 0.3, 1e300]], "length": [4]})
    found = failures_as(lives, event=kl_above(1e299), dead=dead).pipe(observe, event=kl_above(1e299)).collect()
    assert (found["death_t"].to_list(), found["gaps"].to_list()) == ([death], [[]])


@pytest.mark.parametrize("gen_len", [0, 4])
def test_for_kl_a_trajectory_without_kl_is_at_risk_nowhere(gen_len: int) -> None:
    lives = scored(trajectory([], gen_len=gen_len, fork=[0], pmass=[0.1])).pipe(observe, event=kl_above())
    assert looked(lives.collect().row(0, named=True)) == (-1, None, [], None)
    assert counted(lives) == []


def test_for_kl_a_token_whose_kl_is_not_finite_is_passed_over_and_what_follows_counts() -> None:
    lives = scored(trajectory([0.1, NAN, 2.0]), trajectory([INF, 0.1, 0.1])).pipe(observe, event=kl_above())
    assert counted(lives) == [(0, 1, 0, 0), (1, 1, 0, 0), (2, 2, 1, 1)]


def test_for_kl_a_trajectory_whose_last_tokens_failed_is_censored_at_the_last_that_did_not() -> None:
    assert counted(scored(trajectory([0.1, 0.1, NAN, NAN])).pipe(observe, event=kl_above())) == [
        (0, 1, 0, 0),
        (1, 1, 0, 1),
    ]


def test_for_kl_alpha_0_is_at_risk_at_every_token_and_never_dies() -> None:
    lives = scored(trajectory([0.0, 0.0, 0.0], alpha=0.0)).pipe(observe, event=kl_above(0.0))
    assert counted(lives) == [(0, 1, 0, 0), (1, 1, 0, 0), (2, 1, 0, 1)]


def test_for_kl_rows_order_and_all_else_stay() -> None:
    lives = scored(*(trajectory([x], cell=cell) for x, cell in [(2.0, "b"), (0.1, "a"), (2.0, "a")]))
    found = observe(lives, event=kl_above()).collect()
    before = lives.collect()
    changed = ["death_t", "fork", "pmass"]
    assert found.drop(*changed, "last", "seen", "gaps").equals(before.drop(changed))
    assert found.select(*KEY, "death_t").rows() == [("b", 1.0, 0, 0), ("a", 1.0, 1, None), ("a", 1.0, 2, 0)]


@PROPERTY
@given(made=rows(), threshold=st.sampled_from([0.0, 0.4, 1.0, 1e6]))
def test_for_kl_the_risk_set_is_what_a_loop_over_tokens_finds(made: list[Row], threshold: float) -> None:
    expected: dict[tuple[float, int], Counter[str]] = {}
    for row in made:
        kl = row["kl"][: row["gen_len"]]
        finite = [t for t, x in enumerate(kl) if abs(x) < INF]
        dead = next((t for t in finite if kl[t] > threshold), None)
        at_risk = [t for t in finite if dead is None or t <= dead]
        for t in at_risk:
            tally = expected.setdefault((row["alpha"], t), Counter(n_risk=0, n_events=0, n_censored=0))
            tally.update(n_risk=1, n_events=t == dead, n_censored=t == at_risk[-1] != dead)
    found = risk(scored(*made).pipe(observe, event=kl_above(threshold)), by=["alpha"]).collect()
    assert {row[:2]: Counter(n_risk=row[2], n_events=row[3], n_censored=row[4]) for row in found.rows()} == expected


def lives_if(row: Row, *, event: Event, dead: bool) -> pl.LazyFrame:
    return score(failures_as(source(row), event=event, dead=dead), scoring=PLAIN).pipe(observe, event=event)


def test_a_missing_pmass_taken_for_a_death_kills_and_taken_for_a_survival_is_at_risk() -> None:
    row = trajectory([0.1] * 10, fork=[0, 3, 5, 10], pmass=[0.9, None, 0.9, None])
    assert counted(lives_if(row, event=PMASS, dead=True)) == [(0, 1, 0, 0), (3, 1, 1, 0)]
    assert counted(lives_if(row, event=PMASS, dead=False)) == [(0, 1, 0, 0), (3, 1, 0, 0), (5, 1, 0, 0), (10, 1, 0, 1)]


def test_a_fork_past_the_end_has_no_measurement_to_fail() -> None:
    row = trajectory([0.1] * 4, fork=[0, 4, 5], pmass=[0.9, 0.9, None])
    for dead in (True, False):
        assert counted(lives_if(row, event=PMASS, dead=dead)) == [(0, 1, 0, 0), (4, 1, 0, 1)]


@pytest.mark.parametrize("threshold", [1e-9, 0.8, 1.0])
def test_a_missing_pmass_is_dead_or_alive_at_every_threshold(threshold: float) -> None:
    row = trajectory([0.1] * 4, fork=[0], pmass=[None])
    for dead in (True, False):
        filled = failures_as(source(row), event=PMASS, dead=dead)
        died = score(filled, scoring=Scoring(threshold=threshold)).collect().get_column("death_t").to_list()
        assert died == ([0] if dead else [None])


def test_what_was_measured_stays_as_it_was() -> None:
    row = trajectory([0.1, NAN, 3.0], fork=[0, 1, 2], pmass=[0.0, 0.25, 1.0])
    for event, column in ((PMASS, "kl"), (kl_above(), "pmass")):
        for dead in (True, False):
            assert failures_as(source(row), event=event, dead=dead).select(column).collect().to_series().to_list() == [
                pytest.approx(row[column], nan_ok=True)
            ]
    assert failures_as(source(row), event=PMASS, dead=True).collect().item(0, "pmass").to_list() == [0.0, 0.25, 1.0]
    assert failures_as(source(row), event=kl_above(), dead=False).collect().item(0, "kl").to_list() == [0.1, 0.0, 3.0]


@pytest.mark.parametrize("failed", [NAN, INF, -INF])
@pytest.mark.parametrize("threshold", [0.0, 1.0, sys.float_info.max / 2])
def test_a_kl_that_is_not_finite_taken_for_a_death_kills_and_taken_for_a_survival_is_at_risk(
    failed: float, threshold: float
) -> None:
    row = trajectory([0.0, failed, 0.0])
    event = kl_above(threshold)
    assert counted(lives_if(row, event=event, dead=True)) == [(0, 1, 0, 0), (1, 1, 1, 0)]
    assert counted(lives_if(row, event=event, dead=False)) == [(0, 1, 0, 0), (1, 1, 0, 0), (2, 1, 0, 1)]


def recovered(*made: Row, by: str = "alpha", threshold: float = 0.8) -> dict[object, float]:
    lives = scored(*made, scoring=Scoring(roll=1, threshold=threshold))
    return dict(recovery(lives, by=[by], threshold=threshold).collect().rows())


@pytest.mark.parametrize(
    ("pmass", "gen_len", "share"),
    [
        pytest.param([0.9, 0.1, 0.9], 10, 1.0, id="above at a later fork"),
        pytest.param([0.9, 0.1, 0.8], 10, 1.0, id="just at the threshold"),
        pytest.param([0.9, 0.1, 0.7], 10, 0.0, id="below for good"),
        pytest.param([0.9, 0.1, 0.9], 9, 0.0, id="above at a fork past the end"),
        pytest.param([0.9, 0.1, None], 10, 0.0, id="not measured again"),
        pytest.param([0.9, 0.9, 0.1], 10, 0.0, id="above before only, and dead at the last fork"),
        pytest.param([0.1, None, 0.9], 10, 1.0, id="not measured in between"),
    ],
)
def test_a_death_is_recovered_from_where_a_later_fork_reaches_the_threshold(
    pmass: list[float | None], gen_len: int, share: float
) -> None:
    assert recovered(trajectory([0.1] * gen_len, fork=[0, 3, 10], pmass=pmass)) == {1.0: share}


def test_recovery_is_a_share_of_the_deaths_and_the_living_do_not_count() -> None:
    again, never, alive = [0.1, 0.9], [0.1, 0.1], [0.9, 0.9]
    made = [trajectory([0.1] * 9, fork=[0, 3], pmass=pmass) for pmass in (again, never, never, alive, alive)]
    assert recovered(*made) == {1.0: pytest.approx(1 / 3)}


def test_a_group_in_which_none_died_has_no_recovery() -> None:
    alive = trajectory([0.1] * 9, fork=[0, 3], pmass=[0.9, 0.9])
    past_the_end = trajectory([0.1] * 2, fork=[0, 3, 5], pmass=[0.9, 0.1, 0.9], alpha=2.0)
    assert recovered(alive, past_the_end, trajectory([], alpha=3.0)) == {}


def test_recovery_is_by_group_and_a_group_without_a_name_is_one() -> None:
    made = [
        trajectory([0.1] * 9, fork=[0, 3], pmass=[0.1, later], method=method)
        for later, method in ((0.9, None), (0.9, None), (0.1, None), (0.1, "pca"))
    ]
    assert recovered(*made, by="method") == {None: pytest.approx(2 / 3), "pca": 0.0}


def test_equal_keys_in_two_rows_recover_apart() -> None:
    made = [trajectory([0.1] * 9, prompt=0, fork=[0, 3], pmass=[0.1, later]) for later in (0.9, 0.1)]
    assert recovered(*made) == {1.0: 0.5}
