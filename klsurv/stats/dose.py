"""Dose–response. In: curves by alpha, and their resampled values. Out: the table `dose`, with bands, trend and ED50."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from klsurv.exprs.kaplan_meier import TOLERANCE
from klsurv.inference import Interval, LogRank
from klsurv.stats.counted import Counted, Floats
from klsurv.stats.logrank import logrank
from klsurv.stats.resample import Draws, band


def dose(
    lifetimes: pl.DataFrame,
    counted: Counted,
    draws: Draws | None,
    *,
    by: Sequence[str],
    interval: Interval,
) -> pl.DataFrame:
    """One row per group of `by` and alpha; what is said of the whole group is repeated in each of its rows.

    Args:
        lifetimes: per group and alpha, sorted: n, n_events, rmst, tau, survival_tau.
        counted: counts of the same groups, in strata, for the trend test.
        draws: resampled values of the same groups; None leaves bands and the interval of ED50 null.
        by: the columns beside alpha.
        interval: its level is that of the bands.
    """
    rows = lifetimes.with_row_index("index")
    for name in ("rmst", "survival"):
        bands: list[tuple[float | None, float | None]] = [(None, None)] * rows.height
        if draws is not None:
            each = zip(getattr(draws, name), draws.prompts.tolist(), strict=True)
            bands = [band(values, interval=interval, prompts=prompts) for values, prompts in each]
        rows = rows.with_columns(
            pl.Series(f"{name}_low", [low for low, _ in bands], dtype=pl.Float64),
            pl.Series(f"{name}_high", [high for _, high in bands], dtype=pl.Float64),
        )
    whole = []
    for part in rows.partition_by(by, maintain_order=True) if by else [rows]:
        index = part.get_column("index").to_list()
        alphas = part.get_column("alpha").to_numpy()
        test = logrank(counted.n_risk[:, index], counted.n_events[:, index], test=LogRank(), scores=alphas)
        sign = np.sign((alphas - alphas.mean()) @ test.excess)
        n = part.get_column("n").cast(pl.Float64).to_numpy()
        point = ed50(part.get_column("survival_tau").to_numpy()[None], alphas, n)[0]
        low, high = (None, None)
        if draws is not None:
            fewest = int(draws.prompts[index].min())
            low, high = band(ed50(draws.survival[index].T, alphas, n), interval=interval, prompts=fewest)
        whole.append(
            part.with_columns(
                trend_z=pl.lit(None if test.statistic is None else float(sign * np.sqrt(test.statistic)), pl.Float64),
                trend_p=pl.lit(test.p, pl.Float64),
                ed50=pl.lit(float(point) if np.isfinite(point) else None, pl.Float64),
                ed50_low=pl.lit(low, pl.Float64),
                ed50_high=pl.lit(high, pl.Float64),
            )
        )
    return pl.concat(whole)


def ed50(survival: Floats, alphas: Floats, n: Floats) -> Floats:
    """The dose at which S is a half, of curves of shape (draws, doses).

    −∞ if fewer are alive at the least dose, ∞ if more are at the greatest, NaN where a dose has no value.
    Survival is made to fall with the dose first (isotonic regression, weighted by n; Robertson et al. 1988), then the
    dose is interpolated linearly between the two that enclose a half.
    """
    falling = _isotonic(survival, n)
    found = np.full(len(survival), np.inf)
    known = ~np.isnan(falling).any(axis=1)
    found[~known] = np.nan
    below = falling <= 0.5 + TOLERANCE
    crosses = known & below.any(axis=1)
    first = below.argmax(axis=1)
    found[crosses & (first == 0)] = -np.inf
    found[crosses & (first == 0) & (falling[:, 0] >= 0.5 - TOLERANCE)] = alphas[0]
    inside = np.flatnonzero(crosses & (first > 0))
    right = first[inside]
    s0, s1 = falling[inside, right - 1], falling[inside, right]
    share = np.where(s1 >= 0.5 - TOLERANCE, 1.0, (s0 - 0.5) / (s0 - s1))
    # Not low + share × (high − low), which for a share of 1 may be another number than high.
    found[inside] = (1 - share) * alphas[right - 1] + share * alphas[right]
    return found


def _isotonic(values: Floats, n: Floats) -> Floats:
    """The decreasing fit of each row: at i the least, over starts ≤ i, of the greatest mean from one to an end ≥ i."""
    total = np.concatenate([np.zeros((len(values), 1)), np.cumsum(values * n, axis=1)], axis=1)
    size = np.concatenate([[0.0], np.cumsum(n)])
    fitted = np.full_like(values, np.inf)
    for start in range(values.shape[1]):
        means = (total[:, start + 1 :] - total[:, start, None]) / (size[start + 1 :] - size[start])
        greatest = np.maximum.accumulate(means[:, ::-1], axis=1)[:, ::-1]
        fitted[:, start:] = np.minimum(fitted[:, start:], greatest)
    return fitted
