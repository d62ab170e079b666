"""Evidence that is there twice. In: trajectories without KL. Out: which cells hold copies of the same trajectories."""

from __future__ import annotations

import polars as pl


def duplicates(rollouts: pl.LazyFrame) -> pl.LazyFrame:
    """One row per set of cells that share trajectories: `cells` (sorted names), `alphas`, `n` (how many they share).

    Copies have the same alpha, prompt, model, length, KL (by `kl_digest`) and pmass, value for value; decoding is
    greedy, so another seed with the same vector gives them. Trajectories without a measured fork are passed over.
    """
    same = ["alpha", "prompt", "model", "gen_len", "kl_digest", "fork", "pmass"]
    # Few share a digest, and lists are slow to compare.
    return (
        rollouts.filter(pl.col("pmass").list.drop_nulls().list.len() > 0)
        .select("cell", *same)
        .filter(pl.len().over("alpha", "prompt", "gen_len", "kl_digest") > 1)
        .group_by(same)
        .agg(cells=pl.col("cell").unique().sort())
        .filter(pl.col("cells").list.len() > 1)
        .group_by("cells")
        .agg(alphas=pl.col("alpha").unique().sort(), n=pl.len().cast(pl.Int64))
        .sort("cells")
    )
