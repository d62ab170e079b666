"""What is written over a figure. In: runs and options. Out: title, and the model, window, event and n beneath it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from klsurv.charts.page import Words, short
from klsurv.names import some
from klsurv.params import ScoringOptions, outcome
from klsurv.wording import death

if TYPE_CHECKING:
    from klsurv.runs import Runs


def words(
    runs: Runs,
    title: str,
    options: ScoringOptions,
    *,
    n: int | None = None,
    event: str | None = None,
) -> Words:
    """Title and subtitle; `n` trajectories, where that says something; `event`: what a death is (none: empty)."""
    rows = runs.rollouts()
    models = rows.get_column("model").unique().sort(nulls_last=True).fill_null("unknown").to_list()
    scoring, chosen = outcome(options)
    windows = (
        [scoring.window] if scoring.window else rows.select(pl.col("window").unique().sort()).to_series().to_list()
    )
    parts = [f"Model: {short(', '.join(models) or 'unknown', 50)}."]
    if windows:
        parts.append(f"window={some(windows, 6)}.")
    if len(runs.alphas) == 1:
        parts.append(f"α = {runs.alphas[0]}.")
    if n is not None:
        parts.append(f"n={n} trajectories.")
    what = death(scoring, chosen) if event is None else event
    if what:
        parts.append(what[0].upper() + what[1:] + ".")
    return Words(title, " ".join(parts))
