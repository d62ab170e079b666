"""Simulate sweeps whose KL spikes come before deaths, or do nothing. In: a generator, a ratio. Out: a frame to scan.

Forks lie 20 tokens apart. KL is noise below a trajectory's own level, which it just reaches once in each interval
between forks; in a spike the 10 tokens in the middle of an interval are doubled. So the highest KL of an interval is 1
or 2 times the own scale, which is the level, exactly, and a spike is one doubling.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from klsurv.params import ScoringOptions

STEP, INTERVALS = 20, 10
BURST = slice(5, 15)
ALPHAS = (1.0, 2.0)
# With these options the own scale is the level: KL is left as it is, and the first interval is the one that sets it.
SCORING: ScoringOptions = {"roll": 1, "calib_tokens": STEP, "threshold": 0.5}
# Lags of the interval before that in which death came, and of its spike.
N_LAGS = 2 * STEP
SPIKE_LAGS = range(BURST.start - N_LAGS, BURST.stop - N_LAGS)


def sweep(
    rng: np.random.Generator,
    *,
    ratio: float,
    prompts: int,
    seeds: int = 3,
    hazard: float = 0.07,
    spikes: float = 0.25,
) -> pl.DataFrame:
    """A sweep in the layout `trajectories`: one row per cell (a seed), alpha and prompt.

    The hazard of death in an interval is `ratio` times as high after an interval with a spike, and proportional to
    alpha; it does not depend on the level, which the early KL shows.

    Args:
        rng: the source of all that is random.
        ratio: of the hazard after a spike to that after none.
        prompts: how many there are in each cell.
        seeds: how many cells.
        hazard: of an interval after no spike, at alpha = 1.
        spikes: share of intervals with a spike; the first, which sets the scale, has none.
    """
    keys = [(seed, alpha, prompt) for seed in range(seeds) for alpha in ALPHAS for prompt in range(prompts)]
    n, window = len(keys), STEP * INTERVALS
    alpha = np.array([key[1] for key in keys])
    kl = rng.uniform(0.2, 1.0, (n, INTERVALS, STEP))
    top = rng.integers(BURST.start, BURST.stop, (n, INTERVALS))
    np.put_along_axis(kl, top[..., None], 1.0, axis=2)
    # The 95th percentile of 20 values lies between the two highest: both are the level.
    kl[:, 0, 0] = 1.0
    spiked = rng.random((n, INTERVALS)) < spikes
    spiked[:, 0] = False
    kl[:, :, BURST] *= np.where(spiked, 2.0, 1.0)[..., None]
    kl *= (alpha**2 * rng.lognormal(-3, 0.5, n))[:, None, None]
    before = np.concatenate([np.zeros((n, 1)), spiked[:, :-1]], axis=1)
    dies = rng.random((n, INTERVALS)) < 1 - np.exp(-hazard * alpha[:, None] * ratio**before)
    dead = np.cumsum(dies, axis=1) > 0
    pmass = np.concatenate([np.full((n, 1), 0.95), np.where(dead, 0.1, 0.95)], axis=1)
    gen_len = np.minimum(rng.exponential(3 * window, n).astype(int) + 1, window)
    return pl.DataFrame(
        {
            "cell": [f"s{key[0]}" for key in keys],
            "seed": [key[0] for key in keys],
            "window": window,
            "alpha": alpha,
            "prompt": [key[2] for key in keys],
            "gen_len": gen_len,
            "kl": [row[:length].tolist() for row, length in zip(kl.reshape(n, window), gen_len, strict=True)],
            "fork": [list(range(0, window + 1, STEP))] * n,
            "pmass": pmass.tolist(),
        }
    )
