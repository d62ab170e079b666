"""What did KL do before death? In: trajectories with KL. Out: the tables `study`, `hazard`, `landmark`.

Death is that of pmass (R4). alpha = 0 is left out, as its KL is 0 by definition.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, Unpack

import polars as pl

from klsurv.analysis.base import Analysis
from klsurv.analysis.lives import parted, tabled
from klsurv.analysis.lookback import at_forks, rows_of, with_kl
from klsurv.exprs.measure import early_mean
from klsurv.fanout import Progress, each
from klsurv.frames.history import before_fork, covariates, intervals
from klsurv.frames.history import lags as lags_of
from klsurv.inference import Interval, Resampling, distinct, landmarks_of
from klsurv.params import By, Scoring, ScoringOptions, groups
from klsurv.schema import HAZARD, LANDMARK, STUDY
from klsurv.source import Piece
from klsurv.stats import caveats
from klsurv.validate import check, whole

_WITHIN = "precursors are looked for within each alpha"
_MIXED = "deaths of one fork are compared with those alive at that fork, whatever their grid"


class Precursors(Analysis):
    """KL before death."""

    def study(
        self,
        by: By = (),
        *,
        lags: int = 32,
        level: float = 0.95,
        bootstrap: int = 2000,
        seed: int = 0,
        progress: Progress | None = None,
        **options: Unpack[ScoringOptions],
    ) -> pl.DataFrame:
        """The table `study`: mean smoothed KL over the `lags` tokens before death, against those alive at that fork.

        KL is cut at the fork before it is smoothed and scaled, so that no later token enters. Deaths at a fork at which
        none of their alpha lives on have no control and are left out; so are deaths at fork 0, which have no history.
        `bootstrap` draws of whole prompts, from `seed`, give the bands at `level`.
        """
        from klsurv.analysis.counting import prompts_drawn
        from klsurv.stats import event_study

        names, interval = groups(by, none=True), Interval(level=level)
        resampling, scoring = Resampling(draws=bootstrap, seed=seed), Scoring(**options)
        lags = whole(lags, "lags")
        check(1 <= lags <= 10_000, f"lags must be 1 to 10,000 tokens, not {lags}")
        distinct(names, ["alpha"], _WITHIN)
        lives, rows = self._histories(names, scoring, options, clustered=resampling.draws > 0)
        self._draws_told(lives.filter(pl.col("alpha") != 0), [*names, "alpha"], resampling, interval)
        shared = ["alpha", "fork", *names]
        some_die = pl.col("event").any().over(shared) & ~pl.col("event").all().over(shared)
        matched = rows.filter(some_die & (pl.col("fork") > 0))
        ask = partial(_sums, n_lags=lags, by=names, scoring=scoring)
        sums = list(at_forks(self.pieces(), ask, lives, matched, reader=self.reader, progress=progress))
        index, draws = prompts_drawn(lives, resampling)
        found: list[dict[str, Any]] = []
        added = pl.concat(sums).lazy().pipe(event_study.added, by=names).collect() if sums else pl.DataFrame()
        for group, part in parted(added.join(index, on="prompt") if sums else added, names):
            part = part.with_columns(prompt="index")
            found += [group | row for row in event_study.study(part, n_lags=lags, draws=draws, interval=interval)]
        return tabled(found, names, STUDY)

    def hazard(self, by: By = (), *, level: float = 0.95, **options: Unpack[ScoringOptions]) -> pl.DataFrame:
        """The table `hazard`: hazard ratios of what was known before the interval in which death came.

        Of the intervals that began when the first `calib_tokens` tokens were there: early KL (mean of these), the
        highest KL of the interval before over the own scale, alpha, and the fork. Rows without one of them are left
        out, with a warning, and forks at which none or all die. Errors are clustered by prompt.

        Raises:
            ParameterError: statsmodels is not installed, or a parameter is out of its range.
            NothingUsableError: no cell can be used.
        """
        from klsurv.stats import hazard

        names, interval, scoring = groups(by, none=True), Interval(level=level), Scoring(**options)
        distinct(names, ["alpha"], _WITHIN)
        lives, rows = self._histories(names, scoring, options, clustered=True)
        known = list(at_forks(self.pieces(), partial(_covariates, scoring=scoring), lives, rows, reader=self.reader))
        found: list[dict[str, Any]] = []
        # In this order, on which sums of floats depend.
        ordered = pl.concat(known).sort("fork", "row") if known else pl.DataFrame()
        for group, part in parted(ordered, names):
            usable = hazard.known(part)
            if usable.height < part.height:
                missing = f"{part.height - usable.height} of {part.height} person-forks"
                what = "KL, the own scale or alpha is missing or not above 0"
                self.say(f"the hazard model leaves out {missing}, of which {what}")
            found += [group | row for row in hazard.hazard(usable, interval=interval)]
        if not any(row.get("hazard_ratio") for row in found):
            self.say(
                "the hazard model has no finite solution, as with few deaths after the first calib_tokens tokens, one "
                "prompt alone, or values that tell all who die"
            )
        return tabled(found, names, HAZARD)

    def landmark(
        self,
        by: By = (),
        *,
        landmarks: Sequence[int] = (20, 50),
        level: float = 0.95,
        bootstrap: int = 2000,
        seed: int = 0,
        **options: Unpack[ScoringOptions],
    ) -> pl.DataFrame:
        """The table `landmark`: does the mean KL of the first tokens order the deaths that come after them?

        Of those seen alive at the first fork at or after a landmark and followed beyond it: of one seen dead there it
        is not known whether it died before the landmark or after. A row per landmark and alpha, and one (alpha null)
        for all doses together, whose pairs are within a dose. `bootstrap` draws of whole prompts, from `seed`, give
        intervals.
        """
        from klsurv.analysis.counting import prompts_drawn
        from klsurv.stats.landmark import concordances

        names, interval = groups(by, none=True), Interval(level=level)
        resampling, scoring = Resampling(draws=bootstrap, seed=seed), Scoring(**options)
        tokens = landmarks_of(landmarks)
        distinct(names, ["alpha"], _WITHIN)
        lives, rows = self._histories(names, scoring, options, clustered=resampling.draws > 0)
        self._draws_told(lives.filter(pl.col("alpha") != 0), [*names, "alpha"], resampling, interval)
        followed = rows.group_by("row", maintain_order=True).agg(
            pl.col(*dict.fromkeys((*names, "alpha", "prompt"))).first(),
            time=pl.col("fork").last(),
            event=pl.col("event").last(),
            **{f"seen {at}": pl.col("fork").filter(pl.col("fork") >= at).first() for at in tokens},
        )
        index, draws = prompts_drawn(lives, resampling)
        pieces = ((piece, rows_of(lives, piece)) for piece in self.pieces())
        early = pl.concat(each(self.reader, partial(_early, tokens=tokens), pieces))
        found: list[dict[str, Any]] = []
        for group, part in parted(followed.join(index, on="prompt"), names):
            for at in tokens:
                alive = (
                    part.filter(pl.col("time") > pl.col(f"seen {at}"))
                    .join(early.select("row", early_kl=str(at)), on="row", maintain_order="left")
                    .filter(pl.col("early_kl").is_not_null())
                    .with_columns(prompt="index")
                )
                found += [group | {"landmark": at} | row for row in concordances(alive, draws, interval=interval)]
        return tabled(found, names, LANDMARK)

    def _histories(
        self, by: Sequence[str], scoring: Scoring, options: ScoringOptions, *, clustered: bool
    ) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Scored trajectories with their index `row`, and their steered person-forks.

        `clustered`: intervals are of whole prompts, of which there may be few.
        """
        lives = self.judged_told(scoring)
        steered = lives.filter(pl.col("alpha") != 0)
        self._told(steered, [*by, "alpha"], options, consequence=_MIXED)
        if clustered and "prompt" not in by:
            self._prompts_told(steered, [*by, "alpha"])
        self.say(*caveats.of_together(_together(steered, by)))
        rows = intervals(lives.lazy(), keep=[*dict.fromkeys((*by, "alpha", "prompt"))]).collect()
        deaths = rows.filter("event").get_column("fork")
        self.say(*caveats.of_beginnings(deaths.len(), at_once=deaths.filter(deaths == 0).len()))
        return lives.with_row_index("row"), rows


