"""R2. In: one trajectory's KL as a flat expression. Out: its centred rolling mean, same length."""

from __future__ import annotations

import polars as pl


def edge_mean(x: pl.Expr, *, width: int) -> pl.Expr:
    """Centred mean of `width` tokens, the ends padded with the first and last value (`width // 2` before).

    Works on the elements of a list (`list.eval`) or over a group; unit as `x`. A series shorter than `width`, or a
    width of 0 or 1, is left as it is. A value that is not finite makes every mean that holds it not finite, no other.
    """
    if width <= 1:
        return x
    # A series that is left as it is needs no padding, however wide the mean.
    short = x.len() < width
    before, after, cut = (pl.when(short).then(0).otherwise(n) for n in (width // 2, width - 1 - width // 2, width - 1))
    # An empty series has no value to pad with; what stands in for it is not used.
    padded = (
        x.first().fill_null(0.0).repeat_by(before).explode()
        .append(x)
        .append(x.last().fill_null(0.0).repeat_by(after).explode())
    )  # fmt: skip
    # Weights make polars add up each window afresh. Without them it carries a running sum along, which keeps the
    # rounding error of a spike: 1e-6 relative and more where KL jumps over ten decades.
    mean = padded.rolling_mean(width, weights=[1.0] * width).slice(cut)
    return pl.when(short).then(x).otherwise(mean)
