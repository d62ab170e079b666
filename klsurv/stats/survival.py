"""Survival by fork. In: counts at risk (`frames.risk`). Out: the table `survival`, and what its curves give."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from klsurv.exprs import kaplan_meier as km
from klsurv.inference import Interval

KAPLAN_MEIER, TURNBULL = "kaplan-meier", "turnbull"
_FORK, _S, _LEFT = pl.col("fork"), pl.col("survival"), pl.col("left")


def survival(
    risk: pl.DataFrame, *, by: Sequence[str], interval: Interval, brackets: pl.DataFrame | None = None
) -> pl.DataFrame:
    """The table `survival` behind the columns `by`; rows and order as in `risk`.

    A further column `left` (tokens) says that S fell in (left, fork], where it did.

    Groups that have `brackets` (those that mix fork grids) are estimated by Turnbull's NPMLE, without errors and
    intervals; all others by Kaplan–Meier, all at once.
    """
    table = risk.lazy().with_columns(hazard=km.hazard(pl.col("n_events"), pl.col("n_risk")))
    table = table.with_columns(
        survival=km.survival(pl.col("hazard")).over(by),
        left=_FORK.shift(1).fill_null(0).over(by),
        estimator=pl.lit(KAPLAN_MEIER),
    )
    if brackets is not None and not brackets.is_empty():
        table = pl.concat(
            [
                table.join(brackets.lazy().select(by).unique(), on=by, how="anti", nulls_equal=True),
                *(_turnbull(table, part, by=by) for part in brackets.partition_by(by, maintain_order=True)),
            ]
        ).sort(*by, "fork", nulls_last=True)
    exact = pl.col("estimator") == KAPLAN_MEIER
    error = km.std_error(_S, km.greenwood(pl.col("n_events"), pl.col("n_risk"))).over(by)
    low, high = km.bounds(_S, pl.col("std_error"), pl.col("n_risk"), interval=interval)
    # Where the last one at risk dies, that one alone would leave S open up to 0.975; but S is no higher than before.
    # Whoever was not measured there and is at risk later is alive, and makes no death more certain.
    some = _S > km.TOLERANCE
    falls = ~some & some.shift(1).fill_null(True)
    before = pl.when(some).then("ci_high").forward_fill().over(by)
    none_left = pl.when(falls).then("ci_high").forward_fill().over(by)
    return (
        table.with_columns(std_error=pl.when(exact).then(error))
        .with_columns(ci_low=pl.when(exact).then(low), ci_high=pl.when(exact).then(high))
        .with_columns(ci_high=pl.min_horizontal(before, none_left))
        .select(*risk.columns, "hazard", "survival", "std_error", "ci_low", "ci_high", "estimator", "left")
        .collect()
    )


def _turnbull(table: pl.LazyFrame, brackets: pl.DataFrame, *, by: Sequence[str]) -> pl.LazyFrame:
    """The rows of one group with Turnbull's S, and the hazard that goes with it."""
    from klsurv.stats.turnbull import turnbull

    starts, ends, values = turnbull(
        brackets.get_column("left").cast(pl.Float64).to_numpy(),
        brackets.get_column("right").cast(pl.Float64).fill_null(float("inf")).to_numpy(),
        brackets.get_column("n").cast(pl.Float64).to_numpy(),
    )
    steps = pl.LazyFrame({"fork": ends, "step": values, "start": starts.clip(0)})
    group = table.join(brackets.lazy().select(by).unique(), on=by, how="semi", nulls_equal=True)
    before = _S.shift(1).fill_null(1.0)
    return (
        group.with_columns(at=_FORK.cast(pl.Float64))
        .sort("at")
        .join_asof(steps, left_on="at", right_on="fork")
        .with_columns(
            survival=pl.col("step").fill_null(1.0),
            left=pl.col("start").cast(pl.Int64),
            estimator=pl.lit(TURNBULL),
        )
        .with_columns(hazard=pl.when(before > km.TOLERANCE).then(1 - _S / before).otherwise(0.0))
        .select(table.collect_schema().names())
    )


def tau(survival: pl.DataFrame, *, by: Sequence[str]) -> int | None:
    """The smallest last fork of the groups (tokens); None where there is no fork.

    A group's last fork is the last at which any is at risk; where all have died by then, S is 0 ever after and the
    group sets no limit.
    """
    last: int | None = survival.select(_FORK.max()).item()
    alive = seen(survival, by=by)
    return last if alive is None else alive


def seen(survival: pl.DataFrame, *, by: Sequence[str]) -> int | None:
    """The smallest last fork of the groups that are alive after theirs (tokens); None where all have died.

    Of one that has died S is known for ever.
    """
    found: int | None = _followed(survival, by=by).select(pl.col("last").filter("alive").min()).item()
    return found


def limiting(survival: pl.DataFrame, *, by: Sequence[str]) -> pl.DataFrame:
    """The groups that set tau, where another was followed for more than twice as long: `by`, last, longest (tokens)."""
    followed = _followed(survival, by=by).with_columns(longest=pl.col("last").max())
    first = pl.col("last") == pl.col("last").filter("alive").min()
    early = followed.filter(pl.col("alive"), first, 2 * pl.col("last") < pl.col("longest"))
    return early.drop("alive").sort(by, nulls_last=True)


def _followed(survival: pl.DataFrame, *, by: Sequence[str]) -> pl.DataFrame:
    """Per group the last fork at which any is at risk (`last`), and whether one is alive after it."""
    return survival.group_by(by).agg(last=_FORK.max(), alive=_S.min() > km.TOLERANCE)


def lifetimes(survival: pl.DataFrame, *, by: Sequence[str], tau_at: int | None = None) -> pl.DataFrame:
    """What each group's curve gives, one row per group, in order: median, restricted mean, S at its last fork.

    Columns: `by`, median, median_left, median_low, median_high, rmst, rmst_left, rmst_error, tau (tokens),
    survival_end, end_low, end_high (probabilities). `tau_at` takes the place of the smallest last fork.
    """
    reach = tau(survival, by=by) if tau_at is None else tau_at
    rows = survival.with_columns(tau=pl.lit(reach, pl.Int64))
    exact = pl.col("estimator").first() == KAPLAN_MEIER
    greenwood = km.greenwood(pl.col("n_events"), pl.col("n_risk"))
    error = km.restricted_mean_error(_FORK, _S, greenwood, tau=pl.col("tau"))
    return rows.group_by(by, maintain_order=True).agg(
        median=km.median(_FORK, _S),
        median_left=km.median(_LEFT, _S),
        median_low=km.median(_FORK, pl.col("ci_low")),
        median_high=km.median(_FORK, pl.col("ci_high")),
        rmst=km.restricted_mean(_FORK, _S, tau=pl.col("tau")),
        rmst_left=km.restricted_mean_left(_FORK, _S, _LEFT, tau=pl.col("tau")),
        rmst_error=pl.when(exact).then(error),
        tau=pl.col("tau").first(),
        survival_end=_S.last(),
        end_low=pl.col("ci_low").last(),
        end_high=pl.col("ci_high").last(),
    )
