"""What was read. In: `cells` and scored trajectories. Out: the table `check`, a row per cell."""

from __future__ import annotations

import polars as pl

from klsurv.schema import CHECK, USABLE

_COUNTS = ["n_kl_failed", "n_kl_negative", "n_pmass_failed"]
_TOLD = pl.col("n_trajectories", *_COUNTS)


def check(cells: pl.LazyFrame, trajectories: pl.LazyFrame) -> pl.LazyFrame:
    """Each cell's status and reason beside what was counted in it; counts are null where it is not usable."""
    counts = trajectories.group_by("cell").agg(pl.col(_COUNTS).sum(), n_trajectories=pl.len().cast(pl.Int64))
    return (
        cells.with_columns(n_alphas=pl.col("alphas").list.len().cast(pl.Int64))
        .join(counts, on="cell", how="left", maintain_order="left")
        # A usable cell may have no trajectory, or none at the alphas that were chosen.
        .with_columns(pl.when(pl.col("status").is_in(USABLE)).then(_TOLD.fill_null(0)))
        .select(CHECK.names)
    )
