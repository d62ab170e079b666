"""How each trajectory ended. In: observed trajectories. Out: one row each, with the outcome and its token."""

from __future__ import annotations

import polars as pl

from klsurv.exprs.death import event


def deaths(trajectories: pl.LazyFrame) -> pl.LazyFrame:
    """Columns cell, alpha, prompt, outcome (`died`, `eos`, `running`) and t (tokens: death_t, else gen_len)."""
    died = event()
    alive = pl.when(pl.col("end") == "eos").then(pl.lit("eos")).otherwise(pl.lit("running"))
    return trajectories.select(
        "cell",
        "alpha",
        "prompt",
        outcome=pl.when(died).then(pl.lit("died")).otherwise(alive),
        t=pl.when(died).then("death_t").otherwise("gen_len"),
    )
