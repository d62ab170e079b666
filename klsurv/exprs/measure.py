"""R9. In: one trajectory's KL, or its forks. Out: how many measurements failed, or are odd."""

from __future__ import annotations

import polars as pl


def n_not_finite(kl: pl.Expr) -> pl.Expr:
    """How many values of each list are NaN, infinite or null."""
    return _n(kl, (~pl.element().is_finite()).fill_null(True))


def n_negative(kl: pl.Expr) -> pl.Expr:
    """How many values of each list are below 0, minus infinity included; NaN is not."""
    return _n(kl, pl.element() < 0)


def _n(kl: pl.Expr, holds: pl.Expr) -> pl.Expr:
    # An aggregation (`list.agg`) would copy every list: ten times as long.
    return kl.list.eval(holds).list.sum().cast(pl.Int64)


def n_missing(fork: pl.Expr, pmass: pl.Expr, *, gen_len: pl.Expr) -> pl.Expr:
    """How many forks the generation reached have no pmass."""
    return ((fork <= gen_len) & pmass.is_null()).sum().cast(pl.Int64)


def failed() -> pl.Expr:
    """Whether a scored trajectory has at least one failed measurement."""
    return (pl.col("n_kl_failed") > 0) | (pl.col("n_pmass_failed") > 0)


def early_mean(kl: pl.Expr, *, tokens: int) -> pl.Expr:
    """Mean of the finite values among the first `tokens` of each list; null where there is none. Unit as `kl`."""
    x = pl.element()
    # Filtered first: an aggregation (`list.agg`) adds up in another order with another number of threads.
    return kl.list.head(tokens).list.eval(x.filter(x.is_finite())).list.mean()
