"""What was known before a fork. In: scored trajectories. Out: rows at risk, with KL that no later token has touched.

At fork f the tokens 0 … f − 1 are there, so KL is cut at f before it is smoothed or scaled.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from klsurv.exprs.measure import early_mean
from klsurv.frames.risk import exposures
from klsurv.frames.smooth import early_tokens, with_means, with_scale
from klsurv.params import Scoring

_KL, _X = pl.col("kl"), pl.element()


def intervals(trajectories: pl.LazyFrame, *, keep: Sequence[str]) -> pl.LazyFrame:
    """One row per steered trajectory (`row`, its index) and fork at which it is at risk, with the columns `keep`.

    `prev` and `prev2` are the measured forks before it, null where there are none; `event` and `censored` as in
    `exposures`. alpha = 0 is left out: its KL is 0 by definition.
    """
    steered = pl.col("alpha") != 0
    return (
        exposures(trajectories, keep=[*dict.fromkeys((*keep, "alpha"))])
        .filter(steered)
        .with_columns(prev=pl.col("fork").shift(1).over("row"), prev2=pl.col("fork").shift(2).over("row"))
    )


def before_fork(at_fork: pl.LazyFrame, *, fork: int, n_lags: int, scoring: Scoring) -> pl.LazyFrame:
    """The raw KL before a fork that `lags` needs, of rows at risk there whose KL reaches the fork.

    In place of `kl` come two lists of values before the fork (nats): `raw`, the tokens that the last `n_lags` means
    hold, and `early`, those from which the scale is taken.
    """
    # Enough before the first lag for its mean, and never so short that it would be left raw.
    reach = min(fork, max(n_lags + scoring.roll // 2, scoring.roll))
    before = _KL.list.head(fork)
    return (
        at_fork.with_columns(
            length=_KL.list.len(), raw=before.list.tail(reach), early=before.list.head(early_tokens(scoring))
        )
        .filter(pl.col("length") >= fork)
        .drop("kl", "length")
    )


def lags(before: pl.LazyFrame, *, fork: int, n_lags: int, scoring: Scoring) -> pl.LazyFrame:
    """Smoothed KL over the last `n_lags` tokens before `fork`: one row per row and `lag` (−1 is the token before it).

    In place of the lists of `before_fork` are `raw` (nats) and `relative` (own p95, of the early KL known by then; null
    without a scale); fewer rows where the fork comes earlier than that.
    """
    return (
        before.pipe(with_means, pl.col("raw"), width=scoring.roll, name="raw")
        .pipe(with_scale, pl.col("early"), scoring=scoring)
        .with_columns(pl.col("raw").list.tail(n_lags), lag=pl.int_ranges(-min(n_lags, fork), 0))
        .drop("early")
        # A value for each, as by one value for all rows polars divides with other last digits.
        .with_columns(pl.col("scale").repeat_by(pl.col("lag").list.len()))
        .explode("raw", "lag", "scale")
        .with_columns(relative=pl.col("raw") / pl.col("scale"))
        .drop("scale")
    )


def covariates(at_fork: pl.LazyFrame, *, scoring: Scoring) -> pl.LazyFrame:
    """What was known when the interval before a fork began; `at_fork` has rows at risk with `kl`, `prev`, `prev2`.

    Keeps the rows whose interval began when the first `calib_tokens` tokens were there. Adds `early_kl`, the mean of
    those (nats), and `spike`, the highest KL of the interval before, as a multiple of the trajectory's own scale;
    both finite values only, null where there are none.
    """
    finite = _X.filter(_X.is_finite())
    before = _KL.list.slice(pl.col("prev2"), pl.col("prev") - pl.col("prev2"))
    return (
        at_fork.filter(pl.col("prev2").is_not_null() & (pl.col("prev") >= scoring.calib_tokens))
        .with_columns(
            early_kl=early_mean(_KL, tokens=scoring.calib_tokens),
            spike=before.list.agg(finite.max()),
            early=_KL.list.head("prev"),
        )
        .drop("kl")
        .pipe(with_scale, pl.col("early"), scoring=scoring)
        .with_columns(pl.col("spike") / pl.col("scale"))
        .drop("early", "scale")
    )
