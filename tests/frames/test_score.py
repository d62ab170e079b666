from __future__ import annotations

import math

import polars as pl
import pytest

from klsurv.exprs.scale import own_p95
from klsurv.frames.score import measure, score, smooth
from klsurv.params import Scoring
from klsurv.schema import FACTS, KEY, TRAJECTORIES
from tests.frames.source import Row, scored, source, trajectory

NAN, INF = math.nan, math.inf


def one(row: Row, *, scoring: Scoring | None = None) -> Row:
    return scored(row, scoring=scoring or Scoring(roll=1)).collect().row(0, named=True)


def test_the_columns_are_those_that_the_schema_declares_and_the_facts_of_the_cell() -> None:
    table = scored(trajectory([0.1, 0.2], fork=[0], pmass=[0.9])).collect()
    assert table.select(TRAJECTORIES.names).schema == TRAJECTORIES.schema
    assert set(table.columns) == {*TRAJECTORIES.names, *FACTS}


def test_a_source_without_rows_has_the_same_columns() -> None:
    assert scored().collect().select(TRAJECTORIES.names).schema == TRAJECTORIES.schema


def test_rows_stay_in_order_and_keep_their_keys() -> None:
    rows = [trajectory([0.1], prompt=p, cell=c, alpha=a) for p, c, a in [(3, "b", 2.0), (0, "a", 0.5), (0, "b", 2.0)]]
    assert scored(*rows).collect().select(KEY).rows() == [("b", 2.0, 3), ("a", 0.5, 0), ("b", 2.0, 0)]


@pytest.mark.parametrize(
    ("gen_len", "kl"), [(0, []), (1, [0.1]), (2, [0.1, 0.2]), (3, [0.1, 0.2, 0.3]), (9, [0.1, 0.2, 0.3])]
)
def test_the_length_is_the_shorter_of_the_kl_and_the_generation(gen_len: int, kl: list[float]) -> None:
    row = one(trajectory([0.1, 0.2, 0.3], gen_len=gen_len))
    assert (row["length"], row["kl"], row["gen_len"]) == (len(kl), kl, gen_len)


@pytest.mark.parametrize("roll", [0, 1, 2, 65])
def test_nothing_generated_scores_as_nothing(roll: int) -> None:
    scoring = Scoring(roll=roll)
    table = scored(trajectory([0.5, 0.5], gen_len=0), trajectory([0.5, 0.5]), scoring=scoring)
    assert table.collect().select("length", "scale", "drawn", "n_kl_failed").rows() == [
        (0, None, False, 0),
        (2, 0.5, True, 0),
    ]
    assert table.pipe(smooth, scoring=scoring).collect().get_column("kl_smooth").to_list() == [[], [0.5, 0.5]]


@pytest.mark.parametrize(
    ("kl", "scale"),
    [
        pytest.param([0.0, 0.0], None, id="zero, as at alpha 0"),
        pytest.param([1e-8], None, id="1e-8 exactly"),
        pytest.param([NAN, INF], None, id="nothing finite"),
        pytest.param([], None, id="no KL"),
        pytest.param([0.0, 10.0], 9.5, id="linear interpolation"),
        pytest.param([NAN, 2.0], 2.0, id="one finite value"),
    ],
)
def test_without_a_usable_scale_a_trajectory_is_drawn_only_in_nats(kl: list[float], scale: float | None) -> None:
    row = one(trajectory(kl))
    assert (row["scale"], row["drawn"]) == (scale, scale is not None)
    assert one(trajectory(kl), scoring=Scoring(roll=1, normalize_kl=False))["drawn"] is True


@pytest.mark.parametrize("length", [5, 12, 60])
@pytest.mark.parametrize("tokens", [1, 3, 20])
@pytest.mark.parametrize("roll", [0, 2, 3, 8, 9, 30])
def test_the_scale_is_that_of_the_whole_smoothed_series(roll: int, tokens: int, length: int) -> None:
    scoring = Scoring(roll=roll, calib_tokens=tokens)
    table = scored(trajectory([1.0 + (t * t) % 7 for t in range(length)]), scoring=scoring)
    whole = table.pipe(smooth, scoring=scoring).select(
        "scale", whole=pl.col("kl_smooth").list.agg(own_p95(pl.element(), tokens=tokens))
    )
    scale, expected = whole.collect().row(0)
    assert scale == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("pmass", "death_t"),
    [
        ([0.9, 0.7, 0.6], 4),
        ([0.9, 0.8, 0.9], None),
        ([None, None, None], None),
        ([None, 0.9, 0.1], 9),
        ([0.1, None, 0.9], 0),
    ],
)
def test_death_is_the_first_fork_strictly_below_the_threshold_and_a_missing_pmass_never_kills(
    pmass: list[float | None], death_t: int | None
) -> None:
    assert one(trajectory([0.1] * 10, fork=[0, 4, 9], pmass=pmass))["death_t"] == death_t


def test_a_death_past_the_end_of_the_generation_is_still_a_fork_below_the_threshold() -> None:
    assert one(trajectory([0.1] * 3, fork=[0, 4], pmass=[0.9, 0.1]))["death_t"] == 4


@pytest.mark.parametrize(("gen_len", "expected"), [(0, "eos"), (9, "eos"), (10, "window"), (11, "window")])
def test_a_rollout_ended_itself_where_it_is_shorter_than_its_cells_window(gen_len: int, expected: str) -> None:
    assert one(trajectory([0.1] * 10, gen_len=gen_len, window=10))["end"] == expected


def test_a_window_of_the_scoring_takes_the_place_of_each_cells_own() -> None:
    rows = [trajectory([0.1] * 4, window=4), trajectory([0.1] * 4, window=10), trajectory([0.1] * 5, window=10)]
    own = scored(*rows).collect().select("window", "end").rows()
    given = scored(*rows, scoring=Scoring(roll=1, window=5)).collect().select("window", "end").rows()
    assert own == [(4, "window"), (10, "eos"), (10, "eos")]
    assert given == [(5, "eos"), (5, "eos"), (5, "window")]


def test_failed_measurements_are_counted_inside_the_generation_only() -> None:
    row = one(trajectory([NAN, 0.1, -INF, -0.1, NAN], gen_len=4, fork=[0, 3, 4, 5], pmass=[None, 0.9, None, None]))
    assert row["n_kl_failed"] == 2
    assert row["n_kl_negative"] == 2
    assert row["n_pmass_failed"] == 2


def test_without_forks_nothing_dies_and_nothing_failed() -> None:
    row = one(trajectory([0.1, 0.2]))
    assert (row["death_t"], row["n_pmass_failed"]) == (None, 0)


def test_equal_keys_in_two_rows_are_scored_apart() -> None:
    rows = [trajectory([0.1], prompt=0, fork=[0], pmass=[mass]) for mass in (0.1, 0.9)]
    assert score(source(*rows), scoring=Scoring()).collect().get_column("death_t").to_list() == [0, None]


def test_of_early_kl_no_more_is_kept_than_asked() -> None:
    made = source(trajectory([1.0, 2.0, 3.0, 4.0]), trajectory([5.0]))
    assert measure(made, early=2).collect().get_column("early").to_list() == [[1.0, 2.0], [5.0]]


def test_a_window_that_is_given_has_the_type_of_each_cells_own() -> None:
    windows = [
        scored(trajectory([1.0]), scoring=Scoring(window=window)).collect_schema()["window"] for window in (None, 3)
    ]
    assert windows == [pl.Int64, pl.Int64]
