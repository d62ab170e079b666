from __future__ import annotations

import polars as pl
import pytest

from klsurv.exprs.thin import ends, m4, off_chord, starts


@pytest.mark.parametrize(
    ("tolerance", "expected"),
    [
        (0.5, [True, False, True, True, True]),
        (0.05, [True, True, True, True, True]),
        (10.0, [True, False, False, False, True]),
    ],
)
def test_off_the_chord_is_farther_from_it_than_the_tolerance(tolerance: float, expected: list[bool]) -> None:
    frame = pl.DataFrame({"x": [0.0, 1.0, 2.0, 3.0, 4.0], "y": [0.0, 0.1, 0.0, 4.0, 0.0]})
    assert frame.select(off_chord(pl.col("x"), pl.col("y"), tolerance=tolerance)).to_series().to_list() == expected


def test_the_distance_to_the_chord_is_measured_across_it_not_upwards() -> None:
    # From (0, 0) to (6, 8) the chord has a length of 10; the point between lies 5 above it, so 3 from it.
    frame = pl.DataFrame({"x": [0.0, 3.0, 6.0], "y": [0.0, 9.0, 8.0]})
    off = [frame.select(off_chord(pl.col("x"), pl.col("y"), tolerance=t)).to_series()[1] for t in (2.99, 3.01)]
    assert off == [True, False]


def test_a_straight_line_is_on_its_chord_at_no_tolerance() -> None:
    frame = pl.DataFrame({"x": [0.0, 1.0, 2.0, 3.0], "y": [0.0, 2.0, 4.0, 6.0]})
    assert frame.select(off_chord(pl.col("x"), pl.col("y"), tolerance=0.0)).to_series().to_list() == [
        True,
        False,
        False,
        True,
    ]


@pytest.mark.parametrize(
    ("y", "off"),
    [
        pytest.param([0.0, 5.0, 3.0], True, id="above both"),
        pytest.param([3.0, 5.0, 0.0], True, id="above both, falling"),
        pytest.param([0.0, -5.0, 3.0], True, id="below both"),
        pytest.param([3.0, -5.0, 0.0], True, id="below both, falling"),
        pytest.param([0.0, 2.0, 3.0], False, id="between"),
        pytest.param([3.0, 2.0, 0.0], False, id="between, falling"),
        pytest.param([0.0, 3.5, 3.0], False, id="above by the tolerance"),
        pytest.param([0.0, -0.5, 3.0], False, id="below by the tolerance"),
    ],
)
def test_on_an_upright_chord_a_point_is_off_where_it_lies_beyond_both_neighbours(y: list[float], off: bool) -> None:
    frame = pl.DataFrame({"x": [1.0, 1.0, 1.0], "y": y})
    assert frame.select(off_chord(pl.col("x"), pl.col("y"), tolerance=0.5)).to_series().to_list() == [True, off, True]


def test_m4_keeps_the_first_last_lowest_and_highest_of_each_column() -> None:
    frame = pl.DataFrame(
        {
            "line": [0] * 6 + [1],
            "x": [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.2],
            "y": [5.0, 6.0, 9.0, 4.0, 5.5, 5.0, 5.0],
        }
    )
    kept = frame.filter(m4(pl.col("x"), pl.col("y"), column=["line"]))
    assert kept.rows() == [(0, 0.0, 5.0), (0, 0.2, 9.0), (0, 0.3, 4.0), (0, 0.5, 5.0), (1, 0.2, 5.0)]


def test_a_line_starts_and_ends_where_its_number_changes() -> None:
    frame = pl.DataFrame({"line": [3, 3, 3, 5, 7, 7]})
    found = frame.select(starts=starts(pl.col("line")), ends=ends(pl.col("line")))
    assert found.get_column("starts").to_list() == [True, False, False, True, True, False]
    assert found.get_column("ends").to_list() == [False, False, True, True, False, True]
