"""Runs that were scanned. In: how their source is read. Out: `Runs`, which answers with polars frames."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from threading import RLock
from typing import TYPE_CHECKING, Unpack

import polars as pl

from klsurv.analysis.calibrate import Calibrations
from klsurv.analysis.compare import Comparisons
from klsurv.analysis.precursor import Precursors
from klsurv.analysis.story import Stories
from klsurv.analysis.survival import Survival
from klsurv.errors import NothingUsableError, warn
from klsurv.frames import check as checking
from klsurv.frames import long as longs
from klsurv.frames.score import judge, score
from klsurv.frames.smooth import early_tokens
from klsurv.names import some
from klsurv.params import Metric, Scoring, ScoringOptions
from klsurv.schema import LONG, SCORED, TRAJECTORIES, USABLE
from klsurv.source import EARLY, Ordered, Piece, Source, pieces, streamed

if TYPE_CHECKING:
    from klsurv.plots.methods import Plots

Tell = Callable[[str], None]

_MOST_WARNINGS, _MOST_DOSES = 5, 12
# What questions, figures and exports ask of the runs, and no one in a notebook does.
INNER = {
    "early",
    "judged",
    "judged_told",
    "mixed_told",
    "failures_told",
    "digests",
    "pieces",
    "ordered",
    "executor",
    "reader",
    "say",
    "lives",
    "shares",
}


class Runs(Survival, Comparisons, Precursors, Calibrations, Stories):
    """Runs that were scanned. Reads once, at the first question, and keeps what it read.

    Every method that scores takes the fields of `klsurv.params.Scoring` by keyword: threshold (0.8), roll (65 tokens),
    calib_tokens (20), normalize_kl (True), window (each cell's own). Those that speak of death take those of
    `klsurv.params.Event` too: event (`pmass`, or `kl`) and kl_threshold (1 nat). All raise `NothingUsableError` where
    no cell can be used. What must be known of the groups of a statistic (copies, fork grids that differ, pooled doses,
    prompts that recur, means that end early, failed measurements, fewer than 5 trajectories, a threshold by which the
    unsteered model is dead) is told once, as a warning, and kept in `warnings`.
    """

    def __init__(
        self,
        load: Callable[[], Source],
        *,
        alphas: Sequence[float] | None,
        metric: Metric,
        tell: Tell | None,
        executor: Executor | None = None,
        name: str = "runs",
    ) -> None:
        super().__init__()
        self._name = name
        self._load, self._alphas, self._metric = load, alphas, metric
        self._tell, self._executor = tell or warn, executor
        # Not functools.cached_property: up to Python 3.11 that is one lock for all instances, and a frame made by other
        # runs is read by a thread of polars while these hold it.
        self._reading = RLock()
        self._read: Source | None = None
        self._rollouts: pl.DataFrame | None = None
        self._digests: pl.DataFrame | None = None
        self._judged: tuple[Scoring, pl.DataFrame] | None = None
        self.warnings: list[str] = []

    def __repr__(self) -> str:
        """Of what it is, and once it was read how much there is; reads nothing itself."""
        if self._read is None:
            return f"<Runs of {self._name}, not read yet>"
        cells = self._read.cells
        usable = cells.get_column("status").is_in(USABLE).sum()
        return f"<Runs of {self._name}: {usable} of {cells.height} cells usable, {len(self.alphas)} doses>"

    def __dir__(self) -> list[str]:
        """What a notebook offers: the questions, and not what they are made of."""
        return [name for name in super().__dir__() if name not in INNER]

    def say(self, *messages: str) -> None:
        """Tell warnings, each unless it was told before; `warnings` keeps them all."""
        for message in messages:
            if message not in self.warnings:
                self.warnings.append(message)
                self._tell(message)

    def cells(self) -> pl.DataFrame:
        """The table `cells`: one row per cell, usable or not, with the reason."""
        # A caller may change its columns in place, as here and below.
        return self._source.cells.clone()

    def check(self) -> pl.DataFrame:
        """The table `check`: one row per cell with its status, counts and reason; copies are told as a warning.

        Of a store all KL is read, and compared with what was ingested.

        Raises:
            LayoutError: a file of a store is damaged.
        """
        self._source.verify()
        if self.cells().get_column("status").is_in(USABLE).any():
            self._copies_told(self.alphas)
        return checking.check(self.cells().lazy(), self._scored(Scoring()).lazy()).collect()

    def rollouts(self) -> pl.DataFrame:
        """Each trajectory as it was measured, with the facts of its cell, without KL: any number of cells fits.

        Columns: cell, alpha, prompt; model, method, seed, window, target_kl, layer; gen_len, length, n_kl_failed,
        n_kl_negative (tokens); `fork` and `pmass` (lists).
        """
        if self._rollouts is None:
            self._rollouts = pl.concat(part.drop("early") for part in self._source.rollouts(early=EARLY))
        if not self.cells().get_column("status").is_in(USABLE).any():
            raise NothingUsableError(f"none of the {self.cells().height} cells can be used: `klsurv check` says why")
        return self._rollouts.clone()

    def early(self, tokens: int) -> Iterator[pl.DataFrame]:
        """The rows of `rollouts`, some cells at a time; `early` holds the first `tokens` of KL or more (nats)."""
        return self._source.rollouts(early=tokens)

    def judged(self, scoring: Scoring) -> pl.DataFrame:
        """Scored trajectories, without KL: those of the last scoring that was asked for are kept."""
        lives = self._scored(scoring)
        # Raises where no cell can be used, which only `check` puts up with.
        self.rollouts()
        return lives

    def digests(self) -> pl.DataFrame:
        """cell, alpha, prompt and `kl_digest`, which is equal for equal KL."""
        if self._digests is None:
            self._digests = self._source.digests()
        return self._digests

    def pieces(self, *, alphas: Sequence[float] | None = None) -> list[Piece]:
        """The cells that have trajectories, some together, to be read with their KL one piece after the other."""
        return pieces(self._source, self.rollouts(), alphas=alphas)

    def ordered(self) -> Ordered | None:
        """KL of whole doses in order, where it is at hand."""
        return self._source.ordered()

    @property
    def executor(self) -> Executor | None:
        """What computes in place of this process."""
        return self._executor

    @property
    def reader(self) -> Executor | None:
        """What reads pieces in place of this process: none where they are in memory, and would have to be sent."""
        return None if self._source.in_memory else self._executor

    def trajectories(self, **scoring: Unpack[ScoringOptions]) -> pl.LazyFrame:
        """The table `trajectories`: one row per cell, alpha and prompt; KL, forks and pmass as lists, and scores."""
        chosen = Scoring(**scoring)
        return streamed(
            self.pieces,
            lambda piece: score(piece, scoring=chosen).select(TRAJECTORIES.names),
            schema=TRAJECTORIES.schema,
        )

    def long(self) -> pl.LazyFrame:
        """The table `long`: one row per cell, alpha, prompt and token, as it was measured."""
        return streamed(self.pieces, longs.long, schema=LONG.schema)

    def scored(self, **scoring: Unpack[ScoringOptions]) -> pl.LazyFrame:
        """The table `scored`: `long` with smoothed and scaled KL, running minimum of pmass, alive, end."""
        chosen = Scoring(**scoring)
        return streamed(self.pieces, lambda piece: longs.scored(piece, scoring=chosen), schema=SCORED.schema)

    @property
    def plot(self) -> Plots:
        """The charts.

        Examples:
            >>> import klsurv
            >>> chart = klsurv.scan("klsurv-demo").plot.spaghetti(threshold=0.3, roll=9)
            >>> chart.save("figure.json")
        """
        from klsurv.plots.methods import Plots

        return Plots(self)

    @property
    def alphas(self) -> list[float]:
        """The doses: those that were asked for, else all that the cells hold, ascending."""
        if self._alphas is not None:
            return list(self._alphas)
        return self.cells().get_column("alphas").explode().drop_nulls().unique().sort().to_list()

    @property
    def metric(self) -> Metric:
        """Which prompt set was scanned."""
        return self._metric

    @property
    def _source(self) -> Source:
        with self._reading:
            if self._read is None:
                self._read = self._left_out(self._load())
            return self._read

    def _left_out(self, source: Source) -> Source:
        """The source at the doses that were asked for; what is left out of it is told."""
        left_out = source.cells.filter(pl.col("status") != "ok").select("cell", "status", "reason").rows()
        self.say(*(f"{cell} is {status}: {reason}" for cell, status, reason in left_out[:_MOST_WARNINGS]))
        if more := left_out[_MOST_WARNINGS:]:
            self.say(f"{len(more)} more cells are not ok: `klsurv check` lists them")
        if source.cells.get_column("n_prompts").max() == 0:
            self.say(f"no cell has a trajectory of the prompt set {self._metric} (--metric)")
        if self._alphas is not None:
            held = source.cells.get_column("alphas").explode().drop_nulls().unique().sort().to_list()
            if absent := [alpha for alpha in self._alphas if alpha not in held]:
                there = some(held, _MOST_DOSES) or "none"
                self.say(f"no cell has alpha {', '.join(map(str, absent))}; there is {there}")
            source = source.at(self._alphas)
        return source

    def _scored(self, scoring: Scoring) -> pl.DataFrame:
        # Kept by one name: another thread may ask for other scores meanwhile.
        judged = self._judged
        if judged is None or judged[0] != scoring:
            lives, rollouts = [], []
            for part in self.early(early_tokens(scoring)):
                lives.append(judge(part.lazy(), scoring=scoring).collect())
                rollouts.append(part.drop("early"))
            self._judged = judged = scoring, pl.concat(lives)
            self._rollouts = pl.concat(rollouts) if self._rollouts is None else self._rollouts
        return judged[1]
