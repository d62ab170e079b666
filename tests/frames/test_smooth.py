from __future__ import annotations

import math

import polars as pl
import pytest

from klsurv.frames.smooth import with_means

NAN, INF = math.nan, math.inf


def smoothed(*lists: list[float] | None, width: int) -> list[list[float] | None]:
    frame = pl.LazyFrame({"x": lists, "key": range(len(lists))}, schema={"x": pl.List(pl.Float64), "key": pl.Int64})
    found = with_means(frame, pl.col("x"), width=width, name="y").collect()
    assert found.select("x", "key").equals(frame.collect())
    means: list[list[float] | None] = found.get_column("y").to_list()
    return means


def smooth(row: list[float], *, width: int) -> list[float]:
    """The row between others, of which one is long enough for a mean, and the others are not."""
    above, found, empty, below = smoothed([7.0] * width, row, [], [9.0], width=width)
    assert (above, empty, below) == ([7.0] * width, [], [9.0])
    assert found is not None
    assert smoothed(row, width=width)[0] == pytest.approx(found, rel=1e-15, nan_ok=True)
    return found


def by_hand(row: list[float], *, width: int) -> list[float]:
    before = width // 2
    padded = [row[0]] * before + row + [row[-1]] * (width - 1 - before)
    return [math.fsum(padded[t : t + width]) / width for t in range(len(row))]


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
    row: list[float], width: int, expected: list[float]
) -> None:
    assert smooth(row, width=width) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("width", [0, 1])
def test_a_width_of_0_or_1_leaves_the_series_as_it_is(width: int) -> None:
    assert smooth([3.0, 1.0, INF, 2.0], width=width) == [3.0, 1.0, INF, 2.0]


@pytest.mark.parametrize("width", [4, 5, 65])
def test_a_series_shorter_than_the_width_is_left_as_it_is(width: int) -> None:
    assert smooth([1.0, 2.0, 6.0], width=width) == [1.0, 2.0, 6.0]


@pytest.mark.parametrize("width", [0, 1, 2, 65])
def test_one_token_is_left_as_it_is(width: int) -> None:
    assert smooth([0.25], width=width) == [0.25]


@pytest.mark.parametrize("width", [0, 1, 2, 3, 65])
def test_no_tokens_stay_no_tokens_and_no_list_stays_none(width: int) -> None:
    assert smoothed([], [2.0, 2.0, 2.0], None, [], width=width) == [[], [2.0, 2.0, 2.0], None, []]
    assert smoothed([], width=width) == [[]]
    assert smoothed(None, width=width) == [None]


@pytest.mark.parametrize("width", [0, 1, 2, 65])
def test_a_frame_without_rows_has_no_means(width: int) -> None:
    assert smoothed(width=width) == []


@pytest.mark.parametrize("width", range(2, 40))
def test_a_mean_of_any_width_is_that_of_its_values(width: int) -> None:
    row = [0.1 * t**2 for t in range(41)]
    assert smooth(row, width=width) == pytest.approx(by_hand(row, width=width), rel=1e-14)


def test_a_column_of_the_name_gives_way() -> None:
    frame = pl.LazyFrame({"x": [[1.0, 3.0]], "n": [1]})
    found = with_means(frame, pl.col("x"), width=2, name="x").collect()
    assert found.sort("n").select("n", "x").to_dict(as_series=False) == {"n": [1], "x": [[1.0, 2.0]]}
    assert sorted(found.columns) == ["n", "x"]


def test_means_go_into_a_column_of_their_own_and_rows_stay_in_order() -> None:
    frame = pl.LazyFrame({"n": [3, 1, 2], "x": [[1.0, 3.0], [2.0, 4.0], [5.0, 5.0]]})
    found = with_means(frame.filter(pl.col("n") != 1), pl.col("x").list.head(2) * 2.0, width=2, name="m").collect()
    assert found.to_dict(as_series=False) == {
        "n": [3, 2],
        "x": [[1.0, 3.0], [5.0, 5.0]],
        "m": [[2.0, 4.0], [10.0, 10.0]],
    }


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
    odd: float, at: int, width: int, finite: list[bool]
) -> None:
    row = [2.0] * 5
    row[at] = odd
    found = smooth(row, width=width)
    assert [math.isfinite(y) for y in found] == finite
    assert [y for y in found if math.isfinite(y)] == [2.0] * sum(finite)


def test_infinities_of_both_signs_in_one_window_spoil_no_other() -> None:
    found = smooth([INF, -INF, 1.0, 1.0, 1.0], width=3)
    assert [math.isfinite(y) for y in found] == [False, False, False, True, True]


@pytest.mark.parametrize("width", [2, 3, 4, 9])
def test_a_spike_ten_decades_above_the_rest_leaves_no_rounding_error_behind(width: int) -> None:
    row = [0.3, 0.7, 3e10, *(0.1 + 0.01 * t for t in range(20))]
    assert smooth(row, width=width) == pytest.approx(by_hand(row, width=width), rel=1e-9, abs=0)


@pytest.mark.parametrize(("step", "tokens", "width"), [(32, 12, 2), (50, 60, 3), (25, 60, 9)])
def test_kl_that_jumps_up_and_down_ten_decades_leaves_no_rounding_error_behind(
    step: int, tokens: int, width: int
) -> None:
    row = [10.0 ** (5 * math.sin(step * t)) for t in range(tokens)]
    assert max(row) > 1e9 * min(row)
    assert smooth(row, width=width) == pytest.approx(by_hand(row, width=width), rel=1e-9, abs=0)
