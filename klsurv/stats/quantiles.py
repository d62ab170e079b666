"""Exact quantiles of more values than fit into memory. In: values, piece by piece. Out: quantiles of each group."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from functools import partial
from typing import Any

import polars as pl

from klsurv.fanout import each, threads
from klsurv.frames.buckets import tally, within

_X = pl.col("x")
# Which of two equal zeros a quantile is would be up to their order: it is the one without a sign. (To polars
# they are one, when it replaces; and the sum of a column and 0.0 is the column.)
UNSIGNED = pl.col(pl.Float64).replace(0.0, 0.0)
# Values of whole groups that are looked at together. More would gain nothing, and touch as much memory again.
_BATCH = 500_000
# Of a group of so many values its quantiles are guessed first, from so many of them.
_MANY, _SAMPLE = 100_000, 8192
# Which values count: a function of their series, or of their expression.
Of = Callable[[Any], Any]


def finite(x: Any) -> Any:
    """Whether values are finite."""
    return x.is_finite()


def quantiles(
    values: Sequence[Callable[[], pl.LazyFrame]],
    *,
    percents: Sequence[int],
    executor: Executor | None = None,
    of: Of = finite,
) -> pl.DataFrame:
    """One row per group: `group`, then p50 and so on, with linear interpolation as polars and R (type 7) have it.

    Each of `values` gives a piece: `group` and x, lists of floats; `of` says which of these count (default: those that
    are finite). Several pieces are made twice: first to count how many lie in which narrow bucket, then to count each
    value in those in which a quantile lies; by the executor, where there is one.
    """
    if len(values) == 1:
        batches = _batches(values[0]().collect())
        # Polars finds a quantile on one processor.
        with threads() as executor:
            found = each(executor, lambda batch: _of_batch(batch.collect(), percents, of), batches)
            return pl.concat(found).with_columns(UNSIGNED)
    counts = pl.concat([_COUNTS, *each(executor, partial(_tallied, of=of), values)])
    counts = counts.group_by("group", "bucket").agg(pl.col("n").sum()).sort("group", "bucket")
    wanted = ranks(counts.lazy().group_by("group").agg(pl.col("n").sum()), percents).collect()
    at_ranks = pl.concat([wanted.select("group", at=name) for name in ("low", "high")]).unique().sort("at")
    # In thought the values are sorted: each bucket, and each value in it, begins at the rank after those below it.
    buckets = _located(at_ranks, counts.with_columns(first=begin().over("group")))
    wanted_buckets = buckets.select("group", "bucket", "first").unique()
    inside = pl.concat([_KEPT, *each(executor, partial(_within, of=of, buckets=wanted_buckets.drop("first")), values)])
    inside = inside.group_by("group", "bucket", "x").agg(pl.col("n").sum()).sort("group", "bucket", "x")
    inside = inside.join(wanted_buckets, on=["group", "bucket"], maintain_order="left")
    at = _located(at_ranks, inside.with_columns(first=pl.col("first") + begin().over("group", "bucket")))
    for name in ("low", "high"):
        wanted = wanted.join(
            at.select("group", pl.col("at").alias(name), pl.col("x").alias(f"x_{name}")), on=["group", name], how="left"
        )
    between = pl.col("x_low") + (pl.col("x_high") - pl.col("x_low")) * (pl.col("exact") - pl.col("low"))
    # No arithmetic where there is nothing between, so that the value is as it was.
    named = wanted.with_columns(value=pl.when(pl.col("x_low") == pl.col("x_high")).then("x_low").otherwise(between))
    return (
        named.group_by("group")
        .agg(pl.col("value").filter(pl.col("percent") == p).first().alias(f"p{p}") for p in percents)
        .with_columns(UNSIGNED)
    )


def ranks(sizes: pl.LazyFrame, percents: Sequence[int]) -> pl.LazyFrame:
    """Of each `group` of `n` values and each `percent`: where it lies among them (`exact`), and the ranks about it."""
    # Divided here: polars multiplies by the reciprocal, which is another number in the last digit.
    shares = pl.LazyFrame({"percent": percents, "share": [p / 100 for p in percents]}, schema=_SHARES)
    return (
        sizes.join(shares, how="cross")
        .with_columns(exact=(pl.col("n") - 1) * pl.col("share"))
        .with_columns(low=pl.col("exact").floor().cast(pl.Int64), high=pl.col("exact").ceil().cast(pl.Int64))
    )


def _batches(rows: pl.DataFrame) -> Iterator[pl.LazyFrame]:
    """The rows, some whole groups at a time; no group in one empty batch."""
    lengths = rows.lazy().select("group", n=_X.list.len().cast(pl.Int64)).drop_nulls("group")
    for batch in together(lengths, _BATCH):
        yield rows.lazy().filter(pl.col("group").is_in(batch.get_column("group").implode()))


def together(parts: pl.LazyFrame, most: int) -> list[pl.DataFrame]:
    """The groups of parts (`group`, `n` values) in order, some at a time: all that begin within so many values."""
    sizes = parts.group_by("group").agg(pl.col("n").sum()).sort("group")
    groups = sizes.select("group", batch=begin() // most).collect()
    return groups.partition_by("batch", maintain_order=True) or [groups]


def _of_batch(rows: pl.DataFrame, percents: Sequence[int], of: Of) -> pl.DataFrame:
    """By way of one list per group, a quarter of the time that a row per value takes; of one group without a list."""
    if rows.get_column("group").n_unique() == 1:
        x = rows.get_column("x").explode(empty_as_null=False, keep_nulls=False)
        counts = of(x)
        # Memory that is asked for anew costs more than what is done in it.
        x = x if counts.all(ignore_nulls=False) else x.filter(counts)
        found = {f"p{p}": pl.lit(value, pl.Float64) for p, value in _of_series(x, percents).items()}
        return rows.select(pl.col("group").first(), **found).head(x.len())
    rows = rows.drop_nulls("x")
    lists = rows.lazy().select("group", _X.list.filter(of(pl.element()))).group_by("group")
    filled = lists.agg(_X.explode(empty_as_null=False)).filter(_X.list.len() > 0)
    asked = {f"p{p}": pl.element().quantile(p / 100, interpolation="linear") for p in percents}
    return filled.select("group", **{name: _X.list.agg(quantile) for name, quantile in asked.items()}).collect()


def _of_series(x: pl.Series, percents: Sequence[int]) -> dict[int, float | None]:
    """Quantiles of a series in one chunk (of several, polars takes a quantile by sorting).

    Of many values each is looked for among those near it: a sample tells which these are likely to be, and counting
    whether they are. Half the time of selecting it among all.
    """
    n = x.len()
    if n < _MANY:
        return {p: x.quantile(p / 100, interpolation="linear") for p in percents}
    sample = x.gather_every(n // _SAMPLE).sort()
    found: dict[int, float | None] = {}
    # What is left of x when those that are smaller than a quantile can be were put aside.
    rest = x
    for p in sorted(percents):
        share = p / 100
        at = share * sample.len()
        error = 4 * math.sqrt(at * (1 - share)) + 1
        first, last = math.floor(at - error), math.ceil(at + error)
        rest = rest.filter(rest >= sample[first]) if first > 0 else rest
        near = (rest.filter(rest <= sample[last]) if last < sample.len() else rest).sort()
        exact = (n - 1) * share
        low, high = (rank - (n - rest.len()) for rank in (math.floor(exact), math.ceil(exact)))
        if 0 <= low and high < near.len():
            found[p] = near[low] + (near[high] - near[low]) * (exact - math.floor(exact))
        else:
            found[p] = x.quantile(share, interpolation="linear")
    return found


def begin() -> pl.Expr:
    """The rank at which each row begins, of rows in order that stand for `n` values each."""
    return pl.col("n").cum_sum() - pl.col("n")


def _located(ranks: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    """Each rank (`group`, `at`) with the row it falls into: the last that begins (`first`) at it or before."""
    return ranks.join_asof(
        rows.sort("first"), left_on="at", right_on="first", by="group", strategy="backward", check_sortedness=False
    )


def _tallied(piece: Callable[[], pl.LazyFrame], *, of: Of) -> pl.DataFrame:
    return _long(piece, of).pipe(tally).collect()


def _within(piece: Callable[[], pl.LazyFrame], *, of: Of, buckets: pl.DataFrame) -> pl.DataFrame:
    return _long(piece, of).pipe(within, buckets.lazy()).collect()


def _long(piece: Callable[[], pl.LazyFrame], of: Of) -> pl.LazyFrame:
    return piece().select("group", "x").explode("x", empty_as_null=False).filter(of(_X))


_COUNTS = pl.DataFrame(schema={"group": pl.UInt32, "bucket": pl.Int64, "n": pl.Int64})
_SHARES = {"percent": pl.Int64, "share": pl.Float64}
_KEPT = pl.DataFrame(schema={"group": pl.UInt32, "bucket": pl.Int64, "x": pl.Float64, "n": pl.Int64})
