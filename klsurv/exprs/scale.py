"""R3. In: one trajectory's smoothed KL. Out: one number, its own p95 over the first tokens."""

from __future__ import annotations

import polars as pl

SMALLEST = 1e-8


def own_p95(smoothed: pl.Expr, *, tokens: int) -> pl.Expr:
    """95th percentile, linear, of the finite values among the first `tokens`; unit as `smoothed`.

    Null where there is no finite value or the percentile is ≤ 1e-8 nats, as at alpha = 0, where KL is 0.
    """
    head = smoothed.head(tokens)
    p95 = head.filter(head.is_finite()).quantile(0.95, interpolation="linear")
    return pl.when(p95 > SMALLEST).then(p95)
