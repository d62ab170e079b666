"""The ends of R2. In: lists of KL, one per trajectory. Out: the same padded for a centred mean, and cut back."""

from __future__ import annotations

import polars as pl


def padded(x: pl.Expr, *, width: int) -> pl.Expr:
    """Lists with their first value before them, `width // 2` times, and their last behind, up to `width - 1` in all.

    A list shorter than `width` is left as it is, and takes no memory however wide the mean.
    """
    before, after = (pl.when(_short(x, width)).then(0).otherwise(n) for n in (width // 2, (width - 1) // 2))
    return pl.concat_list(x.list.first().repeat_by(before), x, x.list.last().repeat_by(after))


def unpadded(means: pl.Expr, x: pl.Expr, *, width: int) -> pl.Expr:
    """Cut rolling `means` of padded lists back to the length of `x`; a list shorter than `width` is `x` itself.

    There is a mean for each padded value and those before it: the first `width` − 1 reach into the list before.
    """
    return pl.when(_short(x, width)).then(x).otherwise(means.list.slice(width - 1))


def _short(x: pl.Expr, width: int) -> pl.Expr:
    # Of a list that is null nothing is made.
    return (x.list.len() < width).fill_null(True)
