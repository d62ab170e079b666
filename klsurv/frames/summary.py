"""The summary. In: scored trajectories. Out: one row per group with counts (R6, R8, R9), KL quantiles and lifetimes."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from klsurv.exprs.death import died_within
from klsurv.frames.risk import lifetimes, risk, survival
from klsurv.schema import SUMMARY


def summary(trajectories: pl.LazyFrame, *, by: Sequence[str]) -> pl.LazyFrame:
    """Summarise each group, sorted by `by`: the columns `by`, then those of the table `summary`.

    Counts are of trajectories; KL quantiles are over the finite raw values inside the length (nats), null where there
    are none. n_events + n_eos + n_running = n in every row.
    """
    finite = pl.element().filter(pl.element().is_finite())
    kl = (
        trajectories.group_by(by)
        .agg(pl.col("kl").explode())
        .select(
            *by,
            *(
                pl.col("kl").list.agg(finite.quantile(q / 100, interpolation="linear")).alias(f"kl_p{q}")
                for q in (50, 95, 99)
            ),
        )
    )
    lives = risk(trajectories, by=by).pipe(survival, by=by).pipe(lifetimes, by=by)
    return (
        trajectories.group_by(by)
        .agg(counts())
        .join(kl, on=by, how="left", nulls_equal=True)
        .join(lives, on=by, how="left", nulls_equal=True)
        .sort(by, nulls_last=True)
        .select(*by, *SUMMARY.names)
    )


def each_dose(table: pl.LazyFrame, *, alphas: Sequence[float]) -> pl.LazyFrame:
    """A table with a row per alpha, with a row for each of `alphas`, in their order: counts are 0 where it had none."""
    doses = pl.LazyFrame({"alpha": alphas}, schema={"alpha": pl.Float64})
    counted = [name for name in table.collect_schema().names() if name == "n" or name.startswith("n_")]
    return doses.join(table, on="alpha", how="left", maintain_order="left").with_columns(pl.col(counted).fill_null(0))


def counts() -> list[pl.Expr]:
    """The counts of a group of scored trajectories, each an aggregation named as in the table `summary`."""
    seen = pl.col("drawn") & (pl.col("length") >= 2)
    event = died_within(pl.col("death_t"), pl.col("gen_len"))
    eos = pl.col("end") == "eos"
    failed = (pl.col("n_kl_failed") > 0) | (pl.col("n_pmass_failed") > 0)
    flags = {
        "n_skipped": ~pl.col("drawn"),
        "n_died": seen & died_within(pl.col("death_t"), pl.col("length") - 1),
        "n_censored": seen & eos,
        "n_events": event,
        "n_eos": ~event & eos,
        "n_running": ~event & ~eos,
        "n_failed": failed,
    }
    tallies = [flag.sum().cast(pl.Int64).alias(name) for name, flag in flags.items()]
    return [pl.len().cast(pl.Int64).alias("n"), *tallies]
