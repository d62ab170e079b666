from __future__ import annotations

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from klsurv.frames.buckets import bucket
from klsurv.stats import quantiles as module
from klsurv.stats.quantiles import quantiles
from tests.effort import examples

PERCENTS = (0, 1, 10, 25, 50, 75, 90, 95, 99, 100)
FLOATS = st.floats(allow_nan=False, allow_infinity=False, width=64)
# Many equal values, values so near each other that they share a bucket, and none.
VALUES = st.lists(
    st.tuples(st.integers(0, 2), FLOATS | st.sampled_from([None, 0.0, -0.0, 1.0, 1.0 + 2**-52, 1.0 - 2**-53, 5e-324])),
    max_size=60,
)


def pieces(*parts: list[tuple[int, float | None]]) -> list[Callable[[], pl.LazyFrame]]:
    """A list for each value, and one that is null for None."""
    rows = [[(group, None if x is None else [x]) for group, x in part] + [(9, [])] for part in parts]
    schema = {"group": pl.UInt32, "x": pl.List(pl.Float64)}
    frames = [pl.DataFrame(part, schema=schema, orient="row").lazy() for part in rows]
    return [lambda frame=frame: frame for frame in frames]  # type: ignore[misc]


@settings(max_examples=examples(200), deadline=None)
@given(parts=st.lists(VALUES, min_size=2, max_size=4))
def test_several_pieces_give_the_quantiles_of_the_whole_to_the_last_bit(
    parts: list[list[tuple[int, float | None]]],
) -> None:
    together = quantiles(pieces([row for part in parts for row in part]), percents=PERCENTS).sort("group")
    assert quantiles(pieces(*parts), percents=PERCENTS).sort("group").equals(together)


@settings(max_examples=100, deadline=None)
@given(values=st.lists(st.floats(-1e100, 1e100), min_size=1, max_size=60))
def test_quantiles_are_linear_ones_as_numpy_has_them(values: list[float]) -> None:
    (row,) = quantiles(pieces([(0, x) for x in values]), percents=PERCENTS).drop("group").rows()
    assert row == pytest.approx(tuple(np.percentile(values, PERCENTS)), rel=1e-9, abs=1e-300)


def test_without_values_there_is_no_row() -> None:
    assert quantiles([], percents=(50,)).rows() == []
    for parts in ([[]], [[], []], [[(0, math.nan)]], [[(0, math.nan)], [(0, math.inf)]], [[(0, None)]]):
        found = quantiles(pieces(*parts), percents=(50,))
        assert (found.rows(), found.schema["p50"]) == ([], pl.Float64)


def test_quartiles_of_pieces_one_can_check_by_eye() -> None:
    near = 1 + 1e-9
    first = [(1, 20.0), (0, 4.0), (0, 1.0), (2, near), (3, 5.0), (3, 5.0)]
    second = [(0, 3.0), (0, 2.0), (2, 1.0), (2, 1.0), (1, 10.0), (3, 7.0)]
    found = quantiles(pieces(first, second), percents=(0, 25, 50, 100)).sort("group")
    assert found.schema == {"group": pl.UInt32, **dict.fromkeys(("p0", "p25", "p50", "p100"), pl.Float64)}
    assert found.rows() == [
        (0, 1.0, 1.75, 2.5, 4.0),
        (1, 10.0, 12.5, 15.0, 20.0),
        (2, 1.0, 1.0, 1.0, near),
        (3, 5.0, 5.0, 5.0, 7.0),
    ]
    assert quantiles(pieces(first + second), percents=(0, 25, 50, 100)).sort("group").rows() == found.rows()


def test_values_of_one_bucket_are_taken_in_their_order() -> None:
    values = [1 + i * 1e-9 for i in range(6)]
    first, second = [(0, values[i]) for i in (5, 3, 1)], [(0, values[i]) for i in (4, 2, 0)]
    found = quantiles(pieces(first, second), percents=(0, 20, 40, 60, 80, 100)).drop("group").rows()
    assert found == [tuple(values)]


