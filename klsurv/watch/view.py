"""What is shown of a sweep. In: what is known of it. Out: what became of a cell, and the state of it all."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from klsurv.watch.known import Known, State
from klsurv.watch.pace import Rates

# Seconds before a rate is taken for an estimate.
_ENOUGH = 60.0


@dataclass(frozen=True, kw_only=True)
class Change:
    """What became of a cell: a row of the table `changes`."""

    time: str
    cell: str
    state: State
    alphas: int
    trajectories: int
    n_events: int
    kept: bool
    reason: str | None


@dataclass(frozen=True, kw_only=True)
class View:
    """All that a live table shows.

    `waiting` says why there is nothing to look at. `alphas` are done, of `alphas_of` if there will be `cells_of` cells
    and each gets `doses`, which is what was asked for or what the fullest has; both None where no cell has any.
    """

    waiting: str | None
    states: dict[str, int]
    cells_of: int
    alphas: int
    alphas_of: int | None
    doses: int | None
    trajectories: int
    rates: Rates | None
    table: pl.DataFrame
    notes: list[str]
    troubles: list[Known]
    latest: list[Change]

    @property
    def minutes(self) -> float | None:
        """How long what is left takes at the present rate; None where that cannot be said."""
        if self.alphas_of is None or self.rates is None or self.alphas_of <= self.alphas:
            return None
        # In less time, one alpha more or less would be half the rate.
        return self.rates.minutes(self.alphas_of - self.alphas) if self.rates.over >= _ENOUGH else None
