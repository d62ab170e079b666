"""Every threshold at once. In: scored trajectories. Out: counts at risk by group, fork and threshold.

A fork is at risk for all thresholds that the lowest pmass before it does not fall below, and is a death for those among
them that its own does: two ranges of thresholds, so that the forks are read once, however many thresholds there are.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from klsurv.inference import Thresholds


def ranges(trajectories: pl.LazyFrame, *, by: Sequence[str], thresholds: Thresholds) -> pl.LazyFrame:
    """How many forks fare alike under each threshold: `by`, fork, alive, dead, back, n (Int64).

    Thresholds are numbered in ascending order. The fork is at risk for those numbered 0 … `alive` − 1; of these it is a
    death from number `dead` on; a later pmass reaches those numbered 0 … `back` − 1. Death takes so many measured forks
    in a row below the threshold as `thresholds.consecutive` says, and is at the last of these.
    """
    # Sorted and exact, so that a pmass that is the threshold lies above it.
    steps = pl.lit(pl.Series(thresholds.values, dtype=pl.Float64))
    rows = trajectories.select(*by, "gen_len", "fork", "pmass").with_row_index("row")
    # The highest of the last few: that is below the threshold where they all are.
    highest = pl.col("pmass").rolling_max(thresholds.consecutive).fill_null(1.0)
    forks = (
        rows.explode("fork", "pmass")
        .filter((pl.col("fork") <= pl.col("gen_len")) & pl.col("pmass").is_not_null())
        .with_columns(highest=highest.over("row") if thresholds.consecutive > 1 else pl.col("pmass"))
        .with_columns(
            lowest=pl.col("highest").cum_min().over("row"),
            later=pl.col("pmass").cum_max(reverse=True).shift(-1).over("row"),
        )
        .with_columns(before=pl.col("lowest").shift(1).over("row"))
    )
    reached = {
        "alive": pl.col("before").fill_null(2.0),
        "dead": pl.col("lowest"),
        "back": pl.col("later").fill_null(-1.0),
    }
    return (
        forks.with_columns(
            steps.search_sorted(value, side="right").cast(pl.Int64).alias(name) for name, value in reached.items()
        )
        .filter(pl.col("alive") > 0)
        .group_by(*by, "fork", "alive", "dead", "back")
        .agg(n=pl.len().cast(pl.Int64))
    )


def at_thresholds(ranges: pl.LazyFrame, *, by: Sequence[str], thresholds: Thresholds) -> pl.LazyFrame:
    """The counts of each threshold: `by`, threshold, fork, n_risk, n_events, n_recovered; sorted in this order."""
    steps = pl.LazyFrame(
        {"threshold": thresholds.values, "step": range(thresholds.steps)},
        schema={"threshold": pl.Float64, "step": pl.Int64},
    )
    died = pl.col("step") >= pl.col("dead")
    return (
        ranges.join(steps, how="cross")
        .filter(pl.col("step") < pl.col("alive"))
        .group_by(*by, "threshold", "fork")
        .agg(
            n_risk=pl.col("n").sum(),
            n_events=pl.col("n").filter(died).sum(),
            n_recovered=pl.col("n").filter(died & (pl.col("step") < pl.col("back"))).sum(),
        )
        .sort(*by, "threshold", "fork", nulls_last=True)
    )
