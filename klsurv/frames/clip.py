"""Lines cut off at the edges of a panel. In: points (line, x, y) in pixels. Out: the strokes that lie inside it."""

from __future__ import annotations

import polars as pl

from klsurv.exprs.thin import ends, starts

_X, _Y, _LINE = pl.col("x"), pl.col("y"), pl.col("line")


def inside(points: pl.LazyFrame, *, height: int) -> pl.LazyFrame:
    """One row per stroke, in order: `points`, lists of x and y to two digits, with y from 0 to `height`.

    A line leaves and enters the panel where it crosses an edge. A point without a neighbour makes no stroke.
    """
    x1, y1, x2, y2, start, stop, seen = (pl.col(name) for name in ("x1", "y1", "x2", "y2", "start", "stop", "seen"))

    def cut(x: pl.Expr, y: pl.Expr, at: pl.Expr) -> pl.Expr:
        """An end of a segment, or where the segment is at this height, if the end lies beyond."""
        crossing = x1 + (at - y1) / (y2 - y1) * (x2 - x1)
        return pl.concat_list(pl.when(y == at).then(x).otherwise(crossing).round(2), at.round(2))

    return (
        points.select(first=starts(_LINE), last=ends(_LINE), x1=_X, y1=_Y, x2=_X.shift(-1), y2=_Y.shift(-1))
        .filter(~pl.col("last"))
        .with_columns(start=y1.clip(0, height), stop=y2.clip(0, height))
        .with_columns(seen=(start != stop) | ((y1 == start) & (y2 == stop)))
        .with_columns(stroke=(pl.col("first") | (y1 != start) | ~seen.shift(1)).cum_sum())
        .filter(seen)
        .select("stroke", begin=cut(x1, y1, start), end=cut(x2, y2, stop))
        .group_by("stroke", maintain_order=True)
        .agg(points=pl.col("begin").head(1).append(pl.col("end")))
        .select("points")
    )
