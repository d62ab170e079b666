"""Who is still running at which token. In: observed trajectories. Out: steps for Aalen–Johansen, in order of time."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from klsurv.exprs.death import event
from klsurv.frames.risk import risk

DEATH, EOS = 0, 1


def steps(trajectories: pl.LazyFrame, *, by: Sequence[str]) -> pl.LazyFrame:
    """One row per group, token and way to end: `by`, t (tokens), way (0 death, 1 EOS), n_risk, n_events.

    A death is at its fork and its n_risk are those measured there, not dead before (R8); an EOS is at gen_len, its
    n_risk those that generated that far, dead neither before nor there. Sorted by group, t, way: deaths come first.
    """
    deaths = risk(trajectories, by=by).select(
        *by, pl.col("fork").alias("t"), pl.lit(DEATH, pl.Int8).alias("way"), "n_risk", "n_events"
    )
    died = event()
    leaves = trajectories.select(
        *by,
        t=pl.when(died).then("death_t").otherwise("gen_len"),
        died=died,
        eos=~died & (pl.col("end") == "eos"),
    )
    counted = leaves.group_by(*by, "t").agg(
        gone=pl.len().cast(pl.Int64),
        died=pl.col("died").sum().cast(pl.Int64),
        n_events=pl.col("eos").sum().cast(pl.Int64),
    )
    present = pl.col("gone").cum_sum(reverse=True).over(by, order_by="t")
    ends = (
        counted.with_columns(n_risk=present - pl.col("died"), way=pl.lit(EOS, pl.Int8))
        .filter(pl.col("n_events") > 0)
        .select(*by, "t", "way", "n_risk", "n_events")
    )
    return pl.concat([deaths, ends]).sort(*by, "t", "way", nulls_last=True)
