from __future__ import annotations

import math
from collections.abc import Callable

import polars as pl
import pytest

from klsurv.exprs.smooth import edge_mean

NAN, INF = math.nan, math.inf

Smooth = Callable[..., list[float]]


def in_list(row: list[float], *, width: int) -> list[float]:
    frame = pl.DataFrame({"x": [row]}, schema={"x": pl.List(pl.Float64)})
    smoothed: list[float] = frame.select(pl.col("x").list.eval(edge_mean(pl.element(), width=width))).item().to_list()
    return smoothed


def over_group(row: list[float], *, width: int) -> list[float]:
    """The same row as group b, between the tokens of a group a."""
    tokens = [("a", 7.0), *(("b", x) for x in row), ("a", 9.0)]
    frame = pl.DataFrame(tokens, schema={"group": pl.String, "x": pl.Float64}, orient="row")
    smoothed = frame.with_columns(y=edge_mean(pl.col("x"), width=width).over("group"))
    return smoothed.filter(group="b").get_column("y").to_list()


def by_hand(row: list[float], *, width: int) -> list[float]:
    before = width // 2
    padded = [row[0]] * before + row + [row[-1]] * (width - 1 - before)
    return [math.fsum(padded[t : t + width]) / width for t in range(len(row))]


WHERE = pytest.mark.parametrize("smooth", [in_list, over_group])


@WHERE
@pytest.mark.parametrize(
    ("row", "width", "expected"),
    [
        pytest.param([1.0, 2.0, 6.0], 3, [4 / 3, 3.0, 14 / 3], id="odd width, as long as the series"),
        pytest.param([4.0, 8.0, 0.0, 0.0, 3.0], 3, [16 / 3, 4.0, 8 / 3, 1.0, 2.0], id="odd width"),
        pytest.param([1.0, 2.0, 6.0], 2, [1.0, 1.5, 4.0], id="width 2 looks one token back"),
        pytest.param([4.0, 8.0, 0.0, 0.0], 4, [5.0, 4.0, 3.0, 2.0], id="width 4 looks two back and one ahead"),
        pytest.param([0.0, 0.0, 0.0], 3, [0.0, 0.0, 0.0], id="zeros stay zeros"),
    ],
)
def test_the_mean_is_centred_and_the_ends_are_padded_with_their_own_value(
    smooth: Smooth, row: list[float], width: int, expected: list[float]
) -> None:
    assert smooth(row, width=width) == pytest.approx(expected, rel=1e-12)


@WHERE
@pytest.mark.parametrize("width", [0, 1])
def test_a_width_of_0_or_1_leaves_the_series_as_it_is(smooth: Smooth, width: int) -> None:
    assert smooth([3.0, 1.0, INF, 2.0], width=width) == [3.0, 1.0, INF, 2.0]


@WHERE
@pytest.mark.parametrize("width", [4, 5, 65])
def test_a_series_shorter_than_the_width_is_left_as_it_is(smooth: Smooth, width: int) -> None:
    assert smooth([1.0, 2.0, 6.0], width=width) == [1.0, 2.0, 6.0]


@WHERE
@pytest.mark.parametrize("width", [0, 1, 2, 65])
def test_one_token_is_left_as_it_is(smooth: Smooth, width: int) -> None:
    assert smooth([0.25], width=width) == [0.25]


@pytest.mark.parametrize("width", [0, 1, 2, 3, 65])
def test_no_tokens_stay_no_tokens_beside_a_series_that_has_some(width: int) -> None:
    frame = pl.DataFrame({"x": [[], [2.0, 2.0, 2.0], []]}, schema={"x": pl.List(pl.Float64)})
    smoothed = frame.select(pl.col("x").list.eval(edge_mean(pl.element(), width=width)))
    assert smoothed.to_series().to_list() == [[], [2.0, 2.0, 2.0], []]


@pytest.mark.parametrize("width", [0, 1, 2, 65])
def test_a_frame_without_rows_has_no_means(width: int) -> None:
    frame = pl.DataFrame(schema={"group": pl.String, "x": pl.Float64})
    assert frame.select(edge_mean(pl.col("x"), width=width).over("group")).to_series().to_list() == []


@WHERE
@pytest.mark.parametrize("odd", [NAN, INF, -INF])
@pytest.mark.parametrize(
    ("at", "width", "finite"),
    [
        (1, 3, [False, False, False, True, True]),
        (0, 3, [False, False, True, True, True]),
        (4, 3, [True, True, True, False, False]),
        (2, 2, [True, True, False, False, True]),
        (4, 4, [True, True, True, False, False]),
        (1, 4, [False, False, False, False, True]),
        (0, 5, [False, False, False, True, True]),
    ],
)
def test_a_value_that_is_not_finite_spoils_every_mean_that_holds_it_and_no_other(
    smooth: Smooth, odd: float, at: int, width: int, finite: list[bool]
) -> None:
    row = [2.0] * 5
    row[at] = odd
    smoothed = smooth(row, width=width)
    assert [math.isfinite(y) for y in smoothed] == finite
    assert [y for y in smoothed if math.isfinite(y)] == [2.0] * sum(finite)


@WHERE
def test_infinities_of_both_signs_in_one_window_spoil_no_other(smooth: Smooth) -> None:
    smoothed = smooth([INF, -INF, 1.0, 1.0, 1.0], width=3)
    assert [math.isfinite(y) for y in smoothed] == [False, False, False, True, True]


@WHERE
@pytest.mark.parametrize("width", [2, 3, 4, 9])
def test_a_spike_ten_decades_above_the_rest_leaves_no_rounding_error_behind(smooth: Smooth, width: int) -> None:
    row = [0.3, 0.7, 3e10, *(0.1 + 0.01 * t for t in range(20))]
    assert smooth(row, width=width) == pytest.approx(by_hand(row, width=width), rel=1e-9, abs=0)


@WHERE
@pytest.mark.parametrize(("step", "tokens", "width"), [(32, 12, 2), (50, 60, 3), (25, 60, 9)])
def test_kl_that_jumps_up_and_down_ten_decades_leaves_no_rounding_error_behind(
    smooth: Smooth, step: int, tokens: int, width: int
) -> None:
    row = [10.0 ** (5 * math.sin(step * t)) for t in range(tokens)]
    assert max(row) > 1e9 * min(row)
    assert smooth(row, width=width) == pytest.approx(by_hand(row, width=width), rel=1e-9, abs=0)


@pytest.mark.parametrize("width", [2, 3])
def test_grouped_by_aggregation_each_group_keeps_to_itself(width: int) -> None:
    frame = pl.DataFrame({"group": ["a", "b", "a", "b", "a"], "x": [1.0, 10.0, 2.0, 20.0, 6.0]})
    smoothed = frame.group_by("group", maintain_order=True).agg(edge_mean(pl.col("x"), width=width))
    a = by_hand([1.0, 2.0, 6.0], width=width)
    b = by_hand([10.0, 20.0], width=width) if width == 2 else [10.0, 20.0]
    assert [y for row in smoothed.get_column("x").to_list() for y in row] == pytest.approx(a + b)
