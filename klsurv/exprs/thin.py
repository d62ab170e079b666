"""What a line can lose unseen. In: points of polylines in pixels, in order. Out: which points to keep."""

from __future__ import annotations

import polars as pl


def off_chord(x: pl.Expr, y: pl.Expr, *, tolerance: float) -> pl.Expr:
    """Whether a point lies farther than `tolerance` (pixels) from the segment between its neighbours; true at the ends.

    x ascends, so that a point beside the segment's ends is above or below both neighbours.
    """
    before, after = y.shift(1), y.shift(-1)
    across, up = x.shift(-1) - x.shift(1), after - before
    distance = (across * (y - before) - up * (x - x.shift(1))).abs()
    beside = distance > tolerance * (across**2 + up**2).sqrt()
    beyond = (y > pl.max_horizontal(before, after) + tolerance) | (y < pl.min_horizontal(before, after) - tolerance)
    return (beside | beyond).fill_null(True)


def m4(x: pl.Expr, y: pl.Expr, *, column: list[str]) -> pl.Expr:
    """Whether a point is the first, last, lowest or highest of its pixel column; `column` names what tells those apart.

    Jugel, Jerzak, Hackenbroich & Markl (2014), M4, VLDB 7(10).
    """
    first, last, lowest, highest = (z.over(column) for z in (x.min(), x.max(), y.min(), y.max()))
    return (x == first) | (x == last) | (y == lowest) | (y == highest)


def starts(line: pl.Expr) -> pl.Expr:
    """Whether a point is the first of its polyline, `line` telling them apart; true in the first row."""
    return (line != line.shift(1)).fill_null(True)


def ends(line: pl.Expr) -> pl.Expr:
    """Whether a point is the last of its polyline; true in the last row."""
    return (line != line.shift(-1)).fill_null(True)
