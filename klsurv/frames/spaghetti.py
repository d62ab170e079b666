"""The tables behind the spaghetti figure. In: scored trajectories. Out: panels, medians, ends and thinned lines."""

from __future__ import annotations

from typing import Any

import polars as pl

from klsurv.exprs.axes import Axes
from klsurv.exprs.death import measured
from klsurv.exprs.thin import starts
from klsurv.frames.clip import inside
from klsurv.frames.counts import counts
from klsurv.frames.score import smooth
from klsurv.frames.thin import thin
from klsurv.params import Scoring

_Y, _T = pl.col("y"), pl.col("t")


def drawn(trajectories: pl.LazyFrame, *, scoring: Scoring) -> pl.LazyFrame:
    """The trajectories that the figure draws (R3), in order, with the list `y`: smoothed KL over the scale, or nats.

    `first` is the token of its first value, 0.
    """
    y = pl.col("kl_smooth") / pl.col("scale") if scoring.normalize_kl else pl.col("kl_smooth")
    return (
        trajectories.filter("drawn")
        .pipe(smooth, scoring=scoring)
        .select("cell", "alpha", "prompt", "length", "death_t", "end", "window", y=y, first=pl.lit(0, pl.Int64))
    )


def between(drawn: pl.LazyFrame, start: int, stop: int) -> pl.LazyFrame:
    """The same with their values at tokens from `start` to before `stop` only."""
    return drawn.with_columns(_Y.list.slice(start, stop - start), first=pl.lit(start, pl.Int64))


def heights(drawn: pl.LazyFrame) -> pl.LazyFrame:
    """Drawn values as `stats.quantiles` takes them: one `group` (0) and lists x, of which `high` says what counts."""
    return drawn.select(x="y", group=pl.lit(0, pl.UInt32))


def high(y: Any) -> Any:
    """Whether the y axis makes room for values, a series or an expression: they are finite and ≥ 0."""
    return y.is_finite() & (y >= 0)


def top(p99: float | None) -> float:
    """Where the y axis ends (R7), from the 99th percentile of `heights`; None: there are none."""
    return 1.1 if p99 is None else max(1.4 * p99, 1e-3)


def panels(trajectories: pl.LazyFrame) -> pl.LazyFrame:
    """One row per alpha: the counts of R6, `n_unmeasured` of those drawn (R9), and `x_max` (tokens, R7)."""
    longest = pl.col("length").filter("drawn").max().fill_null(0)
    x_max = pl.min_horizontal(pl.col("window").max(), pl.max_horizontal(1.05 * longest, 20.0))
    unmeasured = (pl.col("drawn") & ~measured()).sum().cast(pl.Int64)
    table = trajectories.group_by("alpha").agg(*counts(), n_unmeasured=unmeasured, x_max=x_max.cast(pl.Float64))
    return table.sort("alpha")


def tokens() -> pl.Expr:
    """The token of each value of `y`."""
    return pl.int_ranges(pl.col("first"), pl.col("first") + _Y.list.len().cast(pl.Int64))


def medians(drawn: pl.LazyFrame) -> pl.LazyFrame:
    """Of one alpha, the median of y over the trajectories still present at each t, finite values only: t, y, sorted."""
    inside = _Y.list.head((pl.col("window") - pl.col("first")).clip(0))
    return (
        drawn.select("first", y=inside)
        .select("y", t=tokens().cast(pl.List(pl.Int32)))
        .explode("y", "t", empty_as_null=False)
        .filter(_Y.is_finite())
        .group_by("t")
        .agg(_Y.median())
        .select(pl.col("t").cast(pl.Int64), "y")
        .sort("t")
    )


def thin_medians(medians: pl.LazyFrame, *, axes: Axes) -> pl.LazyFrame:
    """The medians of one alpha, without the points that would not show: t, y, those left unmoved."""
    points = medians.with_columns(line=(_T != _T.shift(1) + 1).fill_null(True).cum_sum(), keep=False)
    pixels = points.select("line", "keep", "t", value="y", x=axes.x(_T), y=axes.y(_Y))
    return thin(pixels, tolerance=0).select("line", "t", y="value")


def median_strokes(medians: pl.LazyFrame, *, axes: Axes) -> pl.LazyFrame:
    """The medians of one alpha as strokes inside the panel: `points` in pixels, without those that do not show."""
    thinned = thin_medians(medians, axes=axes).select("line", x=axes.x(_T), y=axes.y(_Y))
    return inside(thinned, height=axes.height)


def ends(drawn: pl.LazyFrame) -> pl.LazyFrame:
    """Where trajectories of 2 tokens or more ended by EOS: alpha, t (last token), y there or at the last finite one."""
    last = _Y.list.agg(pl.element().filter(pl.element().is_finite()).last())
    return drawn.filter((pl.col("end") == "eos") & (pl.col("length") >= 2)).select(
        "alpha", t=pl.col("length") - 1, y=last
    )


def lines(drawn: pl.LazyFrame, *, axes: Axes) -> pl.LazyFrame:
    """One row per stroke: `line`, `state` (alive, dead), the cell and prompt, death_t, and `points` in pixels.

    A segment belongs to the state of its first token, so both strokes hold the point of death. A value that is not
    finite breaks the line. Thinned to half a pixel, except for the first and last token, death, and the lowest and
    highest value.
    """
    finite = pl.element().filter(pl.element().is_finite())
    drawn = drawn.with_row_index("line")
    extremes = drawn.with_columns(low=_Y.list.agg(finite.min()), high=_Y.list.agg(finite.max()))
    points = (
        extremes.select("line", "death_t", "low", "high", "y", t=pl.int_ranges(0, pl.col("length")))
        .explode("t", "y")
        .filter(_Y.is_finite())
        .select(
            "t",
            trajectory="line",
            line=(starts(pl.col("line")) | (_T != _T.shift(1) + 1)).cum_sum(),
            x=axes.x(_T),
            y=axes.y(_Y),
            keep=(_T == pl.col("death_t")).fill_null(False) | (_Y == pl.col("low")) | (_Y == pl.col("high")),
            death_t="death_t",
        )
        .pipe(thin, tolerance=0.5)
    )
    before = (_T < pl.col("death_t")).fill_null(True)
    alive, dead = pl.lit(["alive"]), pl.lit(["dead"])
    state = pl.when(before).then(alive).when(_T > pl.col("death_t")).then(dead).otherwise(pl.concat_list(alive, dead))
    return (
        points.with_columns(state=state)
        .explode("state")
        .group_by("trajectory", "line", "state", maintain_order=True)
        .agg(points=pl.concat_list(pl.col("x").round(2), pl.col("y").round(2)))
        .filter(pl.col("points").list.len() > 1)
        .select("state", "points", line="trajectory")
        .join(drawn.select("line", "cell", "prompt", "death_t"), on="line", maintain_order="left")
    )
