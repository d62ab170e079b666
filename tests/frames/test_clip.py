"""Lines cut off at the edges of a panel, against each segment cut on its own."""

from __future__ import annotations

import itertools
import random

import polars as pl
import pytest

from klsurv.frames.clip import inside

Point = tuple[float, float]


def cut(*lines: list[Point], height: int = 10) -> list[list[Point]]:
    points = pl.DataFrame([(i, *point) for i, line in enumerate(lines) for point in line], _POINTS, orient="row")
    strokes = inside(points.lazy(), height=height).collect()
    assert strokes.columns == ["points"]
    return [[(x, y) for x, y in stroke] for stroke in strokes.get_column("points").to_list()]


_POINTS = {"line": pl.Int64, "x": pl.Float64, "y": pl.Float64}


@pytest.mark.parametrize(
    ("line", "strokes"),
    [
        pytest.param([(0, 1), (1, 9), (2, 5)], [[(0, 1), (1, 9), (2, 5)]], id="inside"),
        pytest.param([(0, 0), (1, 10), (2, 0)], [[(0, 0), (1, 10), (2, 0)]], id="from edge to edge"),
        pytest.param([(0, 0), (4, 0)], [[(0, 0), (4, 0)]], id="along an edge"),
        pytest.param([(0, 5), (1, -5)], [[(0, 5), (0.5, 0)]], id="leaves above"),
        pytest.param([(0, 15), (1, 5)], [[(0.5, 10), (1, 5)]], id="enters from below"),
        pytest.param([(0, -10), (3, 20)], [[(1, 0), (2, 10)]], id="crosses both edges"),
        pytest.param([(0, 5), (1, -5), (2, 5)], [[(0, 5), (0.5, 0)], [(1.5, 0), (2, 5)]], id="leaves and comes back"),
        pytest.param([(0, 5), (1, 0), (2, -1)], [[(0, 5), (1, 0)]], id="leaves at a point on the edge"),
        pytest.param(
            [(0, 5), (1, 0), (2, -1), (3, 0), (4, 5)], [[(0, 5), (1, 0)], [(3, 0), (4, 5)]], id="comes back at one"
        ),
        pytest.param([(0, -3), (1, -1), (2, -2)], [], id="above"),
        pytest.param([(0, 11), (1, 12)], [], id="below"),
        pytest.param([(0, 5)], [], id="a point"),
        pytest.param([(0, 1 / 3), (1, 2 / 3)], [[(0, 0.33), (1, 0.67)]], id="two digits"),
    ],
)
def test_a_line_is_cut_where_it_crosses_an_edge(line: list[Point], strokes: list[list[Point]]) -> None:
    assert cut(line) == strokes


def test_each_line_keeps_to_itself_and_they_stay_in_order() -> None:
    assert cut([(3, 1), (4, 2)], [(0, 3)], [(1, 4), (2, 5)]) == [[(3, 1), (4, 2)], [(1, 4), (2, 5)]]
    assert cut() == []


@pytest.mark.parametrize("seed", range(30))
def test_what_is_left_of_a_line_are_its_segments_cut_one_by_one(seed: int) -> None:
    rng = random.Random(seed)
    ys = [0.0, 10.0, 5.0, -1.0, 11.0]
    lines = [
        [(float(x), rng.choice([*ys, rng.uniform(-9, 19)])) for x in range(rng.randint(1, 9))]
        for _ in range(rng.randint(1, 4))
    ]
    expected = [piece for line in lines for pair in itertools.pairwise(line) for piece in segment(*pair)]
    found = [pair for stroke in cut(*lines) for pair in itertools.pairwise(stroke)]
    assert found == expected


def segment(a: Point, b: Point, height: float = 10) -> list[tuple[Point, Point]]:
    """The part of a segment inside, if it is more than a point."""
    (x1, y1), (x2, y2) = a, b
    if y1 == y2:
        low, high = (0.0, 1.0) if 0 <= y1 <= height else (1.0, 0.0)
    else:
        low, high = sorted(((0 - y1) / (y2 - y1), (height - y1) / (y2 - y1)))
    low, high = max(low, 0), min(high, 1)
    if low >= high:
        return []
    left, right = ((round(x1 + share * (x2 - x1), 2), round(y1 + share * (y2 - y1), 2) + 0.0) for share in (low, high))
    return [(left, right)]
