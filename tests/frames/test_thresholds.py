from __future__ import annotations

from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from klsurv.frames.event import recovery
from klsurv.frames.risk import risk
from klsurv.frames.thresholds import at_thresholds, ranges
from klsurv.inference import Thresholds
from klsurv.params import Scoring
from tests.frames.drawn import PROPERTY, rows
from tests.frames.source import Row, scored, trajectory

BY = ["method", "alpha"]
Counts = dict[tuple[Any, ...], tuple[int, int, int]]

# 0.1, 0.2, … 1.0: each pmass that is drawn is one of them, or 0.
TENTHS = Thresholds(start=0.1, stop=1.0, steps=10)


def swept(made: list[Row], thresholds: Thresholds, by: list[str]) -> pl.DataFrame:
    return (
        ranges(scored(*made), by=by, thresholds=thresholds).pipe(at_thresholds, by=by, thresholds=thresholds).collect()
    )


def counts(*made: Row, thresholds: Thresholds) -> list[tuple[float, int, int, int, int]]:
    """threshold, fork, n_risk, n_events, n_recovered."""
    return swept(list(made), thresholds, ["alpha"]).drop("alpha").rows()


def lived(*pmass: float | None, gen_len: int = 10, **rest: Any) -> Row:
    return trajectory([0.1] * gen_len, fork=[0, 3, 5, 10][: len(pmass)], pmass=pmass, **rest)


def one_by_one(made: list[Row], thresholds: Thresholds) -> Counts:
    """(group, threshold, fork) → at risk, deaths, deaths with a later fork at the threshold: each by itself."""
    found: Counts = {}
    for threshold in thresholds.values:
        for row in made:
            seen = [
                (fork, mass)
                for fork, mass in zip(row["fork"], row["pmass"], strict=True)
                if fork <= row["gen_len"] and mass is not None
            ]
            below = 0
            for i, (fork, mass) in enumerate(seen):
                below = below + 1 if mass < threshold else 0
                dies = below == thresholds.consecutive
                again = dies and any(later >= threshold for _, later in seen[i + 1 :])
                key = (*(row[name] for name in BY), threshold, fork)
                n, d, r = found.get(key, (0, 0, 0))
                found[key] = (n + 1, d + dies, r + again)
                if dies:
                    break
    return found


@PROPERTY
@given(made=rows())
def test_at_each_threshold_the_counts_are_those_of_trajectories_scored_at_it(made: list[Row]) -> None:
    found = swept(made, TENTHS, BY)
    for threshold in TENTHS.values:
        lives = scored(*made, scoring=Scoring(roll=1, threshold=threshold))
        at_it = found.filter(threshold=threshold)
        alone = risk(lives, by=BY).select(*BY, "fork", "n_risk", "n_events").collect()
        assert at_it.select(*BY, "fork", "n_risk", "n_events").equals(alone)
        died = at_it.group_by(BY, maintain_order=True).agg(pl.col("n_events", "n_recovered").sum())
        shares = {row[:2]: row[3] / row[2] for row in died.rows() if row[2] > 0}
        assert shares == pytest.approx(
            {row[:2]: row[2] for row in recovery(lives, by=BY, threshold=threshold).collect().rows()}
        )


@PROPERTY
@given(made=rows(), consecutive=st.integers(1, 4), steps=st.sampled_from([2, 10, 33]))
def test_death_by_forks_in_a_row_is_what_a_loop_finds(made: list[Row], consecutive: int, steps: int) -> None:
    thresholds = Thresholds(start=0.1, stop=1.0, steps=steps, consecutive=consecutive)
    found = swept(made, thresholds, BY)
    assert {row[:4]: row[4:] for row in found.rows()} == one_by_one(made, thresholds)


def test_the_columns_are_groups_threshold_fork_and_counts_in_this_order_of_rows() -> None:
    made = [lived(0.9, 0.1, method=method, alpha=alpha) for method in (None, "pca") for alpha in (2.0, 0.5)]
    found = swept(made, Thresholds(start=0.3, stop=0.5, steps=2), BY)
    whole = dict.fromkeys(["fork", "n_risk", "n_events", "n_recovered"], pl.Int64)
    assert found.schema == {"method": pl.String, "alpha": pl.Float64, "threshold": pl.Float64, **whole}
    expected = [(m, a, s, f) for m in ("pca", None) for a in (0.5, 2.0) for s in (0.3, 0.5) for f in (0, 3)]
    assert found.select(*BY, "threshold", "fork").rows() == expected


def test_a_pmass_that_is_just_a_threshold_is_alive_at_it() -> None:
    made = [lived(threshold) for threshold in TENTHS.values]
    # Of ten trajectories, those below the i-th threshold are the i before it.
    assert counts(*made, thresholds=TENTHS) == [(threshold, 0, 10, i, 0) for i, threshold in enumerate(TENTHS.values)]


def test_the_default_thresholds_have_no_rounding_error_that_kills() -> None:
    thresholds = Thresholds()
    assert 0.15 in thresholds.values and 0.99 in thresholds.values
    for mass in (0.05, 0.15, 0.25, 0.35, 0.45, 0.55, 0.65, 0.75, 0.85, 0.95):
        (at_it,) = (row for row in counts(lived(mass), thresholds=thresholds) if row[0] == mass)
        assert at_it == (mass, 0, 1, 0, 0)


