from __future__ import annotations

import math
from typing import Any

import polars as pl
import pytest

from klsurv.exprs.axes import Axes
from klsurv.frames import spaghetti
from klsurv.params import Scoring
from tests.frames.source import Row, scored, trajectory
from tests.whole import top

NAN, INF = math.nan, math.inf
NATS = Scoring(roll=1, normalize_kl=False)
# Ten pixels a token from t = −1, a hundred a nat from y = 1 downwards.
AXES = Axes(width=110, height=105, x_max=10.0, y_max=1.0)

Stroke = list[tuple[int, float]]


def drawn(*rows: Row, scoring: Scoring = NATS) -> pl.LazyFrame:
    return spaghetti.drawn(scored(*rows, scoring=scoring), scoring=scoring)


def dying(kl: list[float], death_t: int | None, **rest: Any) -> Row:
    return trajectory(kl, fork=[0 if death_t is None else death_t], pmass=[0.9 if death_t is None else 0.1], **rest)


def strokes(*rows: Row) -> dict[tuple[int, str], list[Stroke]]:
    """(line, state) → its strokes as (token, KL)."""
    found: dict[tuple[int, str], list[Stroke]] = {}
    for line, state, points in (
        spaghetti.lines(drawn(*rows), axes=AXES).select("line", "state", "points").collect().rows()
    ):
        stroke = [(round(x / 10 - 1), round(1 - y / 100, 4)) for x, y in points]
        found.setdefault((line, state), []).append(stroke)
    return found


def y_max(*rows: Row) -> float:
    return top(drawn(*rows))


def x_max(*rows: Row, scoring: Scoring = NATS) -> float:
    (x,) = spaghetti.panels(scored(*rows, scoring=scoring)).collect().get_column("x_max").to_list()
    assert isinstance(x, float)
    return x


def test_what_is_drawn_is_smoothed_kl_over_the_own_scale() -> None:
    scoring = Scoring(roll=2, calib_tokens=1)
    (y,) = drawn(trajectory([2.0, 4.0, 12.0]), scoring=scoring).collect().get_column("y").to_list()
    assert y == [1.0, 1.5, 4.0]


def test_in_nats_what_is_drawn_is_smoothed_kl() -> None:
    scoring = Scoring(roll=2, calib_tokens=1, normalize_kl=False)
    (y,) = drawn(trajectory([2.0, 4.0, 12.0]), scoring=scoring).collect().get_column("y").to_list()
    assert y == [2.0, 3.0, 8.0]


def test_the_first_value_is_that_of_token_0() -> None:
    first = drawn(trajectory([2.0])).collect().get_column("first")
    assert (first.to_list(), first.dtype) == ([0], pl.Int64)


def test_without_a_scale_a_trajectory_is_drawn_only_in_nats_and_their_order_stays() -> None:
    rows = [trajectory([0.5], prompt=7), trajectory([0.0], prompt=5), trajectory([0.5], prompt=6)]
    relative, nats = (
        drawn(*rows, scoring=s).select("prompt").collect().to_series().to_list() for s in (Scoring(), NATS)
    )
    assert relative == [7, 6]
    assert nats == [7, 5, 6]


@pytest.mark.parametrize(
    ("kl", "expected"),
    [
        pytest.param([0.0, 10.0], 1.4 * 9.9, id="99th percentile, linear"),
        pytest.param([2.0, NAN, INF, -INF, -50.0], 2.8, id="finite and not negative only"),
        pytest.param([0.0, 0.0], 1e-3, id="never below 1e-3"),
        pytest.param([1e-5], 1e-3, id="nor for what is very small"),
        pytest.param([NAN, -1.0], 1.1, id="no value that counts"),
        pytest.param([], 1.1, id="no token"),
    ],
)
def test_y_max_is_1_4_times_the_99th_percentile_of_what_is_drawn(kl: list[float], expected: float) -> None:
    assert y_max(trajectory(kl)) == pytest.approx(expected, rel=1e-12)


