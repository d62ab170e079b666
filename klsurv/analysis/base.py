"""What all questions need. In: trajectories of runs, and how to look at them. Out: lives, curves, draws, caveats."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from functools import partial
from typing import Any

import polars as pl

from klsurv.analysis.lives import curves, failing
from klsurv.exprs.death import died_within
from klsurv.fanout import each
from klsurv.frames.duplicates import duplicates
from klsurv.frames.event import failures_as, observe
from klsurv.frames.grids import mixed
from klsurv.frames.score import judge, score
from klsurv.frames.smooth import early_tokens
from klsurv.inference import Interval, Resampling
from klsurv.params import Event, EventKind, Metric, Scoring, ScoringOptions, outcome
from klsurv.schema import KEY
from klsurv.source import Ordered, Piece
from klsurv.stats import caveats
from klsurv.stats import survival as surviving

_CHOOSE = "alphas (--alphas), or make them groups of their own (by alpha)"
TURNBULL = "S is estimated by Turnbull's NPMLE, without errors and intervals"
_WHAT: dict[EventKind, str] = {"pmass": "pmass", "kl": "KL"}


class Analysis(ABC):
    """Runs to be asked. A subclass says what was read, and how a warning is told."""

    def __init__(self) -> None:
        # Doses whose copies were told already: each table of a report asks again.
        self._searched: set[frozenset[float]] = set()

    @property
    @abstractmethod
    def alphas(self) -> list[float]:
        """The doses: those that were asked for, else all that the cells hold, ascending."""

    @property
    @abstractmethod
    def metric(self) -> Metric:
        """Which prompt set was scanned."""

    @abstractmethod
    def rollouts(self) -> pl.DataFrame:
        """Each trajectory as it was measured, with the facts of its cell, without KL."""

    @abstractmethod
    def early(self, tokens: int) -> Iterator[pl.DataFrame]:
        """The rows of `rollouts`, some cells at a time; `early` holds the first `tokens` of KL or more (nats)."""

    @abstractmethod
    def judged(self, scoring: Scoring) -> pl.DataFrame:
        """Scored trajectories, without KL."""

    @abstractmethod
    def pieces(self, *, alphas: Sequence[float] | None = None) -> list[Piece]:
        """The cells that have trajectories, some together, to be read with their KL one piece after the other."""

    @abstractmethod
    def ordered(self) -> Ordered | None:
        """KL of whole doses in order, where it is at hand."""

    @property
    @abstractmethod
    def executor(self) -> Executor | None:
        """What computes in place of this process."""

    @property
    @abstractmethod
    def reader(self) -> Executor | None:
        """What reads pieces in place of this process."""

    @abstractmethod
    def digests(self) -> pl.DataFrame:
        """cell, alpha, prompt and `kl_digest`, which is equal for equal KL."""

    @abstractmethod
    def cells(self) -> pl.DataFrame:
        """The table `cells`."""

    @abstractmethod
    def say(self, *messages: str) -> None:
        """Tell warnings, each unless it was told before."""

    def lives(self, options: ScoringOptions) -> pl.DataFrame:
        """Scored trajectories, observed for the event that was chosen, without KL."""
        scoring, event = outcome(options)
        if event.event == "pmass":
            return self.judged_told(scoring)
        return pl.concat(each(self.reader, partial(_observed, scoring=scoring, event=event), self.pieces()))

    def _told(
        self,
        lives: pl.DataFrame,
        by: Sequence[str],
        options: ScoringOptions | None,
        *,
        consequence: str = TURNBULL,
        within: Sequence[str] = (),
        choose: str = _CHOOSE,
    ) -> Told:
        """Warn of pooled doses, targets, copies, mixed grids, failures, small groups; returns the mixed and the failed.

        Groups are looked at `within` columns. Without `options`, as for many thresholds, there is no one survival that
        failed measurements could change.
        """
        if "alpha" not in (*by, *within):
            self.say(*caveats.of_pooling(lives.get_column("alpha").unique().sort().to_list(), choose=choose))
        self._targets_told(lives, by)
        self._copies_told(lives.get_column("alpha").unique().to_list())
        apart = self.mixed_told(lives, by, consequence)
        failed = failing(lives, by, "pmass") if options is None else self._failed(lives, by, *outcome(options))
        what = _WHAT["pmass" if options is None else outcome(options)[1].event]
        sizes = lives.group_by(by).agg(n=pl.len()).sort(by, nulls_last=True)
        self.say(*caveats.of_failures(failed, by=by, what=what), *caveats.of_size(sizes, by=by))
        return Told(apart, failed)

    def _prompts_told(self, lives: pl.DataFrame, by: Sequence[str]) -> None:
        """Tell in which groups of several trajectories there are few prompts, where whole prompts are drawn."""
        n = lives.group_by(by).agg(n=pl.len(), prompts=pl.col("prompt").n_unique())
        self.say(*caveats.of_prompts(n.sort(by, nulls_last=True), by=by))

    def _draws_told(self, lives: pl.DataFrame, by: Sequence[str], resampling: Resampling, interval: Interval) -> None:
        """Tell of draws too few for the fewest prompts of a group; those that are too few themselves are told apart."""
        prompts = lives.group_by(by).agg(prompts=pl.col("prompt").n_unique()).get_column("prompts")
        fewest: Any = prompts.filter(prompts >= caveats.FEW).min()
        self.say(*caveats.of_draws(resampling.draws, level=interval.level, prompts=fewest))

    def mixed_told(self, lives: pl.DataFrame, by: Sequence[str], consequence: str = TURNBULL) -> pl.DataFrame:
        """Tell in which groups the fork grids differ; returns the columns `by` of these."""
        apart = mixed(lives.lazy(), by=by).collect()
        self.say(*caveats.of_grids(apart, by=by, consequence=consequence))
        return apart

    def _reach_told(self, table: pl.DataFrame, by: Sequence[str], tau: int | None) -> int | None:
        """Where means are restricted, given a user's tau; tells if that is past what was seen, or early."""
        early = caveats.of_reach(surviving.limiting(table, by=by), by=by) if tau is None else []
        self.say(*caveats.of_tau(tau, seen=surviving.seen(table, by=by)), *early)
        return surviving.tau(table, by=by) if tau is None else tau

    def judged_told(self, scoring: Scoring) -> pl.DataFrame:
        """Scored trajectories; tells if the unsteered model, alpha 0, is dead from the start by this threshold."""
        lives = self.judged(scoring)
        at_once = died_within(pl.col("death_t"), pl.min_horizontal(pl.col("fork").list.first(), "gen_len"))
        controls = lives.filter(pl.col("alpha") == 0).group_by("model").agg(n=pl.len(), at_once=at_once.sum())
        self.say(*caveats.of_control(controls.sort("model", nulls_last=True), threshold=scoring.threshold))
        return lives

    def failures_told(self, lives: pl.DataFrame, event: EventKind = "pmass") -> None:
        """Tell of doses with failed measurements of what ends a life, where no survival is estimated."""
        self.say(*caveats.of_failures(failing(lives, ["alpha"], event), by=["alpha"], what=_WHAT[event]))

    def _targets_told(self, lives: pl.DataFrame, by: Sequence[str]) -> None:
        """Tell in which groups one alpha is several doses; without steering it is none."""
        targets = pl.col("target_kl").fill_nan(None).drop_nulls().n_unique()
        held = lives.filter(pl.col("alpha") != 0).group_by(by).agg(n=targets)
        self.say(*caveats.of_targets(held.filter(pl.col("n") > 1).sort(by, nulls_last=True), by=by))

    def _copies_told(self, alphas: Sequence[float]) -> None:
        """Tell which cells share trajectories at these doses."""
        doses = frozenset(alphas)
        if doses in self._searched or self.rollouts().get_column("cell").n_unique() < 2:
            return
        rows = self.rollouts().lazy().select(*KEY, "model", "gen_len", "fork", "pmass")
        copies = duplicates(rows.filter(pl.col("alpha").is_in(alphas)).join(self.digests().lazy(), on=KEY))
        self.say(*caveats.of_duplicates(copies.collect()))
        self._searched.add(doses)

    def _failed(self, lives: pl.DataFrame, by: Sequence[str], scoring: Scoring, event: Event) -> pl.DataFrame:
        """S at the end of the groups with failed measurements, if each had been a death, and if each a survival."""
        bounds = failing(lives, by, event.event)
        if bounds.is_empty():
            return bounds.with_columns(end_if_died=pl.lit(1.0), end_if_alive=pl.lit(1.0))
        # By key: lives may be fewer than there are trajectories, and their window another.
        groups = lives.join(bounds, on=by, how="semi", nulls_equal=True).select(KEY)
        for name, dead in (("end_if_died", True), ("end_if_alive", False)):
            filled = self._filled(groups, scoring, event, dead=dead)
            ends = curves(filled, by, Interval()).group_by(by).agg(pl.col("survival").last().alias(name))
            bounds = bounds.join(ends, on=by, how="left", nulls_equal=True, maintain_order="left")
        return bounds

    def _filled(self, keys: pl.DataFrame, scoring: Scoring, event: Event, *, dead: bool) -> pl.DataFrame:
        """Lives of these trajectories as if each failed measurement had been a death, or a survival."""
        if event.event == "pmass":
            parts = (
                part.lazy().join(keys.lazy(), on=KEY, how="semi", maintain_order="left")
                for part in self.early(early_tokens(scoring))
            )
            return pl.concat(
                failures_as(rows, event=event, dead=dead).pipe(judge, scoring=scoring).collect() for rows in parts
            )
        pieces = ((piece, of_cells(keys, piece)) for piece in self.pieces())
        return pl.concat(each(self.reader, partial(_observed_as, scoring=scoring, event=event, dead=dead), pieces))


class Told:
    """What caveats were about: the groups whose grids differ, and those with failed measurements (see `_failed`)."""

    def __init__(self, mixed: pl.DataFrame, failed: pl.DataFrame) -> None:
        self.mixed, self.failed = mixed, failed


def of_cells(rows: pl.DataFrame, piece: Piece) -> pl.DataFrame:
    """Those of the rows that are of the piece's cells."""
    return rows.filter(pl.col("cell").is_in(piece.cells))


def _observed(piece: Piece, *, scoring: Scoring, event: Event) -> pl.DataFrame:
    return _lives(piece.read(), scoring, event)


def _observed_as(part: tuple[Piece, pl.DataFrame], *, scoring: Scoring, event: Event, dead: bool) -> pl.DataFrame:
    """Of a piece, the trajectories with these keys, as if each failed measurement had been a death, or a survival."""
    piece, keys = part
    rows = piece.read().join(keys.lazy(), on=KEY, how="semi", maintain_order="left")
    return _lives(failures_as(rows, event=event, dead=dead), scoring, event)


def _lives(source: pl.LazyFrame, scoring: Scoring, event: Event) -> pl.DataFrame:
    return observe(score(source, scoring=scoring), event=event).drop("kl").collect()
