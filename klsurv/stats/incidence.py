"""Break, or finish? In: steps (`frames.steps`). Out: the table `incidence`: died, finished and running by fork."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from klsurv.exprs import incidence as aj
from klsurv.exprs.kaplan_meier import hazard
from klsurv.frames.steps import DEATH, EOS

_H, _N, _RUNNING = pl.col("h"), pl.col("n_risk"), pl.col("p_running")


def incidence(steps: pl.DataFrame, *, by: Sequence[str]) -> pl.DataFrame:
    """Aalen–Johansen, all groups at once: `by`, fork (tokens), the three probabilities, then their standard errors.

    A row per fork, just after it, and one for the last EOS where that comes after the last fork. The three add to 1.
    """
    own = {"p_died": pl.col("way") == DEATH, "p_finished": pl.col("way") == EOS}
    rows = (
        steps.lazy()
        .with_columns(h=hazard(pl.col("n_events"), _N))
        .with_columns(p_running=aj.running(_H).over(by))
        .with_columns(aj.incidence(_H, _RUNNING, own=flag).over(by).alias(name) for name, flag in own.items())
        .with_columns(
            *(
                aj.incidence_error(_H, _RUNNING, _N, pl.col(name), own=flag).over(by).alias(f"{name}_error")
                for name, flag in own.items()
            ),
            p_running_error=aj.running_error(_H, _RUNNING, _N).over(by),
        )
    )
    at_fork = (pl.col("way") == DEATH).max().over(*by, "t") | (pl.col("t") == pl.col("t").max().over(by))
    last = pl.struct("t", "way") == pl.struct("t", "way").last().over(*by, "t")
    return (
        rows.filter(at_fork & last)
        .select(
            *by,
            pl.col("t").alias("fork"),
            "p_died",
            "p_finished",
            "p_running",
            "p_died_error",
            "p_finished_error",
            "p_running_error",
        )
        .collect()
    )