def test_y_max_is_1_1_where_nothing_is_drawn() -> None:
    assert y_max() == 1.1
    assert top(drawn(trajectory([0.0, 0.0]), scoring=Scoring())) == 1.1


def test_y_max_is_shared_by_all_panels() -> None:
    assert y_max(trajectory([0.0], alpha=0.5), trajectory([10.0], alpha=1.0)) == pytest.approx(1.4 * 9.9)


@pytest.mark.parametrize(
    ("length", "window", "expected"),
    [(10, 96, 20.0), (80, 96, 84.0), (96, 96, 96.0), (10, 15, 15.0), (0, 96, 20.0), (20, 96, 21.0)],
)
def test_x_reaches_5_percent_past_the_longest_line_at_least_20_and_no_more_than_the_window(
    length: int, window: int, expected: float
) -> None:
    assert x_max(trajectory([0.1] * length, window=window), trajectory([0.1], window=window)) == pytest.approx(expected)


def test_what_is_not_drawn_does_not_widen_its_panel() -> None:
    rows = [trajectory([0.0] * 80, window=96), trajectory([0.1] * 40, window=96)]
    assert x_max(*rows, scoring=Scoring(roll=1)) == 42.0
    assert x_max(*rows) == 84.0


def test_a_panel_without_lines_spans_20_tokens() -> None:
    assert x_max(trajectory([0.0] * 80, window=96), scoring=Scoring(roll=1)) == 20.0


def test_each_alpha_has_a_panel_with_the_counts_of_its_title() -> None:
    rows = [
        dying([0.1] * 9, 4, alpha=2.0),
        dying([0.1] * 10, None, alpha=2.0),
        dying([0.0] * 10, 4, alpha=0.0),
    ]
    table = spaghetti.panels(scored(*rows)).select("alpha", "n", "n_died", "n_censored", "n_skipped").collect()
    assert table.rows() == [(0.0, 1, 0, 0, 1), (2.0, 2, 1, 1, 0)]


def test_of_those_drawn_the_panel_counts_those_that_were_not_measured() -> None:
    made = {
        "measured": trajectory([0.1] * 4, fork=[0, 3], pmass=[0.9, 0.9]),
        "at its second fork": trajectory([0.1] * 4, fork=[0, 3], pmass=[None, 0.9]),
        "failed": trajectory([0.1] * 4, fork=[0, 3], pmass=[None, None]),
        "after its end": trajectory([0.1] * 4, fork=[0, 9], pmass=[None, 0.9]),
        "no forks": trajectory([0.1] * 4),
        "failed and not drawn": trajectory([0.0] * 4, fork=[0, 3], pmass=[None, None]),
    }
    table = spaghetti.panels(scored(*made.values())).collect()
    assert table.select("n", "n_skipped", "n_unmeasured").rows() == [(6, 1, 3)]
    assert table.schema["n_unmeasured"] == pl.Int64


def test_the_median_is_over_the_trajectories_still_present_at_each_token() -> None:
    rows = [trajectory([1.0, 1.0, 1.0]), trajectory([2.0, 4.0]), trajectory([9.0]), trajectory([])]
    table = spaghetti.medians(drawn(*rows)).collect()
    assert table.rows() == [(0, 2.0), (1, 2.5), (2, 1.0)]


def test_what_is_not_finite_is_not_present_and_a_token_without_any_has_no_median() -> None:
    rows = [trajectory([NAN, 1.0, INF]), trajectory([5.0, 3.0, NAN])]
    assert spaghetti.medians(drawn(*rows)).collect().rows() == [(0, 5.0), (1, 2.0)]


def test_the_median_stops_at_the_window() -> None:
    scoring = Scoring(roll=1, normalize_kl=False, window=2)
    assert spaghetti.medians(drawn(trajectory([1.0, 2.0, 3.0]), scoring=scoring)).collect().get_column(
        "t"
    ).to_list() == [0, 1]


