"""One trajectory, fork by fork. In: scored trajectories. Out: pmass, alive and KL at each fork it reached."""

from __future__ import annotations

import polars as pl

from klsurv.exprs.death import alive, running_min
from klsurv.frames.score import smooth
from klsurv.params import Scoring


def story(trajectories: pl.LazyFrame, *, scoring: Scoring) -> pl.LazyFrame:
    """One row per fork ≤ gen_len of one trajectory: fork, pmass, pmass_min, alive, kl_smooth (nats), kl_rel.

    KL is null at a fork past the last token; kl_rel too where there is no scale.
    """
    at = pl.col("fork")
    return (
        trajectories.pipe(smooth, scoring=scoring)
        .select("gen_len", "scale", "kl_smooth", "fork", "pmass")
        .explode("fork", "pmass")
        .filter(at <= pl.col("gen_len"))
        .with_columns(
            kl_smooth=pl.col("kl_smooth").list.get(at, null_on_oob=True), pmass_min=running_min(pl.col("pmass"))
        )
        .select(
            "fork",
            "pmass",
            "pmass_min",
            "kl_smooth",
            alive=alive(pl.col("pmass_min"), threshold=scoring.threshold),
            kl_rel=pl.col("kl_smooth") / pl.col("scale"),
        )
    )