def test_the_dead_are_at_risk_no_more_at_that_threshold_and_at_lower_ones_still_are() -> None:
    found = counts(lived(0.9, 0.6, 0.4, 0.9), thresholds=Thresholds(start=0.3, stop=0.7, steps=3))
    assert found == [
        *[(0.3, fork, 1, 0, 0) for fork in (0, 3, 5, 10)],
        (0.5, 0, 1, 0, 0),
        (0.5, 3, 1, 0, 0),
        (0.5, 5, 1, 1, 1),
        (0.7, 0, 1, 0, 0),
        (0.7, 3, 1, 1, 1),
    ]


def test_a_death_is_recovered_from_only_at_thresholds_that_a_later_fork_reaches() -> None:
    found = counts(lived(0.1, 0.5, 0.3), thresholds=Thresholds(start=0.3, stop=0.7, steps=3))
    assert found == [(0.3, 0, 1, 1, 1), (0.5, 0, 1, 1, 1), (0.7, 0, 1, 1, 0)]


def test_what_was_reached_before_a_death_is_no_recovery() -> None:
    found = counts(lived(0.9, 0.1, 0.2, 0.3), thresholds=Thresholds(start=0.25, stop=0.5, steps=2))
    assert found == [(0.25, 0, 1, 0, 0), (0.25, 3, 1, 1, 1), (0.5, 0, 1, 0, 0), (0.5, 3, 1, 1, 0)]


def test_one_threshold_is_a_sweep() -> None:
    one = Thresholds(start=0.5, stop=0.5, steps=1)
    assert counts(lived(0.9, 0.5, 0.4), lived(0.4, 0.9), thresholds=one) == [
        (0.5, 0, 2, 1, 1),
        (0.5, 3, 1, 0, 0),
        (0.5, 5, 1, 1, 0),
    ]


@pytest.mark.parametrize(
    ("consecutive", "pmass", "dies_at"),
    [
        pytest.param(1, [0.9, 0.1, 0.9, 0.1], 3, id="one"),
        pytest.param(2, [0.9, 0.1, 0.9, 0.1], None, id="two, never in a row"),
        pytest.param(2, [0.9, 0.9, 0.1, 0.1], 10, id="two in a row, at the second"),
        pytest.param(2, [0.1, 0.1, 0.9, 0.9], 3, id="two at the start"),
        pytest.param(2, [0.1, None, 0.1, 0.9], 5, id="a missing one between does not break the row"),
        pytest.param(2, [0.1, None, 0.9, 0.1], None, id="and does not count in it"),
        pytest.param(3, [0.1, 0.1, 0.1, 0.9], 5, id="three"),
        pytest.param(4, [0.1, 0.1, 0.1, 0.1], 10, id="all there are"),
        pytest.param(5, [0.1, 0.1, 0.1, 0.1], None, id="more than there are"),
    ],
)
def test_death_takes_as_many_measured_forks_in_a_row_below_the_threshold(
    consecutive: int, pmass: list[float | None], dies_at: int | None
) -> None:
    found = counts(lived(*pmass), thresholds=Thresholds(start=0.5, stop=0.5, steps=1, consecutive=consecutive))
    assert [fork for _, fork, _, n_events, _ in found if n_events] == ([] if dies_at is None else [dies_at])
    measured = [fork for fork, mass in zip((0, 3, 5, 10), pmass, strict=True) if mass is not None]
    assert [fork for _, fork, *_ in found] == [fork for fork in measured if dies_at is None or fork <= dies_at]


def test_a_row_of_forks_does_not_go_on_past_the_end_or_into_the_next_trajectory() -> None:
    two = Thresholds(start=0.5, stop=0.5, steps=1, consecutive=2)
    assert sum(n_events for *_, n_events, _ in counts(lived(0.9, 0.1, 0.1, gen_len=4), thresholds=two)) == 0
    assert sum(n_events for *_, n_events, _ in counts(lived(0.9, 0.1), lived(0.1, 0.9), thresholds=two)) == 0


def test_the_forks_are_counted_once_however_many_thresholds_there_are() -> None:
    made = [lived(0.9, 0.5, 0.4)] * 5
    few, many = (
        ranges(scored(*made), by=["alpha"], thresholds=Thresholds(start=0.1, stop=0.95, steps=n)).collect()
        for n in (2, 10_000)
    )
    assert few.height == many.height == 3
    assert many.get_column("n").to_list() == [5, 5, 5]


def test_a_pmass_that_rounding_put_past_0_or_1_is_below_all_and_above_all() -> None:
    thresholds = Thresholds(start=0.5, stop=1.0, steps=2)
    assert counts(lived(1 + 1e-7), lived(-1e-7), thresholds=thresholds) == [(0.5, 0, 2, 1, 0), (1.0, 0, 2, 1, 0)]


@pytest.mark.parametrize(
    "made", [[], [lived()], [lived(None, None)], [lived(None, 0.1, gen_len=2)]], ids=["none", "no fork", "nan", "past"]
)
def test_where_nothing_was_measured_there_is_nothing_to_count(made: list[Row]) -> None:
    assert counts(*made, thresholds=TENTHS) == []
