"""What comparing groups takes. In: lives. Out: counts at risk as arrays, and prompts resampled."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor

import polars as pl

from klsurv.fanout import Progress
from klsurv.frames.grids import agreeing
from klsurv.frames.risk import risk
from klsurv.inference import Resampling
from klsurv.stats import survival as surviving
from klsurv.stats.counted import Counted, Floats, counted
from klsurv.stats.resample import Draws, bootstrap, weights


def by_grid(lives: pl.DataFrame, strata: Sequence[str]) -> tuple[pl.DataFrame, tuple[str, ...]]:
    """Lives and strata such that all within a stratum were looked at on grids that agree."""
    classes = agreeing(lives.lazy()).collect()
    if classes.get_column("grid").n_unique() <= 1:
        return lives, tuple(strata)
    return lives.join(classes, on="fork", how="left", maintain_order="left"), (*strata, "grid")


def count(lives: pl.DataFrame, by: Sequence[str], strata: Sequence[str]) -> Counted:
    """The counts at risk of each group in each stratum."""
    return counted(risk(lives.lazy(), by=[*by, *strata]).collect(), by=by, strata=strata)


def resampled(
    lives: pl.DataFrame,
    curves: pl.DataFrame,
    *,
    by: Sequence[str],
    tau: int | None,
    resampling: Resampling,
    progress: Progress | None,
    executor: Executor | None,
) -> Draws | None:
    """Draws of whole prompts for each group of `curves`, in order; NaN where S is Turnbull's: counts do not give it.

    None where nothing is to be drawn: no draws are asked for, no fork was measured, or each group is one prompt.
    """
    if resampling.draws == 0 or tau is None or "prompt" in by:
        return None
    draws = bootstrap(count(lives, by, ["prompt"]), tau=tau, resampling=resampling, step=progress, executor=executor)
    exact = curves.group_by(by, maintain_order=True).agg(pl.col("estimator").first() == surviving.KAPLAN_MEIER)
    other = ~exact.get_column("estimator").to_numpy()
    draws.rmst[other], draws.survival[other] = float("nan"), float("nan")
    return draws


def prompts_drawn(lives: pl.DataFrame, resampling: Resampling) -> tuple[pl.DataFrame, Floats]:
    """The prompts with their index, and draws of them."""
    prompts = lives.select(pl.col("prompt").unique().sort()).with_row_index("index")
    # Without a prompt there is no group whose draws would be looked at.
    draws = weights(max(prompts.height, 1), resampling=resampling)
    return prompts.with_columns(pl.col("index").cast(pl.Int64)), draws
