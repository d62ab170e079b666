"""Does early KL predict late death? In: early KL of those alive at a landmark. Out: concordance with what comes after.

Harrell's C (Harrell et al. 1982), with pairs taken within a dose only, so that the dose itself predicts nothing.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from klsurv.inference import Interval
from klsurv.stats.counted import Floats
from klsurv.stats.resample import band

# Pairs at a time.
_PAIRS = 10_000_000


def concordances(alive: pl.DataFrame, draws: Floats, *, interval: Interval) -> list[dict[str, Any]]:
    """One row per alpha, then one for all; pairs are within an alpha."""
    n_prompts = draws.shape[1]
    once = np.ones((1, n_prompts))
    rows, all_of = [], [np.zeros((n_prompts, n_prompts)), np.zeros((n_prompts, n_prompts))]
    parts = alive.partition_by("alpha", maintain_order=True, as_dict=True)
    tables: list[tuple[float | None, pl.DataFrame, Floats, Floats]] = []
    for dose, of_dose in sorted(parts.items(), key=lambda item: float(item[0][0])):
        found = pairs(of_dose, n_prompts=n_prompts)
        all_of = [all_of[0] + found[0], all_of[1] + found[1]]
        tables.append((float(dose[0]), of_dose, *found))
    for alpha, part, concordant, comparable in [*tables, (None, alive, all_of[0], all_of[1])]:
        point = float(concordance(concordant, comparable, once)[0])
        drawn = concordance(concordant, comparable, draws)
        low, high = band(drawn, interval=interval, prompts=part.get_column("prompt").n_unique())
        rows.append(
            {
                "alpha": alpha,
                "n": part.height,
                "n_events": int(part.get_column("event").sum()),
                "n_pairs": int(comparable.sum()),
                "concordance": point if np.isfinite(point) else None,
                "ci_low": low,
                "ci_high": high,
            }
        )
    return rows


def pairs(rows: pl.DataFrame, *, n_prompts: int) -> tuple[Floats, Floats]:
    """Concordant and comparable pairs by the prompts of both, each of shape (prompts, prompts); a tie in KL is a half.

    `rows` are of one dose: prompt (0-based index), early_kl (nats), time (tokens), event. A pair is comparable where
    one died and the other lived longer, or was censored at that time or later; it is concordant where the one that
    died had the higher KL.
    """
    prompt = rows.get_column("prompt").to_numpy()
    kl, time = rows.get_column("early_kl").to_numpy(), rows.get_column("time").to_numpy()
    event = rows.get_column("event").to_numpy()
    of_prompt = np.zeros((rows.height, n_prompts))
    of_prompt[np.arange(rows.height), prompt] = 1
    concordant, comparable = np.zeros((n_prompts, n_prompts)), np.zeros((n_prompts, n_prompts))
    died = np.flatnonzero(event)
    size = max(1, _PAIRS // max(rows.height, 1))
    for first in range(0, len(died), size):
        i: npt.NDArray[np.int64] = died[first : first + size]
        outlived = (time > time[i, None]) | ((time == time[i, None]) & ~event)
        higher = np.where(kl[i, None] > kl, 1.0, np.where(kl[i, None] == kl, 0.5, 0.0))
        comparable += of_prompt[i].T @ (outlived @ of_prompt)
        concordant += of_prompt[i].T @ ((outlived * higher) @ of_prompt)
    return concordant, comparable


def concordance(concordant: Floats, comparable: Floats, weights: Floats) -> Floats:
    """C in each draw of prompt weights (draws, prompts); NaN where no pair is comparable."""
    with np.errstate(invalid="ignore"):
        return np.asarray(
            np.einsum("bp,pq,bq->b", weights, concordant, weights, optimize=True)
            / np.einsum("bp,pq,bq->b", weights, comparable, weights, optimize=True)
        )