def test_medians_are_in_order_of_their_tokens() -> None:
    rows = [trajectory([float(t) for t in range(300)], window=300), trajectory([1.0])]
    assert spaghetti.medians(drawn(*rows)).collect().rows() == [(0, 0.5), *((t, float(t)) for t in range(1, 300))]


@pytest.mark.parametrize(("first", "expected"), [(3, [3, 4]), (4, [4]), (5, []), (6, [])])
def test_medians_of_a_part_stop_at_the_window_too(first: int, expected: list[int]) -> None:
    part = pl.LazyFrame({"alpha": [1.0], "window": [5], "first": [first], "y": [[0.1, 0.2, 0.3, 0.4]]})
    assert spaghetti.medians(part).collect().get_column("t").to_list() == expected


def test_ends_are_the_last_tokens_of_those_that_ended_themselves() -> None:
    rows = [
        trajectory([0.1, 0.2, 0.3], alpha=2.0),
        trajectory([0.1] * 10),
        trajectory([0.1]),
        trajectory([0.4, 0.5, NAN]),
    ]
    table = spaghetti.ends(drawn(*rows)).collect()
    assert table.rows() == [(2.0, 2, 0.3), (1.0, 2, 0.5)]


def test_a_line_that_never_dies_is_one_stroke() -> None:
    assert strokes(dying([0.0, 1.0, 0.0, 1.0], None)) == {(0, "alive"): [[(0, 0.0), (1, 1.0), (2, 0.0), (3, 1.0)]]}


def test_a_line_splits_at_its_death_and_both_strokes_hold_that_point() -> None:
    assert strokes(dying([0.0, 1.0, 0.0, 1.0, 0.5], 2)) == {
        (0, "alive"): [[(0, 0.0), (1, 1.0), (2, 0.0)]],
        (0, "dead"): [[(2, 0.0), (3, 1.0), (4, 0.5)]],
    }


@pytest.mark.parametrize(
    ("death_t", "expected"),
    [
        pytest.param(0, {"dead": [0, 1, 2]}, id="dead from the start"),
        pytest.param(1, {"alive": [0, 1], "dead": [1, 2]}, id="dead at the second token"),
        pytest.param(2, {"alive": [0, 1, 2]}, id="dead at the last token: its segment would start there"),
        pytest.param(3, {"alive": [0, 1, 2]}, id="dead past the last token"),
    ],
)
def test_a_segment_has_the_state_of_its_first_token(death_t: int, expected: dict[str, list[int]]) -> None:
    found = strokes(dying([0.0, 1.0, 0.0], death_t))
    assert {state: [t for t, _ in stroke] for (_, state), (stroke,) in found.items()} == expected


@pytest.mark.parametrize("odd", [NAN, INF, -INF])
def test_a_value_that_is_not_finite_breaks_the_line(odd: float) -> None:
    assert strokes(dying([0.0, 1.0, odd, 0.0, 1.0], None)) == {
        (0, "alive"): [[(0, 0.0), (1, 1.0)], [(3, 0.0), (4, 1.0)]]
    }


def test_a_death_where_the_value_is_not_finite_leaves_alive_before_and_dead_after() -> None:
    assert strokes(dying([0.0, 1.0, NAN, 0.0, 1.0], 2)) == {
        (0, "alive"): [[(0, 0.0), (1, 1.0)]],
        (0, "dead"): [[(3, 0.0), (4, 1.0)]],
    }


def test_one_point_alone_is_no_stroke() -> None:
    assert strokes(dying([0.5], None), dying([], None), dying([0.5, NAN, 0.5], None)) == {}


