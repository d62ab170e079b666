"""The log-rank family. In: counts by stratum, group and fork. Out: statistic, degrees of freedom, p."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import chdtrc

from klsurv.inference import LogRank
from klsurv.stats.counted import Floats

# Relative to the covariance before its parts cancel, the eigenvalue that counts as 0: groups never at risk together.
RANK = 1e-10


@dataclass(frozen=True)
class Result:
    """A test: its statistic (χ² distributed), degrees of freedom, p; None where no two groups are at risk together.

    `excess` is observed − expected deaths of each group, weighted; `covariance` that of `excess`.
    """

    statistic: float | None
    df: int
    p: float | None
    excess: Floats
    covariance: Floats


def logrank(n_risk: Floats, n_events: Floats, *, test: LogRank, scores: Floats | None = None) -> Result:
    """Test whether groups die alike; counts have the shape (strata, groups, forks).

    Weights are of the pooled groups of a stratum; excess and covariance (hypergeometric, as R's `survdiff`) are added
    over forks and strata. With `scores`, one per group, the test is for trend (Tarone 1975), of one degree of freedom.
    """
    n, d = n_risk.sum(1), n_events.sum(1)
    with np.errstate(invalid="ignore"):
        rate = np.where(n > 0, d / n, 0.0)
        spread = np.where(n > 1, d * (n - d) / (n - 1) / n**2, 0.0)
    w = _weights(n, d, test)
    excess = np.einsum("sf,sgf->g", w, n_events - n_risk * rate[:, None])
    v = w**2 * spread
    total = np.einsum("sf,sgf->g", v * n, n_risk)
    covariance = np.diag(total) - np.einsum("sf,sgf,shf->gh", v, n_risk, n_risk)
    if scores is not None and len(scores) < 2:
        return Result(None, 0, None, excess, covariance)
    if scores is not None:
        # Centred and of size 1, which changes nothing: doses far from 0 do not cancel, huge ones do not overflow.
        quarter = scores / 4
        centred = quarter - (quarter / len(quarter)).sum()
        centred /= np.abs(centred).max() or 1.0
        variance = float(centred @ covariance @ centred)
        if variance <= RANK * max(float(np.abs(covariance).max()) * float((centred**2).sum()), 1e-300):
            return Result(None, 0, None, excess, covariance)
        return _tested(float(centred @ excess) ** 2 / variance, 1, excess, covariance)
    values, vectors = np.linalg.eigh(covariance)
    kept = values > RANK * max(float(total.max(initial=0.0)), 1e-300)
    df = int(kept.sum())
    if df == 0:
        return Result(None, 0, None, excess, covariance)
    return _tested(float((((excess @ vectors)[kept]) ** 2 / values[kept]).sum()), df, excess, covariance)


def _tested(statistic: float, df: int, excess: Floats, covariance: Floats) -> Result:
    return Result(statistic, df, float(chdtrc(df, statistic)), excess, covariance)


def _weights(n: Floats, d: Floats, test: LogRank) -> Floats:
    """The weight of each fork in each stratum, from the pooled counts."""
    if test.test == "wilcoxon":
        return n
    if test.test == "tarone-ware":
        return np.asarray(np.sqrt(n), dtype=np.float64)
    if test.test == "peto":
        # Peto & Peto (1972): survival just after the fork, with n + 1 for n so that the last weight is not 0.
        return np.asarray(np.cumprod(1 - d / (n + 1), axis=1), dtype=np.float64)
    if test.test == "fh":
        with np.errstate(invalid="ignore"):
            after = np.cumprod(1 - np.where(n > 0, d / n, 0.0), axis=1)
        before = np.concatenate([np.ones((len(n), 1)), after[:, :-1]], axis=1)
        weight: Floats = before**test.rho * (1 - before) ** test.gamma
        return weight
    return np.ones_like(n)


def holm(p: list[float | None]) -> list[float | None]:
    """p-values adjusted for being several (Holm 1979); those that are None stay so and do not count."""
    known = sorted((value, i) for i, value in enumerate(p) if value is not None)
    adjusted: list[float | None] = [None] * len(p)
    worst = 0.0
    for rank, (value, i) in enumerate(known):
        worst = max(worst, min(1.0, (len(known) - rank) * value))
        adjusted[i] = worst
    return adjusted