def test_pieces_are_read_twice_by_the_executor_and_one_piece_once_here() -> None:
    class Counting(ThreadPoolExecutor):
        asked = 0

        def submit(self, *arguments: Any, **options: Any) -> Any:
            self.asked += 1
            return super().submit(*arguments, **options)

    with Counting(1) as executor:
        quantiles(pieces([(0, 1.0)]), percents=(50,), executor=executor)
        assert executor.asked == 0
        quantiles(pieces([(0, 1.0)], [(0, 2.0)]), percents=(50,), executor=executor)
        assert executor.asked == 4


def test_of_equal_values_every_quantile_is_that_value() -> None:
    half = [(0, 0.1)] * 7
    assert quantiles(pieces(half, half), percents=(1, 50, 99)).rows() == [(0, 0.1, 0.1, 0.1)]


@settings(max_examples=300, deadline=None)
@given(values=st.lists(st.floats(allow_nan=False), min_size=2, max_size=30))
def test_a_bucket_never_falls_where_the_value_rises(values: list[float]) -> None:
    ordered = sorted(values, key=lambda x: (x, math.copysign(1, x)))
    found = pl.DataFrame({"x": ordered}, schema={"x": pl.Float64}).select(bucket(pl.col("x"))).to_series()
    assert found.is_sorted()


@pytest.mark.parametrize("zeros", [[-0.0], [0.0], [-0.0] * 3, [-0.0, -0.0, 0.0], [0.0, -0.0, -0.0]])
@pytest.mark.parametrize("apart", [False, True])
def test_a_quantile_of_zeros_has_no_sign(zeros: list[float], apart: bool) -> None:
    rows = [[(0, zero)] for zero in zeros] if apart else [[(0, zero) for zero in zeros]]
    others = [(1, 1.0), (2, 2.0)]
    for found in (
        quantiles(pieces(*rows), percents=(1, 50)),
        quantiles(pieces(rows[0] + others, *rows[1:]), percents=(1, 50)),
    ):
        assert [str(found.filter(group=0).item(0, name)) for name in ("p1", "p50")] == ["0.0", "0.0"]


def test_buckets_of_values_around_0_are_in_their_order() -> None:
    values = pl.DataFrame({"x": [-math.inf, -1.0, -5e-324, -0.0, 0.0, 5e-324, 1.0, math.inf]})
    found = values.select(bucket(pl.col("x"))).to_series().to_list()
    assert found == sorted(found)
    assert found[0] < found[1] < found[2] < found[4] == 0 < found[6] < found[7]


def test_a_bucket_is_narrow() -> None:
    edges = pl.DataFrame({"x": [1.0, 1.0005, 1.002, -1.0, -1.0005, -1.002]}).select(bucket(pl.col("x"))).to_series()
    a, b, c, d, e, f = edges.to_list()
    assert a == b and b < c and d == e and f < e
    assert math.isfinite(a)


def batches(*rows: tuple[int | None, list[float] | None]) -> list[list[int]]:
    """Which groups are looked at together."""
    frame = pl.DataFrame(rows, schema={"group": pl.UInt32, "x": pl.List(pl.Float64)}, orient="row")
    return [batch.collect().get_column("group").to_list() for batch in module._batches(frame)]


def test_groups_are_looked_at_some_at_a_time_in_order_each_whole_and_what_is_of_none_is_left_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "_BATCH", 3)
    rows = [(5, [1.0]), (2, [1.0, 2.0]), (None, [1.0] * 9), (3, [1.0]), (2, [3.0]), (4, [1.0, 2.0]), (9, [0.0] * 9)]
    # 3 values, then 1 + 2, then 1 and the 9 that begin within the next three.
    assert batches(*rows) == [[2, 2], [3, 4], [5, 9]]
    assert batches() == batches((None, [1.0])) == [[]]


def test_half_a_million_values_are_enough_for_a_look() -> None:
    assert batches((0, [0.0] * 500_000), (1, [1.0])) == [[0], [1]]


