"""R9. In: one trajectory's KL, or its forks. Out: how many measurements failed, or are odd."""

from __future__ import annotations

import polars as pl


def n_not_finite(x: pl.Expr) -> pl.Expr:
    """How many values are NaN, infinite or null."""
    return (~x.is_finite()).fill_null(True).sum().cast(pl.Int64)


def n_negative(x: pl.Expr) -> pl.Expr:
    """How many values are below 0, minus infinity included; NaN is not."""
    return (x < 0).sum().cast(pl.Int64)


def n_missing(fork: pl.Expr, pmass: pl.Expr, *, gen_len: pl.Expr) -> pl.Expr:
    """How many forks the generation reached have no pmass."""
    return ((fork <= gen_len) & pmass.is_null()).sum().cast(pl.Int64)


def early_mean(kl: pl.Expr, *, tokens: int) -> pl.Expr:
    """Mean of the finite values among the first `tokens` of each list; null where there is none. Unit as `kl`."""
    x = pl.element()
    # Filtered first: an aggregation (`list.agg`) adds up in another order with another number of threads.
    return kl.list.head(tokens).list.eval(x.filter(x.is_finite())).list.mean()
