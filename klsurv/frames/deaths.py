"""How each trajectory ended. In: observed trajectories. Out: one row each, with the outcome and its token."""

from __future__ import annotations

import polars as pl

from klsurv.exprs.death import event, measured


def deaths(trajectories: pl.LazyFrame) -> pl.LazyFrame:
    """Columns cell, alpha, prompt, outcome and t (tokens: death_t, else gen_len).

    The outcome is `died`, `eos`, `running`, or `unmeasured`, which is neither death nor survival (R9): what ends a life
    was not measured at any fork, or, of the event kl, at any token.
    """
    died = event()
    known = pl.col("seen").is_not_null() if "seen" in trajectories.collect_schema() else measured()
    alive = pl.when(pl.col("end") == "eos").then(pl.lit("eos")).otherwise(pl.lit("running"))
    return trajectories.select(
        "cell",
        "alpha",
        "prompt",
        outcome=pl.when(died).then(pl.lit("died")).when(~known).then(pl.lit("unmeasured")).otherwise(alive),
        t=pl.when(died).then("death_t").otherwise("gen_len"),
    )
