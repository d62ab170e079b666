"""How much of it is the threshold? In: counts by threshold (`frames.thresholds`). Out: the table `threshold`."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from klsurv.exprs import kaplan_meier as km


def threshold(risk: pl.DataFrame, n: pl.DataFrame, *, by: Sequence[str]) -> pl.DataFrame:
    """One row per group and threshold: `by`, threshold, n, n_events, survival_end, median, recovery.

    `n` holds the columns `by` and n, the trajectories of each group, those never measured too.
    """
    groups = [*by, "threshold"]
    return (
        risk.lazy()
        .with_columns(hazard=km.hazard(pl.col("n_events"), pl.col("n_risk")))
        .with_columns(survival=km.survival(pl.col("hazard")).over(groups))
        .group_by(groups, maintain_order=True)
        .agg(
            pl.col("n_events").sum(),
            survival_end=pl.col("survival").last(),
            median=km.median(pl.col("fork"), pl.col("survival")),
            n_recovered=pl.col("n_recovered").sum(),
        )
        .join(n.lazy(), on=list(by), how="left", nulls_equal=True, maintain_order="left")
        .with_columns(recovery=pl.when(pl.col("n_events") > 0).then(pl.col("n_recovered") / pl.col("n_events")))
        .select(*groups, "n", "n_events", "survival_end", "median", "recovery")
        .collect()
    )
