"""Frames to scan whose lives are literal or sampled: in deaths, lengths and facts; out the layout `trajectories`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl

from benchmarks.simulated import LOG, lives

Row = dict[str, Any]

FORKS = (0, 3, 10)


def life(death: int | None = None, *, fork: Sequence[int] = FORKS, gen_len: int = 10, **facts: Any) -> Row:
    """One trajectory that dies at the fork `death`; of the method pca, alpha 1, seed 0, prompt 0 if not said."""
    pmass = [0.1 if death is not None and at >= death else 0.9 for at in fork]
    plain: Row = {"method": "pca", "alpha": 1.0, "seed": 0, "prompt": 0, "window": 10, "kl": [0.1] * gen_len}
    return {**plain, "gen_len": gen_len, "fork": list(fork), "pmass": pmass, **facts}


def frame(*rows: Row) -> pl.DataFrame:
    """The rows; a cell is a method and a seed."""
    return pl.DataFrame(rows).with_columns(cell=pl.format("{}_{}", pl.col("method").fill_null("none"), "seed"))


def sampled(
    ratios: dict[str, float], *, prompts: int = 12, alphas: Sequence[float] = (1.0,), seeds: int = 1, draw: int = 0
) -> pl.DataFrame:
    """Lives on log-spaced forks; the hazard is that of the method, times alpha."""
    keys = [
        (method, alpha, seed, prompt)
        for method in ratios
        for alpha in alphas
        for seed in range(seeds)
        for prompt in range(prompts)
    ]
    hazards = np.array([ratios[method] * alpha for method, alpha, _, _ in keys])
    last, died = lives(LOG, np.random.default_rng(draw), (len(keys),), hazards)
    rows = []
    for i, (at, dead, key) in enumerate(zip(last, died, keys, strict=True)):
        facts = dict(zip(("method", "alpha", "seed", "prompt"), key, strict=True))
        end = LOG.forks[at]
        # No two have the same KL, so that none is taken for a copy.
        rows.append(life(end if dead else None, fork=LOG.forks, gen_len=end, window=96, kl=[i / 1000] * end, **facts))
    return frame(*rows)


def copied(source: pl.DataFrame, seed: int = 1) -> pl.DataFrame:
    """The rows once more, in cells of another seed."""
    again = source.with_columns(pl.lit(seed, pl.Int64).alias("seed"), cell=pl.format("{}_{}", "method", pl.lit(seed)))
    return pl.concat([source, again.select(source.columns)])
