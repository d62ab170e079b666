"""What a figure of KL draws. In: runs and a scoring. Out: smoothed KL of each trajectory, in parts that fit."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from copy import copy
from functools import partial
from typing import TYPE_CHECKING

import polars as pl

from klsurv.fanout import each, threads
from klsurv.frames import spaghetti
from klsurv.params import Scoring
from klsurv.source import beside_kl
from klsurv.stats.quantiles import quantiles

if TYPE_CHECKING:
    from klsurv.runs import Runs

# Values of smoothed KL that are kept, rather than made again each time they are looked at (256 MB). And those looked at
# together across trajectories: few where they are kept, more where each look makes them anew.
_KEPT, _BLOCK, _WIDE = 32_000_000, 1_000_000, 8_000_000

Ask = Callable[[pl.LazyFrame], pl.LazyFrame]
Part = Callable[[], pl.LazyFrame]


class Drawn:
    """The trajectories that `frames.spaghetti.drawn` gives, at all doses or one; made once where they are few."""

    def __init__(self, runs: Runs, *, scoring: Scoring, alpha: float | None = None) -> None:
        rows = runs.rollouts()
        if alpha is not None:
            rows = rows.filter(pl.col("alpha") == alpha)
        self._runs, self._scoring = runs, scoring
        self._n, self.longest = rows.height, rows.select(pl.col("length").max().fill_null(0)).item()
        # Whether all of it is in memory, and not made anew by each look.
        self.kept = rows.get_column("length").sum() <= _KEPT
        lives = runs.judged(scoring)
        pieces = runs.pieces(alphas=None if alpha is None else [alpha])
        self._parts: Sequence[Part] = [partial(_drawn, piece.kl, lives, scoring) for piece in pieces]
        if self.kept:
            self._doses: dict[float, list[pl.DataFrame]] = {dose: [] for dose in runs.alphas if alpha in (None, dose)}
            for piece in pieces:
                kl = piece.kl().collect()
                # Dose by dose, so that what is made on the way is no larger than what some doses take.
                ask = partial(_of_dose, kl, lives, scoring)
                with threads() as executor:
                    for dose, frame in zip(self._doses, each(executor, ask, self._doses), strict=True):
                        self._doses[dose].append(frame)
            self._parts = [frame.lazy for frames in self._doses.values() for frame in frames]

    def at(self, alpha: float) -> Drawn:
        """Those at one dose."""
        if not self.kept:
            return Drawn(self._runs, scoring=self._scoring, alpha=alpha)
        one, frames = copy(self), self._doses[alpha]
        one._parts = [frame.lazy for frame in frames]
        one._n = sum(frame.height for frame in frames)
        one.longest = max(frame.select(pl.col("length").max().fill_null(0)).item() for frame in frames)
        return one

    def each(self, ask: Ask) -> Iterator[pl.DataFrame]:
        """What is asked of the trajectories, part by part, each when it is taken."""
        return (ask(part()).collect() for part in self._parts)

    def together(self, ask: Ask) -> pl.DataFrame:
        """What is asked of all trajectories at once, where they are few."""
        return ask(pl.concat([part() for part in self._parts])).collect()

    def across(self, ask: Ask) -> pl.DataFrame:
        """What is asked of all trajectories at each token, for a block of tokens at a time."""
        size = max(1, (_BLOCK if self.kept else _WIDE) // max(self._n, 1))
        blocks = []
        for start in range(0, max(self.longest, 1), size):
            rows = pl.concat([spaghetti.between(part(), start, start + size) for part in self._parts])
            blocks.append(ask(rows).collect())
        return pl.concat(blocks)

    def top(self) -> float:
        """Where the y axis ends (R7)."""
        values: list[Part] = [partial(_heights, [part]) for part in self._parts]
        if self.kept:
            values = [partial(_heights, self._parts)]
        found = quantiles(values, percents=(99,), of=spaghetti.high).get_column("p99").to_list()
        return spaghetti.top(found[0] if found else None)


def _of_dose(kl: pl.DataFrame, lives: pl.DataFrame, scoring: Scoring, alpha: float) -> pl.DataFrame:
    return _drawn(kl.lazy, lives, scoring, alpha).collect()


def _drawn(kl: Part, lives: pl.DataFrame, scoring: Scoring, alpha: float | None = None) -> pl.LazyFrame:
    rows = kl() if alpha is None else kl().filter(pl.col("alpha") == alpha)
    return beside_kl(rows, lives.lazy()).pipe(spaghetti.drawn, scoring=scoring)


def _heights(parts: Sequence[Part]) -> pl.LazyFrame:
    return pl.concat([part().pipe(spaghetti.heights) for part in parts])
