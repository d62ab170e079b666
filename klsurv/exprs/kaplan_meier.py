"""The product-limit estimator. In: deaths and numbers at risk, one row per fork, ascending. Out: S and what it gives.

Kaplan & Meier (1958), with R's conventions (`survival::survfit`): at one fork deaths come before censorings.
"""

from __future__ import annotations

import polars as pl

TOLERANCE = 1e-12


def hazard(n_events: pl.Expr, n_risk: pl.Expr) -> pl.Expr:
    """Share of those at risk that die at the fork; 0 where none is at risk."""
    return pl.when(n_risk > 0).then(n_events / n_risk).otherwise(0.0)


def survival(hazard: pl.Expr) -> pl.Expr:
    """S(t) just after each fork: the running product of 1 − hazard."""
    return (1 - hazard).cum_prod()


def median(fork: pl.Expr, survival: pl.Expr) -> pl.Expr:
    """First fork (tokens) with S ≤ 0.5, to within 1e-12; null where not reached."""
    return fork.filter(survival <= 0.5 + TOLERANCE).first()


def restricted_mean(fork: pl.Expr, survival: pl.Expr, *, tau: pl.Expr) -> pl.Expr:
    """Area under S from 0 to tau (tokens); S is 1 before the first fork and constant between forks.

    Irwin (1949); Royston & Parmar (2013). Null where tau is null.
    """
    left = pl.min_horizontal(fork, tau)
    right = pl.min_horizontal(fork.shift(-1).fill_null(tau.first()), tau)
    area = pl.min_horizontal(fork.first(), tau.first()) + (survival * (right - left)).sum()
    return pl.when(tau.first().is_not_null()).then(area)
