"""What ends a life, as a choice. In: scored trajectories. Out: the same rows, observed for that event."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import polars as pl

from klsurv.exprs.death import event
from klsurv.params import Event

_X = pl.element()
# Exceeds any threshold, and is finite.
_MOST = sys.float_info.max


def observe(trajectories: pl.LazyFrame, *, event: Event) -> pl.LazyFrame:
    """Trajectories whose `death_t` is that of the event; rows and order stay.

    For `pmass` they are so already. For `kl` every token is looked at, and a list of forks would be as long as KL:
    `fork` and `pmass` are empty, death is the first token above the threshold, `last` the last token that was looked at
    (that of death, else of the length; −1 if there is none), `seen` the last of them whose KL is finite (null: none)
    and `gaps` those whose KL is not.
    """
    if event.event == "pmass":
        return trajectories
    above = _X.is_finite() & (_X > event.kl_threshold)
    first = pl.col("kl").list.agg(above.arg_true().first()).cast(pl.Int64)
    finite = _X.is_finite().fill_null(False)
    return (
        trajectories.with_columns(death_t=first)
        .with_columns(last=pl.col("death_t").fill_null(pl.col("length") - 1))
        .with_columns(looked=pl.col("kl").list.head(pl.col("last") + 1))
        .with_columns(
            fork=pl.lit([], pl.List(pl.Int64)),
            pmass=pl.lit([], pl.List(pl.Float64)),
            seen=pl.col("looked").list.agg(finite.arg_true().last()).cast(pl.Int64),
            gaps=pl.col("looked").list.eval((~finite).arg_true()).cast(pl.List(pl.Int64)),
        )
        .drop("looked")
    )


def failures_as(source: pl.LazyFrame, *, event: Event, dead: bool) -> pl.LazyFrame:
    """Trajectories as they would be if each failed measurement (R9) had been a death, or a survival."""
    if event.event == "pmass":
        return source.with_columns(pl.col("pmass").list.eval(_X.fill_null(0.0 if dead else 1.0)))
    return source.with_columns(
        pl.col("kl").list.eval(pl.when(_X.is_finite()).then(_X).otherwise(_MOST if dead else 0.0))
    )


def recovery(trajectories: pl.LazyFrame, *, by: Sequence[str], threshold: float) -> pl.LazyFrame:
    """Per group with a death, the columns `by` and `recovery`: the share of deaths with a later pmass at the threshold.

    Or above it, at a fork ≤ gen_len: with irreversible death these are dead all the same.
    """
    died = trajectories.filter(event()).with_row_index("row")
    later = (pl.col("fork") > pl.col("death_t")) & (pl.col("fork") <= pl.col("gen_len"))
    above = (pl.col("pmass") >= threshold).fill_null(False)
    return (
        died.select("row", *by, "death_t", "gen_len", "fork", "pmass")
        .explode("fork", "pmass")
        .group_by("row", *by)
        .agg(recovered=(later & above).any())
        .group_by(by)
        .agg(recovery=pl.col("recovered").mean())
    )
