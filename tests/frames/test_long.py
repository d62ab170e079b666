from __future__ import annotations

import math

import polars as pl
import pytest

from klsurv.frames.long import long, n_rows, scored
from klsurv.frames.score import measure
from klsurv.params import Scoring
from klsurv.schema import KEY, LONG, SCORED
from tests.frames.source import Row, source, trajectory

NAN = math.nan


def rows_of(*rows: Row) -> list[tuple[int, float | None, float | None]]:
    return long(source(*rows)).select("t", "kl", "pmass").collect().rows()


def test_the_columns_are_those_that_the_schema_declares() -> None:
    table = source(trajectory([0.1, 0.2], fork=[0], pmass=[0.9]))
    assert long(table).collect().schema == LONG.schema
    assert scored(table, scoring=Scoring()).collect().schema == SCORED.schema


def test_a_source_without_rows_has_the_same_columns() -> None:
    assert long(source()).collect().schema == LONG.schema
    assert scored(source(), scoring=Scoring()).collect().schema == SCORED.schema


def test_pmass_stands_at_its_fork_and_is_null_elsewhere() -> None:
    found = rows_of(trajectory([0.1, 0.2, 0.3, 0.4], fork=[0, 2], pmass=[0.9, 0.7]))
    assert found == [(0, 0.1, 0.9), (1, 0.2, None), (2, 0.3, 0.7), (3, 0.4, None)]


def test_a_measured_fork_past_the_last_token_has_a_row_without_kl() -> None:
    found = rows_of(trajectory([0.1, 0.2], fork=[0, 2, 9], pmass=[0.9, 0.8, 0.7]))
    assert found == [(0, 0.1, 0.9), (1, 0.2, None), (2, None, 0.8), (9, None, 0.7)]


def test_a_fork_that_was_not_measured_has_no_row_of_its_own() -> None:
    assert rows_of(trajectory([0.1, 0.2], fork=[0, 2, 9], pmass=[None, None, None])) == [(0, 0.1, None), (1, 0.2, None)]


def test_a_failed_kl_stays_nan_and_is_not_null() -> None:
    (kl,) = long(source(trajectory([NAN]))).collect().get_column("kl").to_list()
    assert math.isnan(kl)


@pytest.mark.parametrize(("pmass", "expected"), [([0.9], [(0, None, 0.9)]), ([None], [])])
def test_nothing_generated_leaves_the_fork_at_0_or_nothing(
    pmass: list[float | None], expected: list[tuple[int, float | None, float | None]]
) -> None:
    assert rows_of(trajectory([0.1], gen_len=0, fork=[0], pmass=pmass)) == expected


def test_how_many_rows_a_trajectory_will_have_is_known_without_its_kl() -> None:
    made = source(
        trajectory([0.1, 0.2], prompt=0, fork=[0, 2, 9], pmass=[0.9, 0.8, 0.7]),
        trajectory([0.1, 0.2], prompt=1, fork=[0, 1, 2], pmass=[0.9, 0.8, None]),
        trajectory([0.1], prompt=2, gen_len=0, fork=[0], pmass=[0.9]),
        trajectory([0.1], prompt=3, gen_len=0, fork=[0], pmass=[None]),
        trajectory([0.1, 0.2, 0.3], prompt=4, fork=[], pmass=[]),
    )
    rollouts = measure(made, early=0).drop("kl").collect()
    told = n_rows(rollouts.lazy()).collect()
    assert told.drop("n_rows", "n_pmass").equals(rollouts)
    assert (told.schema["n_rows"], told.schema["n_pmass"]) == (pl.Int64, pl.Int64)
    assert told.get_column("n_pmass").to_list() == [3, 2, 1, 0, 0]
    assert told.get_column("n_rows").to_list() == [4, 2, 1, 0, 3]
    counted = long(made).collect().group_by("prompt").len().sort("prompt").rows()
    assert counted == [(0, 4), (1, 2), (2, 1), (4, 3)]
    # By row, not by chance: of many some have forks past the end, and some not.
    many = pl.concat([rollouts.head(2)] * 500)
    assert n_rows(many.lazy()).collect().get_column("n_rows").to_list() == [4, 2] * 500


