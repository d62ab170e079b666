"""Many numbers, counted. In: groups of values. Out: how many lie in each narrow bucket, or equal each value."""

from __future__ import annotations

import polars as pl

# The sign, the exponent and 10 bits of the fraction: a bucket is 0.1 % wide, and 10⁸ values fill some 20,000 of them.
_LOW_BITS = 2**42
_SIGN = 2**63 - 1


def bucket(x: pl.Expr) -> pl.Expr:
    """A whole number that never falls where the float x rises: the upper bits of x."""
    bits = x.reinterpret(dtype=pl.Int64)
    return pl.when(bits < 0).then(bits ^ _SIGN).otherwise(bits) // _LOW_BITS


def tally(values: pl.LazyFrame) -> pl.LazyFrame:
    """Of `group` and x: how many (`n`) are in each `bucket`."""
    return values.select("group", bucket=bucket(pl.col("x"))).group_by("group", "bucket").agg(n=pl.len().cast(pl.Int64))


def within(values: pl.LazyFrame, buckets: pl.LazyFrame) -> pl.LazyFrame:
    """Of the values that lie in the buckets (columns `group`, `bucket`): how many (`n`) are equal to each x."""
    placed = values.select("group", "x", bucket=bucket(pl.col("x")))
    inside = placed.join(buckets, on=["group", "bucket"], how="semi")
    return inside.group_by("group", "bucket", "x").agg(n=pl.len().cast(pl.Int64))
