"""Lines thinned to what pixels show. In: points (line, x, y, keep) in pixels. Out: fewer of the same points."""

from __future__ import annotations

import polars as pl

from klsurv.exprs.thin import ends, m4, off_chord, starts

# Each pass halves what is straight: a line of 4,096 tokens is down to its bends after these.
_PASSES = 8
# Pixel columns of a default PNG to one of the page.
_COLUMNS = 2
_X, _Y, _LINE = pl.col("x"), pl.col("y"), pl.col("line")


def thin(points: pl.LazyFrame, *, tolerance: float) -> pl.LazyFrame:
    """Drop points that do not show; those left are unmoved and in order.

    Every other point goes where it lies within `tolerance` pixels of the chord of its neighbours, again and again; of
    what is left, each pixel column of a line keeps its first, last, lowest and highest point. The ends of a line and
    the points with `keep` stay. With a tolerance of 0 only pixel columns count.
    """
    keep = pl.col("keep") | starts(_LINE) | ends(_LINE)
    points = points.with_columns(keep=keep)
    for _ in range(_PASSES if tolerance > 0 else 0):
        even = pl.int_range(pl.len()) % 2 == 0
        points = points.filter(pl.col("keep") | even | off_chord(_X, _Y, tolerance=tolerance))
    columns = points.with_columns(column=(_X * _COLUMNS).floor())
    seen = m4(_X, _Y, column=["line", "column"])
    return columns.filter(pl.col("keep") | seen).drop("column", "keep")
