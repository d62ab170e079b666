"""The prompt bootstrap. In: counts by prompt, group and fork. Out: restricted means and S(tau), one value per draw.

The same prompts recur over doses, seeds and methods, so whole prompts are drawn with replacement (Efron & Tibshirani
1993, ch. 8), the same ones for every group: differences between groups are paired.
"""

from __future__ import annotations

from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr, stdtrit

from klsurv.fanout import Progress, each
from klsurv.inference import Interval, Resampling
from klsurv.stats.counted import Counted, Floats

# Draws at a time: as many as keep the arrays of one group near 100 MB.
_CELLS = 4_000_000


@dataclass(frozen=True)
class Draws:
    """The restricted mean (tokens) and S at tau of each group in each draw, of shape (groups, draws).

    NaN where no trajectory of the group was drawn. `prompts` is how many prompts each group has.
    """

    rmst: Floats
    survival: Floats
    prompts: npt.NDArray[np.int64]


def weights(n_prompts: int, *, resampling: Resampling) -> Floats:
    """How often each prompt is in each draw: shape (draws, prompts)."""
    rng = np.random.default_rng(resampling.seed)
    return rng.multinomial(n_prompts, np.full(n_prompts, 1 / n_prompts), size=resampling.draws).astype(float)


def bootstrap(
    prompts: Counted,
    *,
    tau: int,
    resampling: Resampling,
    step: Progress | None = None,
    executor: Executor | None = None,
) -> Draws:
    """Resample `prompts`, whose strata are the prompts; some draws at a time, by the executor where there is one.

    `step` is called with (groups done, all groups).
    """
    draws = weights(len(prompts.n_risk), resampling=resampling)
    n_groups = prompts.groups.height
    empty = np.full((n_groups, len(draws)), np.nan)
    found = Draws(empty, empty.copy(), prompts.n_risk.any(axis=2).sum(axis=0))
    size = max(1, _CELLS // max(len(prompts.forks), 1))
    blocks = [(group, slice(at, at + size)) for group in range(n_groups) for at in range(0, len(draws), size)]
    samples = (_Sample(draws[part], *_own(prompts, group)) for group, part in blocks)
    for (group, part), (mean, end) in zip(blocks, each(executor, partial(_resampled, tau=tau), samples), strict=True):
        found.rmst[group, part], found.survival[group, part] = mean, end
        if step is not None and part.stop >= len(draws):
            step(group + 1, n_groups)
    return found


class _Sample(NamedTuple):
    """Draws of prompts, and of one group the counts of each prompt at its forks."""

    draws: Floats
    risk: Floats
    events: Floats
    forks: npt.NDArray[np.int64]


def _own(prompts: Counted, group: int) -> tuple[Floats, Floats, npt.NDArray[np.int64]]:
    """A group's counts, at its own forks only: at others S does not change."""
    own = prompts.n_risk[:, group].any(axis=0)
    return prompts.n_risk[:, group, own], prompts.n_events[:, group, own], prompts.forks[own]


def _resampled(sample: _Sample, *, tau: int) -> tuple[Floats, Floats]:
    """The restricted mean, and S at tau, of each draw; NaN where no trajectory was drawn."""
    n, d = sample.draws @ sample.risk, sample.draws @ sample.events
    drawn = n.any(axis=1)
    # Whole numbers: where none is at risk, none dies.
    survival = np.cumprod(1 - d / n.clip(1), axis=1)
    mean, end = area(survival, sample.forks, tau)
    return np.where(drawn, mean, np.nan), np.where(drawn, end, np.nan)


def area(survival: Floats, forks: npt.NDArray[np.int64], tau: int) -> tuple[Floats, Floats]:
    """The restricted mean to tau, and S at tau, of curves of shape (draws, forks)."""
    edges = np.minimum(np.concatenate([[0], forks, [tau]]), tau)
    edges[-1] = tau
    steps = np.concatenate([np.ones((len(survival), 1)), survival], axis=1)
    end = steps[:, int(np.searchsorted(forks, tau, side="right"))].copy()
    steps *= np.diff(edges)
    # Not a product of matrices, whose last digits depend on the threads that it is shared among.
    return steps.sum(axis=1), end


def band(values: Floats, *, interval: Interval, prompts: int | None = None) -> tuple[float | None, float | None]:
    """The percentile interval of draws; None where a bound is not finite, or draws do not vary, which says nothing.

    Draws that are −∞ or ∞ (a quantity below or above all that was tried) count as such. Beyond each end lie as many
    as `tail` says. One prompt alone has no interval.
    """
    known = np.sort(values[~np.isnan(values)])
    # Equal but for rounding, in tokens, nats or shares: the same value of each prompt, weighted otherwise by each draw.
    alike = len(known) == 0 or np.isclose(known[0], known[-1], rtol=1e-12, atol=1e-12)
    if alike or (prompts is not None and prompts < 2):
        return None, None
    # Whole ranks, as interpolating between infinities is not defined; the same from either end, so that b − a has the
    # interval of a − b. The small number keeps 0.05 × 2000 from being 99.
    rank = max(int(np.floor(tail(interval.level, prompts) * (len(known) + 1) + 1e-9)) - 1, 0)
    low, high = known[rank], known[len(known) - 1 - rank]
    return float(low) if np.isfinite(low) else None, float(high) if np.isfinite(high) else None


def tail(level: float, prompts: int | None = None) -> float:
    """The share of draws beyond each end of a percentile interval at `level`, of 2 `prompts` or more.

    With their number the percentiles are moved outwards, as few prompts make draws vary too little: by the ratio of
    Student's t to the normal, and by √(n / (n − 1)) (Hesterberg 2015, "expanded percentile").
    """
    plain = (1 - level) / 2
    if prompts is None:
        return plain
    return float(ndtr(stdtrit(prompts - 1, plain) * np.sqrt(prompts / (prompts - 1))))