def test_one_row_per_key_in_the_order_of_the_source_and_of_t() -> None:
    table = long(
        source(
            trajectory([0.1, 0.2], cell="b", prompt=1, fork=[0, 5], pmass=[0.9, 0.9]),
            trajectory([], cell="a", prompt=0, fork=[1], pmass=[0.9]),
            trajectory([0.3], cell="b", prompt=0, fork=[0, 5], pmass=[0.9, None]),
        )
    )
    keys = table.collect().select(*KEY, "t").rows()
    assert keys == [("b", 1.0, 1, 0), ("b", 1.0, 1, 1), ("b", 1.0, 1, 5), ("a", 1.0, 0, 1), ("b", 1.0, 0, 0)]


def test_scored_has_the_rows_of_long() -> None:
    table = source(
        trajectory([0.1, NAN, 0.3], fork=[0, 2, 7], pmass=[0.9, None, 0.1]),
        trajectory([], fork=[0], pmass=[0.5]),
        trajectory([0.0, 0.0]),
    )
    raw = long(table).collect()
    assert scored(table, scoring=Scoring(roll=1)).select(LONG.names).collect().equals(raw, null_equal=True)


def test_the_lowest_pmass_is_carried_to_each_token_and_past_the_end() -> None:
    row = trajectory([0.1] * 4, fork=[1, 2, 3, 6], pmass=[0.9, 0.5, None, 0.7])
    found = scored(source(row), scoring=Scoring(roll=1)).select("t", "pmass", "pmass_min", "alive").collect()
    assert found.rows() == [
        (0, None, None, True),
        (1, 0.9, 0.9, True),
        (2, 0.5, 0.5, False),
        (3, None, 0.5, False),
        (6, 0.7, 0.5, False),
    ]


def test_what_is_carried_stops_at_the_next_trajectory() -> None:
    rows = [trajectory([0.1], fork=[0], pmass=[0.1]), trajectory([0.1], fork=[0], pmass=[None])]
    found = scored(source(*rows), scoring=Scoring(roll=1)).select("pmass_min", "alive").collect()
    assert found.rows() == [(0.1, False), (None, True)]


def test_kl_is_smoothed_and_divided_by_the_trajectorys_own_scale() -> None:
    row = trajectory([1.0, 2.0, 6.0], fork=[5], pmass=[0.9])
    found = scored(source(row), scoring=Scoring(roll=2, calib_tokens=1)).select("kl", "kl_smooth", "kl_rel").collect()
    assert found.rows() == [(1.0, 1.0, 1.0), (2.0, 1.5, 1.5), (6.0, 4.0, 4.0), (None, None, None)]


@pytest.mark.parametrize("normalize", [True, False])
def test_kl_rel_is_null_without_a_scale_and_kl_smooth_is_not(normalize: bool) -> None:
    rows = [trajectory([0.0, 0.0]), trajectory([2.0, 2.0])]
    scoring = Scoring(roll=1, normalize_kl=normalize)
    found = scored(source(*rows), scoring=scoring).select("kl_smooth", "kl_rel").collect()
    assert found.rows() == [(0.0, None), (0.0, None), (2.0, 1.0), (2.0, 1.0)]


def test_dead_tokens_are_those_from_the_death_on() -> None:
    row = trajectory([0.1] * 5, fork=[0, 2, 4], pmass=[0.8, 0.79, 1.0], window=6)
    found = scored(source(row), scoring=Scoring(roll=1)).collect()
    assert found.filter(~pl.col("alive")).get_column("t").to_list() == [2, 3, 4]
    assert found.get_column("end").unique().to_list() == ["eos"]
