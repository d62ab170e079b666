"""Does a KL spike precede death? In: smoothed KL before forks. Out: the table `study`: the dying against the living.

Each death is matched with its risk set: those of the same alpha (and group) alive at the same fork and after it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from klsurv.inference import Interval
from klsurv.schema import STUDY
from klsurv.stats.counted import Floats
from klsurv.stats.resample import band

MEASURES = ("raw", "relative")


def sums(lags: pl.LazyFrame, *, by: Sequence[str]) -> pl.LazyFrame:
    """Add up lags by group, alpha, fork, prompt, whether it died there, and lag: finite values and how many."""
    return _added(
        lags.group_by(_cells(by)).agg(
            *(pl.col(name).filter(pl.col(name).is_finite()) for name in MEASURES),
            *(pl.col(name).is_finite().sum().alias(f"n_{name}") for name in MEASURES),
        )
    )


def added(sums: pl.LazyFrame, *, by: Sequence[str]) -> pl.LazyFrame:
    """The `sums` of several pieces, one below the other, added up in that order."""
    return _added(sums.group_by(_cells(by)).agg(pl.col(MEASURES), *(pl.col(f"n_{name}").sum() for name in MEASURES)))


def _added(lists: pl.LazyFrame) -> pl.LazyFrame:
    # As lists first: an aggregation that adds is shared among threads, and its last digits are others each time.
    return lists.with_columns(pl.col(MEASURES).list.sum())


def _cells(by: Sequence[str]) -> list[str]:
    return [*dict.fromkeys((*by, "alpha", "fork", "prompt", "event", "lag"))]


def study(sums: pl.DataFrame, *, n_lags: int, draws: Floats, interval: Interval) -> list[dict[str, object]]:
    """The rows of the table `study` of one group, from its `sums`; `draws` are prompt weights (draws, prompts).

    Prompts must be 0-based indices in the order of `draws`.
    """
    prompts = draws.shape[1]
    # Of all that are drawn, those that this is made of.
    of_these = sums.get_column("prompt").n_unique()
    rows: list[dict[str, object]] = []
    # In order, as sums of floats depend on it.
    strata = sums.sort("alpha", "fork").partition_by("alpha", "fork", maintain_order=True)
    for measure in MEASURES:
        tensors = [_spread(part, measure, prompts, n_lags) for part in strata]
        point = _means(tensors, np.ones((1, prompts)), n_lags)
        drawn = _means(tensors, draws, n_lags)
        counts = sum(
            (np.where(alive_n.sum(0) > 0, died_n.sum(0), 0) for _, died_n, _, alive_n in tensors), np.zeros(n_lags)
        )
        for i in range(n_lags):
            row: dict[str, object] = {"measure": measure, "lag": i - n_lags, "n_deaths": int(counts[i])}
            for name in ("died", "alive", "difference"):
                value = float(point[name][0, i])
                low, high = band(drawn[name][:, i], interval=interval, prompts=of_these)
                row |= {name: value if np.isfinite(value) else None, f"{name}_low": low, f"{name}_high": high}
            rows.append(row)
    return [{name: row[name] for name in STUDY.names} for row in rows]


def _spread(part: pl.DataFrame, measure: str, prompts: int, n_lags: int) -> tuple[Floats, Floats, Floats, Floats]:
    """Sum and number of the dying, then of the living, by prompt and lag."""
    arrays = []
    for event in (True, False):
        own = part.filter(pl.col("event") == event)
        at = (own.get_column("prompt").to_numpy(), own.get_column("lag").to_numpy() + n_lags)
        for name in (measure, f"n_{measure}"):
            array = np.zeros((prompts, n_lags))
            np.add.at(array, at, own.get_column(name).cast(pl.Float64).to_numpy())
            arrays.append(array)
    died, died_n, alive, alive_n = arrays
    return died, died_n, alive, alive_n


def _means(strata: list[tuple[Floats, Floats, Floats, Floats]], weights: Floats, n_lags: int) -> dict[str, Floats]:
    """Mean of the dying, of their controls, and the difference, of shape (draws, lags); NaN where no death has both."""
    died, alive, n = (np.zeros((len(weights), n_lags)) for _ in range(3))
    # A sum of KL may be too large for a float.
    with np.errstate(invalid="ignore", over="ignore"):
        for died_sum, died_n, alive_sum, alive_n in strata:
            deaths, controls = weights @ died_n, weights @ alive_n
            matched = (deaths > 0) & (controls > 0)
            died += np.where(matched, weights @ died_sum, 0)
            alive += np.divide(deaths * (weights @ alive_sum), controls, out=np.zeros_like(controls), where=matched)
            n += np.where(matched, deaths, 0)
        return {"died": died / n, "alive": alive / n, "difference": died / n - alive / n}
