"""R1 to R5 and R9. In: raw trajectories (table `source`). Out: the same rows, scored (`trajectories` and facts)."""

from __future__ import annotations

import polars as pl

from klsurv.exprs.death import death, end
from klsurv.exprs.measure import n_missing, n_negative, n_not_finite
from klsurv.exprs.scale import own_p95
from klsurv.exprs.smooth import edge_mean
from klsurv.params import Scoring

_KL = pl.col("kl")
_X = pl.element()


def score(source: pl.LazyFrame, *, scoring: Scoring) -> pl.LazyFrame:
    """Score each trajectory; row key and order as in `source`, whose facts about the cell stay beside the scores.

    Adds `end`, `length` and `death_t` (tokens), `scale` (nats), `drawn`, `n_kl_failed`, `n_kl_negative` (tokens) and
    `n_pmass_failed` (forks); cuts `kl` to its length. A `window` of the scoring takes the place of the cell's own.
    """
    if scoring.window is not None:
        source = source.with_columns(window=pl.lit(scoring.window, pl.Int64))
    rows = source.with_columns(_KL.list.head("gen_len")).with_row_index("row")
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
        rows.join(forks, on="row", how="left", maintain_order="left")
        .drop("row")
        .with_columns(
            end=end(pl.col("gen_len"), pl.col("window")),
            length=_KL.list.len().cast(pl.Int64),
            scale=_scale(scoring),
            n_kl_failed=_KL.list.agg(n_not_finite(_X)),
            n_kl_negative=_KL.list.agg(n_negative(_X)),
            n_pmass_failed=pl.col("n_pmass_failed").fill_null(0),
        )
        .with_columns(drawn=pl.col("scale").is_not_null() | pl.lit(not scoring.normalize_kl))
    )


def smooth(trajectories: pl.LazyFrame, *, scoring: Scoring) -> pl.LazyFrame:
    """Add `kl_smooth` (a list, nats): KL cut to its length and smoothed (R2). Rows and order stay."""
    return trajectories.with_columns(kl_smooth=_KL.list.eval(edge_mean(_X, width=scoring.roll)))


def _scale(scoring: Scoring) -> pl.Expr:
    # The first smoothed values need no more than this many raw ones, and the cut leaves the edge rule as it is.
    head = _KL.list.head(scoring.calib_tokens + max(scoring.roll, 1))
    return head.list.agg(own_p95(edge_mean(_X, width=scoring.roll), tokens=scoring.calib_tokens))