def test_lines_of_two_trajectories_do_not_meet() -> None:
    found = strokes(dying([0.0, 1.0], None), dying([1.0], None), dying([0.5, 0.0], 0))
    assert found == {(0, "alive"): [[(0, 0.0), (1, 1.0)]], (2, "dead"): [[(0, 0.5), (1, 0.0)]]}


def test_a_stroke_tells_whose_it_is() -> None:
    table = spaghetti.lines(drawn(dying([0.0, 1.0], 0, cell="x", prompt=4)), axes=AXES).collect()
    assert table.select("line", "state", "cell", "prompt", "death_t").rows() == [(0, "dead", "x", 4, 0)]


def test_thinning_keeps_first_last_death_lowest_and_highest_exactly() -> None:
    n, lowest, highest, death_t = 2000, 701, 1203, 444
    kl = [0.5 + 0.2 * math.sin(t / 9) + 0.02 * ((t * 7919) % 13) / 13 for t in range(n)]
    kl[lowest], kl[highest] = 0.01, 0.97
    axes = Axes(width=150, height=105, x_max=float(n), y_max=1.0)
    lines = spaghetti.lines(drawn(dying(kl, death_t, window=n)), axes=axes).collect()
    points = {tuple(point) for stroke in lines.get_column("points") for point in stroke.to_list()}
    pixels = (
        pl.DataFrame({"t": range(n), "kl": kl})
        .select(x=axes.x(pl.col("t")).round(2), y=axes.y(pl.col("kl")).round(2))
        .rows()
    )
    assert {pixels[t] for t in (0, n - 1, death_t, lowest, highest)} <= points
    assert points <= set(pixels)
    assert len(points) < n / 2
    assert lines.get_column("state").sort().to_list() == ["alive", "dead"]


def test_thinning_drops_what_is_straight_and_keeps_the_bends() -> None:
    (stroke,) = strokes(dying([0.0, 0.4, 0.4, 0.4, 0.4, 0.4, 1.0], None))[0, "alive"]
    assert {(0, 0.0), (1, 0.4), (5, 0.4), (6, 1.0)} <= set(stroke)
    assert len(stroke) < 7
    (stroke,) = strokes(dying([0.1 * t for t in range(9)], None))[0, "alive"]
    assert stroke == [(0, 0.0), (8, 0.8)]


def test_a_step_of_more_than_half_a_pixel_is_kept_and_a_smaller_one_is_not() -> None:
    assert (1, 0.506) in strokes(dying([0.5, 0.506, 0.5, 0.0, 1.0], None))[0, "alive"][0]
    assert (1, 0.504) not in strokes(dying([0.5, 0.504, 0.5, 0.0, 1.0], None))[0, "alive"][0]


def test_the_lowest_and_the_highest_stay_although_they_lie_near_the_chord() -> None:
    ((stroke,),) = strokes(dying([0.5, 0.504, 0.5, 0.496, 0.5], None)).values()
    assert {(1, 0.504), (3, 0.496)} <= set(stroke)


def test_of_medians_in_one_pixel_column_the_lowest_and_highest_stay() -> None:
    y = [0.5, 0.6, 0.9, 0.4, 0.1, 0.3, 0.5]
    axes = Axes(width=1, height=105, x_max=99.0, y_max=1.0)
    thinned = spaghetti.thin_medians(pl.LazyFrame({"t": range(7), "y": y}), axes=axes).collect()
    assert thinned.rows() == [(1, 0, 0.5), (1, 2, 0.9), (1, 4, 0.1), (1, 6, 0.5)]


def test_thinned_medians_are_some_of_the_medians_and_break_where_there_is_none() -> None:
    y = [0.5 + 0.4 * math.sin(t / 5) for t in range(400)]
    y[200] = NAN
    medians = spaghetti.medians(drawn(trajectory(y, window=400)))
    axes = Axes(width=25, height=105, x_max=400.0, y_max=1.0)
    thinned = spaghetti.thin_medians(medians, axes=axes).collect()
    kept = set(thinned.select("t", "y").rows())
    assert kept < set(medians.select("t", "y").collect().rows())
    assert {(t, y[t]) for t in (0, 199, 201, 399)} <= kept
    before, after = thinned.filter(pl.col("t") < 200), thinned.filter(pl.col("t") > 200)
    assert before.get_column("line").n_unique() == after.get_column("line").n_unique() == 1
    assert before.get_column("line")[0] != after.get_column("line")[0]


