"""R2 and R3. In: rows with lists of KL, one per trajectory. Out: the same rows with their rolling means, or scale."""

from __future__ import annotations

import polars as pl

from klsurv.exprs.scale import own_p95
from klsurv.exprs.smooth import padded, unpadded
from klsurv.params import Scoring


def with_means(rows: pl.LazyFrame, lists: pl.Expr, *, width: int, name: str) -> pl.LazyFrame:
    """Add `name`: the centred mean of `width` tokens of each of `lists`, its ends padded with their own value (R2).

    As long as the list, in its unit. A list shorter than `width`, or a width of 0 or 1, leaves it as it is. A value
    that is not finite makes every mean that holds it not finite, no other. Rows stay, and their order.
    """
    if width <= 1:
        return rows.with_columns(lists.alias(name))
    x = rows.select(x=lists)
    # All lists below each other, so that a step is taken for all values at once. What the sums take from the list
    # before lies in the padding, and is cut off with it.
    padded_lists = x.select(x=padded(pl.col("x"), width=width)).with_row_index("row")
    means = (
        _sums(padded_lists.explode("x", empty_as_null=True), width=width)
        .select(pl.col("row").set_sorted(), mean=pl.col("sum") / width)
        .group_by("row", maintain_order=True)
        .agg("mean")
    )
    smoothed = unpadded(pl.col("mean"), pl.col("x"), width=width).alias(name)
    of_lists = pl.concat([x, means], how="horizontal").select(smoothed)
    return pl.concat([rows.drop(name, strict=False), of_lists], how="horizontal")


def with_scale(rows: pl.LazyFrame, early: pl.Expr, *, scoring: Scoring) -> pl.LazyFrame:
    """Add `scale` (nats): the own p95 of the first smoothed KL (R3) of `early`, lists of what is known of it.

    Values that reach none of the first `calib_tokens` means count for nothing.
    """
    head = early.list.head(early_tokens(scoring))
    p95 = pl.col("scale").list.agg(own_p95(pl.element(), tokens=scoring.calib_tokens))
    return with_means(rows, head, width=scoring.roll, name="scale").with_columns(scale=p95)


def early_tokens(scoring: Scoring) -> int:
    """How many raw values of KL decide a trajectory's scale: those whose means are among the first calib_tokens."""
    return scoring.calib_tokens + max(scoring.roll, 1)


def _sums(values: pl.LazyFrame, *, width: int) -> pl.LazyFrame:
    """Add `sum`, of each value of `x` and the `width - 1` before it.

    From sums of 1, 2, 4 … values, each two of the last, those that make up `width`. Nothing is carried from one value
    to the next: a running sum keeps the rounding error of a spike, 1e-6 relative where KL jumps over ten decades.
    """
    sums, total, power = values.with_columns(power="x"), None, pl.col("power")
    done = 0
    for bit in range(width.bit_length()):
        if bit:
            sums = sums.with_columns(power + power.shift(2 ** (bit - 1)))
        if width >> bit & 1:
            total = power if total is None else pl.col("sum") + power.shift(done)
            sums = sums.with_columns(sum=total)
            done += 2**bit
    return sums
