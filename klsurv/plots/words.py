"""What is written over a figure. In: runs and options. Out: title, and model, layers, window, event, n beneath it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from klsurv.charts.page import SUBTITLE, Words, doses, short
from klsurv.names import some
from klsurv.params import ScoringOptions, outcome
from klsurv.wording import death, trajectories

if TYPE_CHECKING:
    from klsurv.runs import Runs

# Letters of the models' names that are shown, at least and at most.
_MODELS = (20, 50)


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
    layers = rows.get_column("layer").n_unique()
    # Curves may pool them, which of one goes without saying.
    parts = [f"{layers} layers."] * (layers > 1)
    if windows:
        parts.append(f"window={some(windows, 6)}.")
    if len(runs.alphas) == 1:
        parts.append(f"α = {doses(runs.alphas)[0]}.")
    if n is not None:
        parts.append(f"n={trajectories(n)}.")
    what = death(scoring, chosen) if event is None else event
    if what:
        parts.append(what[0].upper() + what[1:] + ".")
    rest = " ".join(["", *parts])
    # Names give way to what follows them, of which a part cut out would be wrong.
    room = min(_MODELS[1], max(_MODELS[0], SUBTITLE - len(f"Model: .{rest}")))
    return Words(title, f"Model: {short(', '.join(models) or 'unknown', room)}.{rest}")