def test_between_two_tokens_lie_the_values_from_the_first_to_before_the_second() -> None:
    drawn = pl.LazyFrame({"y": [[0.0, 1.0, 2.0, 3.0, 4.0], [5.0]], "first": [0, 0]})
    part = spaghetti.between(drawn, 2, 4)
    assert part.collect().rows() == [([2.0, 3.0], 2), ([], 2)]
    assert part.collect_schema()["first"] == pl.Int64
    assert part.select(spaghetti.tokens()).collect().to_series().to_list() == [[2, 3], []]


def test_the_heights_are_one_group_of_which_what_is_finite_and_not_below_0_counts() -> None:
    nan, inf = float("nan"), float("inf")
    rows = spaghetti.heights(pl.LazyFrame({"y": [[1.0, nan, -1.0, inf], [0.0]]}))
    found = rows.with_columns(pl.col("x").list.filter(spaghetti.high(pl.element()))).collect()
    assert (found.get_column("group").unique().to_list(), found.schema["group"]) == ([0], pl.UInt32)
    assert found.get_column("x").to_list() == [[1.0], [0.0]]


def test_medians_are_strokes_in_pixels_to_two_digits_one_per_unbroken_run() -> None:
    axes = Axes(width=100, height=105, x_max=8, y_max=1)
    medians = pl.LazyFrame({"t": [0, 1, 2, 4, 5], "y": [1.0, 0.5, 0.0, 0.123456, 0.1]})
    thinned = spaghetti.thin_medians(medians, axes=axes).collect()
    assert thinned.rows() == [(1, 0, 1.0), (1, 1, 0.5), (1, 2, 0.0), (2, 4, 0.123456), (2, 5, 0.1)]
    found = spaghetti.median_strokes(medians, axes=axes).collect()
    assert found.to_dict(as_series=False) == {
        "points": [[[11.11, 0.0], [22.22, 50.0], [33.33, 100.0]], [[55.56, 87.65], [66.67, 90.0]]]
    }


def test_strokes_of_medians_end_at_the_edges_of_the_panel() -> None:
    axes = Axes(width=100, height=105, x_max=9, y_max=1)
    medians = pl.LazyFrame({"t": [0, 1, 2, 3, 4], "y": [0.5, 1.5, 0.5, 0.05, -0.15]})
    (first, second) = spaghetti.median_strokes(medians, axes=axes).collect().get_column("points").to_list()
    assert first == [[10.0, 50.0], [15.0, 0.0]]
    assert second == [[25.0, 0.0], [30.0, 50.0], [40.0, 95.0], [45.0, 105.0]]


def test_strokes_of_medians_are_in_the_order_of_their_tokens() -> None:
    medians = pl.LazyFrame({"t": [t for t in range(18) if t % 3], "y": [0.5] * 12})
    found = spaghetti.median_strokes(medians, axes=AXES).collect().get_column("points").to_list()
    assert [stroke[0][0] for stroke in found] == [10.0 * (t + 1) for t in range(1, 18, 3)]


def test_an_end_takes_two_tokens_and_stands_at_the_last_with_the_last_finite_value() -> None:
    y = [[0.5], [0.5, 0.7], [0.5, float("nan")]]
    drawn = pl.LazyFrame({"alpha": [1.0] * 3, "end": ["eos"] * 3, "length": [1, 2, 2], "y": y})
    assert spaghetti.ends(drawn).collect().rows() == [(1.0, 1, 0.7), (1.0, 1, 0.5)]
