"""Cumulative incidence of two ends that compete. In: steps, in order of time. Out: P(died by t), P(finished by t).

Aalen & Johansen (1978). A step is a set of trajectories of which a share `hazard` ends in one way: by death at a fork,
or by EOS at a token. At one token the deaths come first; that a tie is two steps gives what counting gives.
"""

from __future__ import annotations

import polars as pl

from klsurv.exprs.kaplan_meier import TOLERANCE


def running(hazard: pl.Expr) -> pl.Expr:
    """P(neither by t), after each step."""
    return (1 - hazard).cum_prod()


def incidence(hazard: pl.Expr, running: pl.Expr, *, own: pl.Expr) -> pl.Expr:
    """P(ended in this way by t), after each step; `own` marks the steps that end so."""
    return (own * hazard * running.shift(1).fill_null(1.0)).cum_sum()


def running_error(hazard: pl.Expr, running: pl.Expr, n_risk: pl.Expr) -> pl.Expr:
    """Standard error of `running` (Greenwood 1926); 0 where it is 0, as no one is left."""
    return running * pl.when(hazard < 1).then(hazard / (n_risk * (1 - hazard))).otherwise(0.0).cum_sum().sqrt()


def incidence_error(hazard: pl.Expr, running: pl.Expr, n_risk: pl.Expr, incidence: pl.Expr, *, own: pl.Expr) -> pl.Expr:
    """Standard error of `incidence`: the delta method over the steps, each binomial (Dinse & Larson 1986, eq. 6).

    Without censoring it is the binomial one, √(p (1 − p) / n), as Greenwood's is for survival.
    """
    # F(t) changes with the hazard h of a step by b − c F(t), which leaves three running sums.
    variance = pl.when(n_risk > 0).then(hazard * (1 - hazard) / n_risk).otherwise(0.0)
    c = pl.when(hazard < 1).then(1 / (1 - hazard)).otherwise(0.0)
    b = own * running.shift(1).fill_null(1.0) + incidence * c
    total = (variance * b * b).cum_sum() - 2 * incidence * (variance * b * c).cum_sum()
    total += incidence * incidence * (variance * c * c).cum_sum()
    # Where all ended in this way the sums cancel, to rounding, of which the root would be 1e-8.
    return pl.when(incidence < 1 - TOLERANCE).then(total.clip(0).sqrt()).otherwise(0.0)
