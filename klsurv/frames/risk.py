"""R8. In: trajectories, observed for an event. Out: who is at risk at which fork, counted by group."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from klsurv.exprs.death import at_risk, died_within

COUNTS = ("n_risk", "n_events", "n_censored")


def exposures(trajectories: pl.LazyFrame, *, keep: Sequence[str]) -> pl.LazyFrame:
    """One row per trajectory (`row`, its index) and fork at which it is at risk, in order, with the columns `keep`.

    `event`: it dies there; `censored`: it never dies and this is the last fork ≤ gen_len that was measured.
    """
    rows = trajectories.select(*keep, "gen_len", "death_t", "fork", "pmass").with_row_index("row")
    forks = rows.explode("fork", "pmass").filter(
        at_risk(pl.col("fork"), pl.col("pmass"), gen_len=pl.col("gen_len"), death_t=pl.col("death_t"))
    )
    event = died_within(pl.col("death_t"), pl.col("fork"))
    last = pl.col("row") != pl.col("row").shift(-1)
    return forks.with_columns(event=event, censored=last.fill_null(True) & ~event)


def risk(trajectories: pl.LazyFrame, *, by: Sequence[str]) -> pl.LazyFrame:
    """Count over all trajectories of each group, drawn or not: the columns `by`, fork, n_risk, n_events, n_censored.

    Sorted by group, then fork; forks at which none is at risk have no row.
    """
    return (
        exposures(trajectories, keep=by)
        .group_by(*by, "fork")
        .agg(
            n_risk=pl.len().cast(pl.Int64),
            n_events=pl.col("event").sum().cast(pl.Int64),
            n_censored=pl.col("censored").sum().cast(pl.Int64),
        )
        .sort(*by, "fork", nulls_last=True)
    )


def merged(risk: pl.LazyFrame, *, by: Sequence[str]) -> pl.LazyFrame:
    """The counts of finer groups added up to those of `by`; sorted as `risk` sorts."""
    return risk.group_by(*by, "fork").agg(pl.col(COUNTS).sum()).sort(*by, "fork", nulls_last=True)
