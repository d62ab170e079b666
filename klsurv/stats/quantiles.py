"""Exact quantiles of more values than fit into memory. In: values, piece by piece. Out: quantiles of each group."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from functools import partial

import polars as pl

from klsurv.fanout import each
from klsurv.frames.buckets import tally, within

_X, _AT = pl.col("x"), pl.col("at")


def quantiles(
    values: Sequence[Callable[[], pl.LazyFrame]], *, percents: Sequence[int], executor: Executor | None = None
) -> pl.DataFrame:
    """One row per group: `group`, then p50 and so on, with linear interpolation as polars and R (type 7) have it.

    Each of `values` gives a piece: `group` and x, floats that are not NaN. Several pieces are made twice: first to
    count how many lie in which narrow bucket, then to keep those buckets in which a quantile lies; by the executor,
    where there is one.
    """
    if len(values) == 1:
        asked = (_X.quantile(p / 100, interpolation="linear").alias(f"p{p}") for p in percents)
        return values[0]().group_by("group").agg(asked).collect()
    counts = pl.concat([_COUNTS, *each(executor, _tallied, values)])
    counts = counts.group_by("group", "bucket").agg(pl.col("n").sum()).sort("group", "bucket")
    # The values are sorted in thought: a bucket holds those from `first` on.
    counts = counts.with_columns(first=pl.col("n").cum_sum().over("group") - pl.col("n"))
    # Divided here: polars multiplies by the reciprocal, which is another number in the last digit.
    shares = pl.DataFrame({"percent": percents, "share": [p / 100 for p in percents]}, schema=_SHARES)
    wanted = (
        counts.group_by("group")
        .agg(pl.col("n").sum())
        .join(shares, how="cross")
        .with_columns(exact=(pl.col("n") - 1) * pl.col("share"))
        .with_columns(low=pl.col("exact").floor().cast(pl.Int64), high=pl.col("exact").ceil().cast(pl.Int64))
    )
    ranks = pl.concat([wanted.select("group", at=name) for name in ("low", "high")]).unique().sort("at")
    # Each rank lies in the last bucket that begins at it or before.
    found = ranks.join_asof(
        counts.sort("first"), left_on="at", right_on="first", by="group", strategy="backward", check_sortedness=False
    )
    buckets = found.select("group", "bucket").unique()
    kept = pl.concat([_KEPT, *each(executor, partial(_within, buckets=buckets), values)])
    inside = kept.sort("group", "bucket", "x").with_columns(nth=pl.int_range(pl.len()).over("group", "bucket"))
    at = found.select("group", "at", "bucket", nth=_AT - pl.col("first")).join(inside, on=["group", "bucket", "nth"])
    for name in ("low", "high"):
        wanted = wanted.join(
            at.select("group", pl.col("at").alias(name), pl.col("x").alias(f"x_{name}")), on=["group", name], how="left"
        )
    between = pl.col("x_low") + (pl.col("x_high") - pl.col("x_low")) * (pl.col("exact") - pl.col("low"))
    # No arithmetic where there is nothing between, so that the value is as it was.
    named = wanted.with_columns(value=pl.when(pl.col("x_low") == pl.col("x_high")).then("x_low").otherwise(between))
    return named.group_by("group").agg(
        pl.col("value").filter(pl.col("percent") == p).first().alias(f"p{p}") for p in percents
    )


def _tallied(piece: Callable[[], pl.LazyFrame]) -> pl.DataFrame:
    return piece().pipe(tally).collect()


def _within(piece: Callable[[], pl.LazyFrame], *, buckets: pl.DataFrame) -> pl.DataFrame:
    return piece().pipe(within, buckets.lazy()).collect()


_COUNTS = pl.DataFrame(schema={"group": pl.UInt32, "bucket": pl.Int64, "n": pl.Int64})
_SHARES = {"percent": pl.Int64, "share": pl.Float64}
_KEPT = pl.DataFrame(schema={"group": pl.UInt32, "x": pl.Float64, "bucket": pl.Int64})
