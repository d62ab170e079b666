"""R4, R5, R8. In: forks in ascending order, their pmass, the length generated. Out: death, end and risk."""

from __future__ import annotations

import polars as pl


def death(fork: pl.Expr, pmass: pl.Expr, *, threshold: float) -> pl.Expr:
    """First fork (tokens) whose pmass is strictly below the threshold; a missing pmass never kills. Null: never."""
    return fork.filter(pmass < threshold).first()


def running_min(pmass: pl.Expr) -> pl.Expr:
    """Lowest pmass so far, carried over missing ones; null before the first that was measured."""
    return pmass.cum_min().forward_fill()


def alive(pmass_min: pl.Expr, *, threshold: float) -> pl.Expr:
    """Whether no pmass so far was below the threshold; true where none was measured yet."""
    return (pmass_min >= threshold).fill_null(True)


def end(gen_len: pl.Expr, window: pl.Expr) -> pl.Expr:
    """`eos` where the model stopped before the window was full, else `window` (administrative censoring)."""
    return pl.when(gen_len < window).then(pl.lit("eos")).otherwise(pl.lit("window"))


def died_within(death_t: pl.Expr, last: pl.Expr) -> pl.Expr:
    """Whether death came at or before token `last`; false where it never came."""
    return (death_t <= last).fill_null(False)


def event() -> pl.Expr:
    """Whether a scored trajectory died at a fork that it reached (R8)."""
    return died_within(pl.col("death_t"), pl.col("gen_len"))


def measured() -> pl.Expr:
    """Whether pmass of a trajectory was measured at a fork that it reached: else it is never at risk (R8)."""
    first = pl.col("pmass").list.agg(pl.element().is_not_null().arg_true().first())
    return (pl.col("fork").list.get(first) <= pl.col("gen_len")).fill_null(False)


def at_risk(fork: pl.Expr, pmass: pl.Expr, *, gen_len: pl.Expr, death_t: pl.Expr) -> pl.Expr:
    """Whether a trajectory is at risk at a fork: generated that far, not dead before, pmass measured there (R8)."""
    return (fork <= gen_len) & pmass.is_not_null() & (death_t.is_null() | (fork <= death_t))
