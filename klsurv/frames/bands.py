"""Quantiles across trajectories. In: drawn or scored trajectories. Out: bands of KL by token, and of pmass by fork."""

from __future__ import annotations

from math import ceil

import polars as pl

from klsurv.exprs.axes import Axes
from klsurv.exprs.death import event
from klsurv.frames.spaghetti import tokens

_Y, _T = pl.col("y"), pl.col("t")
# Tokens at the start that all have their row: a logarithmic axis gives them room.
_EARLY = 32
PERCENTS = (10, 25, 50, 75, 90)


def kl_bands(drawn: pl.LazyFrame, *, longest: int, axes: Axes) -> pl.LazyFrame:
    """Of one alpha, by token: quantiles (linear) of finite y over those still present, and how many of these live.

    Columns: t, p10 … p90, n, alive (a share). No more rows than two per pixel of the panel's width, evenly spaced to
    the end of the `longest` (tokens), and one for each of the first 32.
    """
    step = max(1, ceil((longest - 1) / (2 * axes.width)))
    return (
        drawn.select("death_t", "window", "y", t=tokens())
        .explode("t", "y")
        .filter(_Y.is_finite() & (_T < pl.col("window")))
        .filter((_T % step == 0) | (_T < _EARLY))
        .group_by("t")
        .agg(*_quantiles(_Y), n=pl.len().cast(pl.Int64), alive=(_T < pl.col("death_t")).fill_null(True).mean())
        .sort("t")
    )


def pmass_bands(trajectories: pl.LazyFrame) -> pl.LazyFrame:
    """By alpha and fork: quantiles (linear) of pmass over those measured there: alpha, t, p10 … p90, n."""
    return (
        _measured(trajectories)
        .group_by("alpha", "t")
        .agg(*_quantiles(_Y), n=pl.len().cast(pl.Int64))
        .sort("alpha", "t")
    )


def pmass_lines(trajectories: pl.LazyFrame, *, most: int) -> pl.LazyFrame:
    """One row per trajectory and fork at which it was measured: line, cell, alpha, prompt, t, y, dies (ever).

    Of an alpha with more than `most` trajectories so many are kept, evenly spaced among them.
    """
    rows = _measured(trajectories)
    nth, n = pl.col("line").rank("dense").over("alpha").cast(pl.Int64), pl.col("line").n_unique().over("alpha")
    kept = (nth * most // n) > ((nth - 1) * most // n)
    return rows.filter((n <= most) | kept).select("line", "cell", "alpha", "prompt", "t", "y", "dies")


def pmass_counts(trajectories: pl.LazyFrame) -> pl.LazyFrame:
    """By alpha: `n` trajectories measured at a fork, and `n_died` of these."""
    each = _measured(trajectories).group_by("alpha", "line").agg(pl.col("dies").first())
    return each.group_by("alpha").agg(n=pl.len().cast(pl.Int64), n_died=pl.col("dies").sum().cast(pl.Int64))


def _measured(trajectories: pl.LazyFrame) -> pl.LazyFrame:
    dies = event()
    return (
        trajectories.select("cell", "alpha", "prompt", "gen_len", dies=dies, t="fork", y="pmass")
        .with_row_index("line")
        .explode("t", "y")
        .filter((_T <= pl.col("gen_len")) & _Y.is_not_null())
    )


def _quantiles(y: pl.Expr) -> list[pl.Expr]:
    return [y.quantile(p / 100, interpolation="linear").alias(f"p{p}") for p in PERCENTS]
