"""R8. In: trajectories, observed for an event. Out: who is at risk at which fork, counted by group."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from klsurv.exprs.death import at_risk, died_within

_COUNTS = ("n_risk", "n_events", "n_censored")


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

    Sorted by group, then fork; forks at which none is at risk have no row. Where every token was looked at (see
    `observe`) each is a fork.
    """
    if "gaps" in trajectories.collect_schema():
        return _at_tokens(trajectories, by=by)
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


def _at_tokens(trajectories: pl.LazyFrame, *, by: Sequence[str]) -> pl.LazyFrame:
    """The same from first and last token: at risk are those who have not left, without those in a gap there."""
    lives = trajectories.filter(pl.col("last") >= 0).select(*by, "last", "seen", "gaps", "death_t")
    n = pl.len().cast(pl.Int64)
    died, censored = pl.col("death_t").is_not_null(), pl.col("death_t").is_null() & pl.col("seen").is_not_null()
    first = pl.lit(0, pl.Int64)
    changes = [
        lives.group_by(*by, fork=first).agg(came=n),
        lives.group_by(*by, fork=pl.col("last") + 1).agg(came=-n),
        lives.select(*by, fork="gaps").explode("fork").drop_nulls("fork").group_by(*by, "fork").agg(away=n),
        lives.filter(died).group_by(*by, fork="death_t").agg(n_events=n),
        lives.filter(censored).group_by(*by, fork="seen").agg(n_censored=n),
        # Every token has its row, though nothing changes there.
        lives.group_by(*by, first.alias("fork"))
        .agg(pl.int_range(pl.col("last").max() + 1).alias("t"))
        .drop("fork")
        .explode("t")
        .rename({"t": "fork"}),
    ]
    return (
        pl.concat(changes, how="diagonal")
        .group_by(*by, "fork")
        .agg(pl.col("came", "away", "n_events", "n_censored").sum())
        .sort(*by, "fork", nulls_last=True)
        # All who came to a group leave it, so that the next one begins at 0.
        .with_columns(pl.col("came").cum_sum() - pl.col("away"))
        .rename({"came": "n_risk"})
        .filter(pl.col("n_risk") > 0)
        .select(*by, "fork", *_COUNTS)
    )
