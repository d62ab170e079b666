"""The long frames. In: trajectories, one row each. Out: one row per token (tables `long` and `scored`)."""

from __future__ import annotations

import polars as pl

from klsurv.exprs.death import alive, running_min
from klsurv.frames.score import score, smooth
from klsurv.params import Scoring
from klsurv.schema import LONG, SCORED


def long(source: pl.LazyFrame) -> pl.LazyFrame:
    """Explode trajectories into the table `long`: a row per token, and one per fork past the last token.

    Order: as `source`, then t. pmass is null where t is no fork.
    """
    return _explode(source, "kl").select(LONG.names)


def scored(source: pl.LazyFrame, *, scoring: Scoring) -> pl.LazyFrame:
    """Explode and score: the table `scored`, rows as in `long`.

    kl_smooth is null at a fork past the last token; kl_rel also where the trajectory has no scale.
    """
    rows = score(source, scoring=scoring).pipe(smooth, scoring=scoring)
    pmass_min = pl.col("pmass").list.eval(running_min(pl.element()))
    return (
        _explode(rows.with_columns(pmass_min=pmass_min), "kl", "kl_smooth")
        .with_columns(pl.col("pmass_min").forward_fill().over("row"))
        .with_columns(
            kl_rel=pl.col("kl_smooth") / pl.col("scale"),
            alive=alive(pl.col("pmass_min"), threshold=scoring.threshold),
        )
        .select(SCORED.names)
    )


def n_rows(rollouts: pl.LazyFrame) -> pl.LazyFrame:
    """Measured trajectories, with how many rows each has in `long` and `scored`, and how many of these a pmass.

    The columns are `n_rows` and `n_pmass`; rows and order stay.
    """
    rows = rollouts.with_row_index("row")
    forks = rows.select("row", "length", "fork", "pmass").explode("fork", "pmass")
    past = forks.filter(pl.col("pmass").is_not_null(), pl.col("fork") >= pl.col("length"))
    more = past.group_by("row").agg(more=pl.len().cast(pl.Int64))
    return (
        rows.join(more, on="row", how="left", maintain_order="left")
        .with_columns(
            n_rows=pl.col("length") + pl.col("more").fill_null(0),
            n_pmass=pl.col("pmass").list.drop_nulls().list.len().cast(pl.Int64),
        )
        .drop("row", "more")
    )


def _explode(rows: pl.LazyFrame, *series: str) -> pl.LazyFrame:
    """One row per token of the KL, or per measured fork past it; what hangs on a fork stands at its token."""
    rows = rows.with_row_index("row")
    names = rows.collect_schema().names()
    at_fork = [name for name in ("pmass", "pmass_min") if name in names]
    lists = {*series, *at_fork, "fork", "kl", "kl_smooth"} & set(names)
    facts = rows.drop(lists)
    tokens = rows.select("row", *series, t=pl.int_ranges(0, pl.col("kl").list.len())).explode("t", *series)
    forks = rows.select("row", *at_fork, t="fork").explode("t", *at_fork).filter(pl.col("pmass").is_not_null())
    return (
        tokens.join(forks, on=["row", "t"], how="full", coalesce=True)
        .sort("row", "t")
        .join(facts, on="row", how="left", maintain_order="left")
    )
