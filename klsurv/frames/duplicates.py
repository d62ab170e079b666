"""Evidence that is there twice. In: raw trajectories. Out: which cells hold copies of the same trajectories."""

from __future__ import annotations

import polars as pl


def duplicates(source: pl.LazyFrame) -> pl.LazyFrame:
    """One row per set of cells that share trajectories: `cells` (sorted names), `alphas`, `n` (how many they share).

    Copies have the same alpha, prompt, model, length, KL and pmass, value for value; decoding is greedy, so another
    seed with the same vector gives them. Trajectories without a measured fork are passed over.
    """
    same = ["alpha", "prompt", "model", "gen_len", "fork", "pmass", "kl"]
    # Hashes first: whole lists are compared only where these agree.
    hashes = {f"{name}_hash": pl.col(name).hash() for name in ("kl", "pmass")}
    candidates = (
        source.filter(pl.col("pmass").list.drop_nulls().list.len() > 0)
        .select("cell", *same, **hashes)
        .filter(pl.len().over("alpha", "prompt", "gen_len", *hashes) > 1)
    )
    return (
        candidates.group_by(same)
        .agg(cells=pl.col("cell").unique().sort())
        .filter(pl.col("cells").list.len() > 1)
        .group_by("cells")
        .agg(alphas=pl.col("alpha").unique().sort(), n=pl.len().cast(pl.Int64))
        .sort("cells")
    )
