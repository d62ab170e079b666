"""R1 to R5 and R9. In: raw trajectories (table `source`). Out: the same rows, measured, then scored.

What takes KL is measured first (`measure`), so that any scoring can be tried on rows that no longer hold it (`judge`):
a sweep of ten thousand cells fits into memory without its KL.

Rows are called by how far they have come, one per cell, alpha and prompt in each: `source` (raw, with KL as a list),
*rollouts* (measured, without KL), *lives* (scored, and observed for an event: who died where).
"""

from __future__ import annotations

import polars as pl

from klsurv.exprs.death import death, end
from klsurv.exprs.measure import n_missing, n_negative, n_not_finite
from klsurv.frames.smooth import early_tokens, with_means, with_scale
from klsurv.params import Scoring

_KL = pl.col("kl")


def measure(source: pl.LazyFrame, *, early: int) -> pl.LazyFrame:
    """R9, and the length that is left by R1: add `length`, `n_kl_failed`, `n_kl_negative` (tokens) of `kl`.

    Adds `early` too, the first so many values of KL (nats). Row key and order as in `source`.
    """
    return source.with_columns(
        length=_KL.list.len().cast(pl.Int64),
        n_kl_failed=n_not_finite(_KL),
        n_kl_negative=n_negative(_KL),
        early=_KL.list.head(early),
    )


def judge(rollouts: pl.LazyFrame, *, scoring: Scoring) -> pl.LazyFrame:
    """R3 to R5 of measured trajectories, with or without their `kl`; row key and order stay, `early` goes.

    Adds `end`, `death_t` (tokens), `scale` (nats), `drawn` and `n_pmass_failed` (forks). A `window` of the scoring
    takes the place of the cell's own. `early` must hold `early_tokens(scoring)` values or all there are.
    """
    rows = windowed(rollouts, scoring=scoring).with_row_index("row")
    forks = (
        rows.select("row", "gen_len", "fork", "pmass")
        .explode("fork", "pmass")
        .group_by("row")
        .agg(
            death_t=death(pl.col("fork"), pl.col("pmass"), threshold=scoring.threshold),
            n_pmass_failed=n_missing(pl.col("fork"), pl.col("pmass"), gen_len=pl.col("gen_len")),
        )
    )
    return (
        with_scale(rows, pl.col("early"), scoring=scoring)
        .join(forks, on="row", how="left", maintain_order="left")
        .with_columns(
            end=end(pl.col("gen_len"), pl.col("window")),
            n_pmass_failed=pl.col("n_pmass_failed").fill_null(0),
        )
        .with_columns(drawn=pl.col("scale").is_not_null() | pl.lit(not scoring.normalize_kl))
        .drop("row", "early")
    )


def score(source: pl.LazyFrame, *, scoring: Scoring) -> pl.LazyFrame:
    """Measure and judge: each trajectory with its `kl`, the facts of its cell and its scores, in order."""
    return measure(source, early=early_tokens(scoring)).pipe(judge, scoring=scoring)


def windowed(rows: pl.LazyFrame, *, scoring: Scoring) -> pl.LazyFrame:
    """The rows with the window that counts as a full rollout."""
    return rows if scoring.window is None else rows.with_columns(window=pl.lit(scoring.window, pl.Int64))


def smooth(trajectories: pl.LazyFrame, *, scoring: Scoring) -> pl.LazyFrame:
    """Add `kl_smooth` (a list, nats): KL, smoothed (R2). Rows and order stay."""
    return with_means(trajectories, _KL, width=scoring.roll, name="kl_smooth")
