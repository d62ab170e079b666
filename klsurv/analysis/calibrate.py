"""Is the dose what it says? In: cells and held-out KL. Out: the tables `calibration`, `heldout`, `bisection`."""

from __future__ import annotations

from typing import Unpack

import polars as pl

from klsurv.analysis.base import Analysis
from klsurv.analysis.spread import kl_quantiles
from klsurv.inference import Interval
from klsurv.ingest.discover import CellDir
from klsurv.ingest.history import bisections
from klsurv.params import Scoring, ScoringOptions
from klsurv.schema import FACTS, RUN, USABLE


class Calibrations(Analysis):
    """Calibration and what it promised."""

    # The last table `heldout`, and the window it is of.
    _held: tuple[int | None, pl.DataFrame] | None = None

    def calibration(self, *, level: float = 0.95, **scoring: Unpack[ScoringOptions]) -> pl.DataFrame:
        """The table `calibration`: c_star over seeds, held-out p95 at alpha = 1, exponent of KL in alpha.

        Copies among the seeds are told as a warning: a spread of 0 between them is no stability.
        """
        from klsurv.stats.calibration import calibration

        interval = Interval(level=level)
        table = self.heldout(**scoring)
        return calibration(self._usable(scoring), table, interval=interval)

    def heldout(self, **scoring: Unpack[ScoringOptions]) -> pl.DataFrame:
        """The table `heldout`: p95 of held-out KL at each alpha, against the target × alpha²."""
        from klsurv.stats.calibration import heldout

        # Without steering KL is 0, of whatever cell.
        self._copies_told([alpha for alpha in self.alphas if alpha != 0])
        self._targets_told(self.rollouts(), RUN)
        window = Scoring(**scoring).window
        # KL is long, and `calibration` and the figure ask for the same again.
        held = self._held
        if held is None or held[0] != window:
            quantiles = kl_quantiles(self, [*RUN, "alpha"], (95,), Scoring(**scoring))
            self._held = held = window, heldout(self._usable(scoring), quantiles)
        return held[1].clone()

    def bisection(self) -> pl.DataFrame:
        """The table `bisection`: the steps in which each cell's c_star was found, from its `history.json`.

        A cell without the file has no row; one whose file cannot be used is told. Only run cells have it.
        """
        self.rollouts()
        cells = self.cells()
        usable = cells.filter(pl.col("status").is_in(USABLE)).select("cell", "path").drop_nulls()
        table, errors = bisections([CellDir.of_row(cell, path) for cell, path in usable.rows()])
        self.say(*map(str, errors))
        return table

    def _usable(self, scoring: ScoringOptions) -> pl.DataFrame:
        """The usable cells, once for all facts that trajectories have of theirs: in a frame these may be several."""
        window = Scoring(**scoring).window
        cells = self.cells().filter(pl.col("status").is_in(USABLE))
        own = self.rollouts().select("cell", *FACTS).unique(maintain_order=True)
        held = cells.drop(FACTS).join(own, on="cell", maintain_order="left").select(cells.columns)
        cells = pl.concat([held, cells.join(own, on="cell", how="anti")])
        return cells if window is None else cells.with_columns(window=pl.lit(window, pl.Int64))