@settings(max_examples=examples(100), deadline=None)
@given(values=VALUES)
def test_some_at_a_time_groups_have_the_quantiles_that_they_have_together(
    values: list[tuple[int, float | None]],
) -> None:
    together = quantiles(pieces(values), percents=PERCENTS).sort("group")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_BATCH", 2)
        assert quantiles(pieces(values), percents=PERCENTS).sort("group").equals(together)


@pytest.mark.parametrize("lists", [[[1.0, None, 4.0, 2.0]], [[4.0, math.nan], None, [], [1.0, 2.0, math.inf]]])
def test_of_one_group_alone_what_is_no_number_does_not_count(lists: list[list[float | None] | None]) -> None:
    rows = pl.DataFrame({"group": [3] * len(lists), "x": lists}, schema={"group": pl.UInt32, "x": pl.List(pl.Float64)})
    assert quantiles([rows.lazy], percents=(0, 25, 50, 90)).rows() == [(3, 1.0, 1.5, 2.0, pytest.approx(3.6))]


def test_among_many_values_too_what_is_no_number_does_not_count() -> None:
    values = [float(i) if i % 3 else None for i in range(150_000)]
    rows = pl.DataFrame({"group": [3], "x": [values]}, schema={"group": pl.UInt32, "x": pl.List(pl.Float64)})
    numbers = [x for x in values if x is not None]
    assert quantiles([rows.lazy], percents=(0, 50)).rows() == [(3, 1.0, np.median(numbers))]


def selected(x: pl.Series) -> dict[int, float | None]:
    return module._of_series(x, PERCENTS)


def among_all(x: pl.Series) -> dict[int, float | None]:
    return {p: x.quantile(p / 100, interpolation="linear") for p in PERCENTS}


@settings(max_examples=examples(300), deadline=None)
@given(values=st.lists(FLOATS | st.sampled_from([0.0, 1.0, 1.0 + 2**-52]), min_size=8, max_size=200))
def test_a_quantile_of_many_values_is_the_one_among_all_wherever_a_sample_says_it_lies(values: list[float]) -> None:
    x = pl.Series(values, dtype=pl.Float64)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_MANY", 0)
        patch.setattr(module, "_SAMPLE", 8)
        assert selected(x) == among_all(x)


@pytest.mark.parametrize("unlike", [-1.0, 1e6])
def test_a_sample_that_is_unlike_the_values_costs_time_only(unlike: float) -> None:
    values = np.random.default_rng(0).lognormal(size=8192 * 20)
    values[::20] = unlike
    x = pl.Series(values)
    assert set(x.gather_every(20)) == {unlike}
    assert selected(x) == among_all(x)


def test_the_value_above_a_quantile_may_lie_just_outside_of_where_it_was_looked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "_SAMPLE", 10_000)
    # Half of the values are 0, among them all of the sample.
    x = pl.Series(([0.0] * 10 + [1.0] * 10) * 10_000)
    assert module._of_series(x, (50,)) == {50: 0.5} == {50: x.quantile(0.5, interpolation="linear")}


def test_of_many_values_few_are_sorted(monkeypatch: pytest.MonkeyPatch) -> None:
    x = pl.Series(np.random.default_rng(0).lognormal(size=500_000))
    lengths = []
    sort = pl.Series.sort
    monkeypatch.setattr(pl.Series, "sort", lambda self: lengths.append(self.len()) or sort(self))
    monkeypatch.setattr(pl.Series, "quantile", None)
    assert module._of_series(x, (50, 95, 99)).keys() == {50, 95, 99}
    assert max(lengths) < 50_000


def test_a_group_without_a_finite_value_goes_beside_others_that_are_looked_at_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "_BATCH", 2)
    rows = [(0, math.nan), (0, math.inf), (1, 1.0), (1, 3.0)]
    assert quantiles(pieces(rows), percents=(50,)).rows() == [(1, 2.0)]