def _together(steered: pl.DataFrame, by: Sequence[str]) -> list[str]:
    """What differs between the trajectories of one dose in a group, and may be taken for a precursor."""
    kinds = [name for name in ("model", "method", "layer") if name not in by]
    held = steered.group_by([*by, "alpha"]).agg(pl.col(name).n_unique() for name in kinds)
    return [name for name in kinds if (held.get_column(name) > 1).any()]


def _sums(at_fork: pl.LazyFrame, fork: int, *, n_lags: int, by: Sequence[str], scoring: Scoring) -> pl.LazyFrame:
    from klsurv.stats.event_study import sums

    # Once, as the rows are looked at more than once.
    before = before_fork(at_fork, fork=fork, n_lags=n_lags, scoring=scoring).collect().lazy()
    return lags_of(before, fork=fork, n_lags=n_lags, scoring=scoring).pipe(sums, by=by)


def _covariates(at_fork: pl.LazyFrame, fork: int, *, scoring: Scoring) -> pl.LazyFrame:
    return covariates(at_fork, scoring=scoring)


def _early(part: tuple[Piece, pl.DataFrame], *, tokens: Sequence[int]) -> pl.DataFrame:
    """`row` of each trajectory of a piece, and the mean of its first finite KL, up to each of `tokens`."""
    means = [early_mean(pl.col("kl"), tokens=at).alias(str(at)) for at in tokens]
    return with_kl(*part).select("row", *means).collect()
