"""The product-limit estimator. In: deaths and numbers at risk, one row per fork, ascending. Out: S and what it gives.

Kaplan & Meier (1958), with R's conventions (`survival::survfit`): at one fork deaths come before censorings.
"""

from __future__ import annotations

from statistics import NormalDist

import polars as pl

from klsurv.inference import Interval

TOLERANCE = 1e-12


def hazard(n_events: pl.Expr, n_risk: pl.Expr) -> pl.Expr:
    """Share of those at risk that die at the fork; 0 where none is at risk."""
    return pl.when(n_risk > 0).then(n_events / n_risk).otherwise(0.0)


def survival(hazard: pl.Expr) -> pl.Expr:
    """S(t) just after each fork: the running product of 1 − hazard."""
    return (1 - hazard).cum_prod()


def greenwood(n_events: pl.Expr, n_risk: pl.Expr) -> pl.Expr:
    """What each fork adds to the variance of log S: d / (n (n − d)), Greenwood (1926); 0 where all at risk die."""
    alive = n_risk - n_events
    return pl.when(alive > 0).then(n_events / (n_risk * alive)).otherwise(0.0)


def std_error(survival: pl.Expr, greenwood: pl.Expr) -> pl.Expr:
    """Standard error of S; null where S is 0, for which the formula has no value."""
    return pl.when(survival > TOLERANCE).then(survival * greenwood.cum_sum().sqrt())


def bounds(survival: pl.Expr, std_error: pl.Expr, n_risk: pl.Expr, *, interval: Interval) -> tuple[pl.Expr, pl.Expr]:
    """Pointwise lower and upper bound of S, on the scale of `interval`, cut to [0, 1].

    Where S is 1 or 0 the normal approximation has no width, so there the bounds are Clopper & Pearson's (1934) for n or
    none of those at risk. Otherwise as `survfit(conf.type = )`: log-log (Kalbfleisch & Prentice 1980), log, plain.
    """
    tail = (1 - interval.level) / 2
    z = -NormalDist().inv_cdf(tail)
    relative = std_error / survival
    if interval.ci == "log-log":
        width = z * relative / survival.log()
        low, high = (((survival.log().abs().log() + sign * width).exp() * -1).exp() for sign in (-1, 1))
    elif interval.ci == "log":
        low, high = ((survival.log() + sign * z * relative).exp() for sign in (-1, 1))
    else:
        low, high = (survival + sign * z * std_error for sign in (-1, 1))
    corner = pl.lit(tail).pow(1 / n_risk)
    none, some = survival <= TOLERANCE, survival < 1 - TOLERANCE
    return (
        pl.when(none).then(0.0).when(some).then(low).otherwise(corner).clip(0, 1),
        pl.when(none).then(1 - corner).when(some).then(high).otherwise(1.0).clip(0, 1),
    )


def median(fork: pl.Expr, survival: pl.Expr) -> pl.Expr:
    """First fork (tokens) with S ≤ 0.5, to within 1e-12; null: not reached. Of a bound of S, the median's bound."""
    return fork.filter(survival <= 0.5 + TOLERANCE).first()


def restricted_mean(fork: pl.Expr, survival: pl.Expr, *, tau: pl.Expr) -> pl.Expr:
    """Area under S from 0 to tau (tokens); S is 1 before the first fork and constant between forks.

    Irwin (1949); Royston & Parmar (2013). Null where tau is null.
    """
    area = pl.min_horizontal(fork.first(), tau.first()) + _areas(fork, survival, tau).sum()
    return pl.when(tau.first().is_not_null()).then(area)


def restricted_mean_left(fork: pl.Expr, survival: pl.Expr, left: pl.Expr, *, tau: pl.Expr) -> pl.Expr:
    """The restricted mean if S fell at `left` already, not at the fork: the least that the forks allow (tokens)."""
    fall = survival.shift(1).fill_null(1.0) - survival
    late = fall * (pl.min_horizontal(fork, tau) - pl.min_horizontal(left, tau))
    return restricted_mean(fork, survival, tau=tau) - late.sum()


def restricted_mean_error(fork: pl.Expr, survival: pl.Expr, greenwood: pl.Expr, *, tau: pl.Expr) -> pl.Expr:
    """Standard error of the restricted mean (tokens): Σ (area after the fork)² d / (n (n − d)), as survRM2 has it."""
    after = _areas(fork, survival, tau).cum_sum(reverse=True)
    return pl.when(tau.first().is_not_null()).then((after.pow(2) * greenwood).sum().sqrt())


def _areas(fork: pl.Expr, survival: pl.Expr, tau: pl.Expr) -> pl.Expr:
    right = pl.min_horizontal(fork.shift(-1).fill_null(tau.first()), tau)
    return survival * (right - pl.min_horizontal(fork, tau))
