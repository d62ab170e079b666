"""Lines counted per pixel, against plain loops over pixels."""

from __future__ import annotations

import math
import random

import polars as pl
import pytest

from klsurv.exprs.axes import Axes
from klsurv.frames import spaghetti
from klsurv.frames.ink import PIXELS, edges, ink
from klsurv.params import Scoring
from tests.frames.source import scored, trajectory

RAW = Scoring(roll=1, normalize_kl=False)


def counted(drawn: pl.LazyFrame, axes: Axes) -> dict[str, list[int]]:
    """The same counts by walking along each line, column by column."""
    width, height = axes.width * PIXELS, axes.height * PIXELS
    counts = {"alive": [0] * (width * height), "dead": [0] * (width * height)}

    def x(t: int) -> float:
        return (t + 1) * (axes.width / (axes.x_max + 1)) * PIXELS

    def y(kl: float) -> float:
        return (axes.y_max - kl) / (1.05 * axes.y_max) * axes.height * PIXELS

    for row in drawn.collect().iter_rows(named=True):
        spans: dict[tuple[str, int], tuple[float, float]] = {}
        values = row["y"]
        for t, kl in enumerate(values):
            if not math.isfinite(kl):
                continue
            state = "alive" if row["death_t"] is None or t < row["death_t"] else "dead"
            seen = [(int(x(t)), y(kl), y(kl))]
            if t + 1 < len(values) and math.isfinite(values[t + 1]):
                x1, x2, y1, y2 = x(t), x(t + 1), y(kl), y(values[t + 1])
                for column in range(int(x1), int(x2) + 1):
                    ends = (y1 + (y2 - y1) * (at - x1) / (x2 - x1) for at in (max(column, x1), min(column + 1, x2)))
                    seen.append((column, *ends))
            for column, a, b in seen:
                high, low = spans.get((state, column), (math.inf, -math.inf))
                spans[state, column] = min(high, a, b), max(low, a, b)
        for (state, column), (high, low) in spans.items():
            if column < width:
                for pixel_row in range(max(0, math.floor(high)), min(height - 1, math.floor(low)) + 1):
                    counts[state][pixel_row * width + column] += 1
    return counts


def crossed_by(drawn: pl.LazyFrame, axes: Axes) -> pl.DataFrame:
    found = ink(edges(drawn, axes=axes).collect(), axes=axes)
    assert set(found.dtypes) == {pl.Int32}
    return found


def test_a_line_that_dies_within_a_pixel_column_is_alive_to_the_point_of_death_and_not_to_the_column_s_edge() -> None:
    # Three and a half tokens to the column of pixels, ten rows of them from 1.0 to −0.05.
    drawn = pl.LazyFrame({"y": [[1.0, 0.9, 0.5]], "death_t": [2], "length": [3]})
    found = crossed_by(drawn, Axes(width=3, height=5, x_max=20.0, y_max=1.0))
    crossed = {state: [divmod(i, 6) for i, n in enumerate(found.get_column(state)) if n] for state in found.columns}
    assert crossed == {"alive": [(row, 0) for row in range(5)], "dead": [(4, 0)]}


@pytest.mark.parametrize("seed", range(40))
def test_each_pixel_counts_the_lines_that_cross_it(seed: int) -> None:
    rng = random.Random(seed)
    rows = []
    for _ in range(rng.randint(1, 3)):
        length = rng.choice([1, 2, 5, 12, 40])
        kl = [rng.choice([rng.uniform(-0.3, 1.3), rng.uniform(0, 1), 0.5]) for _ in range(length)]
        broken = [rng.choice([math.nan, math.inf]) if rng.random() < 0.1 else value for value in kl]
        rows.append(trajectory(broken, fork=[rng.randint(0, length)], pmass=[rng.choice([0.1, 0.9])], window=40))
    width, height = rng.choice([(6, 5), (30, 9), (13, 7)])
    axes = Axes(width=width, height=height, x_max=rng.choice([5.0, 20.0, 40.0]), y_max=1.0)
    drawn = spaghetti.drawn(scored(*rows, scoring=RAW), scoring=RAW)
    assert crossed_by(drawn, axes).to_dict(as_series=False) == counted(drawn, axes)
