from __future__ import annotations

from collections.abc import Sequence

import polars as pl
import pytest

from klsurv.frames.thin import thin

Points = list[tuple[int, float, float]]


def thinned(points: Points, *, keep: Sequence[int] = (), tolerance: float = 0.5) -> Points:
    frame = pl.DataFrame(points, schema={"line": pl.Int64, "x": pl.Float64, "y": pl.Float64}, orient="row")
    marked = frame.with_columns(keep=pl.int_range(pl.len()).is_in(list(keep)))
    return thin(marked.lazy(), tolerance=tolerance).collect().rows()


def flat(line: int, n: int, *, start: int = 0) -> Points:
    return [(line, 10.0 * (start + i), 5.0) for i in range(n)]


def test_of_a_straight_line_the_ends_are_left() -> None:
    assert thinned(flat(0, 9)) == [(0, 0.0, 5.0), (0, 80.0, 5.0)]


@pytest.mark.parametrize("n", [2, 3, 4, 5, 6])
def test_a_line_ends_where_it_ends_although_the_next_goes_straight_on(n: int) -> None:
    found = thinned([*flat(0, n), *flat(1, n, start=n), *flat(2, 4, start=2 * n)])
    last = 10.0 * (n - 1)
    assert {(0, 0.0, 5.0), (0, last, 5.0), (1, last + 10, 5.0), (1, 2 * last + 10, 5.0)} <= set(found)


@pytest.mark.parametrize("kept", range(1, 8))
def test_a_point_to_keep_is_kept_on_a_straight_line(kept: int) -> None:
    assert (0, 10.0 * kept, 5.0) in thinned(flat(0, 9), keep=[kept])


@pytest.mark.parametrize(("tolerance", "dropped"), [(2.9, False), (3.1, True)])
def test_a_point_goes_where_it_is_no_farther_from_its_chord_than_the_tolerance(tolerance: float, dropped: bool) -> None:
    found = thinned([(0, 0.0, 5.0), (0, 10.0, 8.0), (0, 20.0, 5.0)], tolerance=tolerance)
    assert (found == [(0, 0.0, 5.0), (0, 20.0, 5.0)]) is dropped


def test_at_a_tolerance_of_0_points_in_columns_of_their_own_all_stay() -> None:
    assert thinned(flat(0, 9), tolerance=0.0) == flat(0, 9)


def test_half_a_pixel_is_a_column_of_its_own() -> None:
    rising = [(0, 0.5 * i, float(i)) for i in range(4)]
    assert thinned(rising, tolerance=0.0) == rising
    assert thinned([(0, 0.1 * i, float(i)) for i in range(4)], tolerance=0.0) == [(0, 0.0, 0.0), (0, 0.1 * 3, 3.0)]


def test_at_a_time_only_every_other_point_goes_so_that_a_slow_bend_stays() -> None:
    bend = [(0, 10.0 * i, 0.4 * i**2) for i in range(9)]
    assert thinned(bend) == bend[::2]


def test_in_one_pixel_column_each_line_keeps_its_own_lowest_and_highest() -> None:
    high = [0.0, 50.0, 20.0, 60.0, 10.0, 90.0, 30.0, 40.0]
    rows = [(line, 0.05 * i, y + 100 * line) for line in (0, 1) for i, y in enumerate(high)]
    ends_and_extremes = [(line, 0.05 * i, high[i] + 100 * line) for line in (0, 1) for i in (0, 5, 7)]
    assert thinned(rows) == ends_and_extremes
