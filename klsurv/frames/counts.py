"""How many (R6, R8, R9). In: scored trajectories. Out: counts, one row per group."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from klsurv.exprs.death import died_within, event
from klsurv.exprs.measure import failed


def counts() -> list[pl.Expr]:
    """The counts of a group of scored trajectories, each an aggregation named as in the table `summary`."""
    seen = pl.col("drawn") & (pl.col("length") >= 2)
    dies = event()
    eos = pl.col("end") == "eos"
    flags = {
        "n_skipped": ~pl.col("drawn"),
        "n_died": seen & died_within(pl.col("death_t"), pl.col("length") - 1),
        "n_censored": seen & eos,
        "n_events": dies,
        "n_eos": ~dies & eos,
        "n_running": ~dies & ~eos,
        "n_failed": failed(),
    }
    tallies = [flag.sum().cast(pl.Int64).alias(name) for name, flag in flags.items()]
    return [pl.len().cast(pl.Int64).alias("n"), *tallies]


def each_dose(table: pl.LazyFrame, *, by: Sequence[str] = ("alpha",), alphas: Sequence[float]) -> pl.LazyFrame:
    """A table of groups; by alpha alone, a row for each of `alphas`, in their order: counts are 0 where it had none."""
    if list(by) != ["alpha"]:
        return table
    doses = pl.LazyFrame({"alpha": alphas}, schema={"alpha": pl.Float64})
    counted = [name for name in table.collect_schema().names() if name == "n" or name.startswith("n_")]
    return doses.join(table, on="alpha", how="left", maintain_order="left").with_columns(pl.col(counted).fill_null(0))
