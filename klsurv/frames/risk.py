"""R8. In: scored trajectories. Out: one row per group and fork with n at risk, deaths, censorings and S."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from klsurv.exprs import kaplan_meier as km
from klsurv.exprs.death import at_risk, died_within


def risk(trajectories: pl.LazyFrame, *, by: Sequence[str]) -> pl.LazyFrame:
    """Count over all trajectories of each group, drawn or not: the columns `by`, fork, n_risk, n_events, n_censored.

    A trajectory that never dies is censored at its last measured fork ≤ gen_len. Sorted by group, then fork; forks at
    which none is at risk have no row.
    """
    rows = trajectories.select(*by, "gen_len", "death_t", "fork", "pmass").with_row_index("row")
    forks = rows.explode("fork", "pmass").filter(
        at_risk(pl.col("fork"), pl.col("pmass"), gen_len=pl.col("gen_len"), death_t=pl.col("death_t"))
    )
    event = died_within(pl.col("death_t"), pl.col("fork"))
    last = pl.col("fork") == pl.col("fork").max().over("row")
    return (
        forks.with_columns(event=event, censored=last & ~event)
        .group_by(*by, "fork")
        .agg(
            n_risk=pl.len().cast(pl.Int64),
            n_events=pl.col("event").sum().cast(pl.Int64),
            n_censored=pl.col("censored").sum().cast(pl.Int64),
        )
        .sort(*by, "fork", nulls_last=True)
    )


def survival(risk: pl.LazyFrame, *, by: Sequence[str]) -> pl.LazyFrame:
    """Add `hazard` and `survival` (Kaplan–Meier) to a risk table; rows and order stay."""
    return risk.with_columns(hazard=km.hazard(pl.col("n_events"), pl.col("n_risk"))).with_columns(
        survival=km.survival(pl.col("hazard")).over(by)
    )


def lifetimes(survival: pl.LazyFrame, *, by: Sequence[str]) -> pl.LazyFrame:
    """One row per group: `median` and `rmst` (tokens) to `tau`, the smallest last fork of the groups.

    A group's last fork is the last at which any is at risk; where all have died by then, S is 0 ever after and the
    group sets no limit.
    """
    last = pl.col("fork").max().over(by)
    limit = pl.when(pl.col("survival").min().over(by) > km.TOLERANCE).then(last)
    return (
        survival.with_columns(tau=pl.coalesce(limit.min(), last.max()))
        .group_by(by)
        .agg(
            median=km.median(pl.col("fork"), pl.col("survival")),
            rmst=km.restricted_mean(pl.col("fork"), pl.col("survival"), tau=pl.col("tau")),
            tau=pl.col("tau").first(),
        )
    )
