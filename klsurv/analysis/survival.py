"""How long, and what ends it? In: lives. Out: tables `summary`, `survival`, `lifetimes`, `incidence`, `threshold`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Unpack

import polars as pl

from klsurv.analysis.base import Analysis
from klsurv.analysis.lives import arranged, curves, sized
from klsurv.analysis.spread import kl_quantiles
from klsurv.frames.counts import each_dose
from klsurv.frames.event import recovery
from klsurv.frames.steps import steps as steps_of
from klsurv.frames.thresholds import at_thresholds, ranges
from klsurv.inference import Interval, Scale, Thresholds, tau_of
from klsurv.params import GROUPS, By, OutcomeOptions, Scoring, ScoringOptions, groups, outcome
from klsurv.schema import INCIDENCE, LIFETIMES, SUMMARY, SURVIVAL, THRESHOLD
from klsurv.stats import caveats
from klsurv.stats import incidence as competing
from klsurv.stats import survival as surviving
from klsurv.stats import threshold as sweeping

_APART = "left out, as deaths were looked for at other forks in each cell"


class Survival(Analysis):
    """Survival by group."""

    def summary(self, by: By = "alpha", **scoring: Unpack[ScoringOptions]) -> pl.DataFrame:
        """The table `summary`: one row per group; `by` names columns among cell, alpha, prompt and a cell's facts.

        Counts are of trajectories; KL quantiles are over the finite raw values inside the length (nats), null where
        there are none. n_events + n_eos + n_running = n in every row. Grouped by alpha alone, a dose that was asked for
        or is in a cell has its row even where it has no trajectory.

        Examples:
            >>> import klsurv
            >>> table = klsurv.scan("klsurv-demo", alphas=[0, 1, 4]).summary(threshold=0.3, roll=9)
            >>> table.select("alpha", "n", "n_events", "n_eos", "n_running").rows()
            [(0.0, 16, 6, 8, 2), (1.0, 16, 5, 0, 11), (4.0, 16, 16, 0, 0)]
        """
        names = groups(by)
        chosen = Scoring(**scoring)
        lives = self.judged_told(chosen)
        self.mixed_told(lives, names)
        quantiles = kl_quantiles(self, names, (50, 95, 99), chosen)
        table = outcomes(lives, names).join(quantiles, on=names, how="left", nulls_equal=True, maintain_order="left")
        return arranged(each_dose(table.lazy(), by=names, alphas=self.alphas).collect(), names, SUMMARY)

    def survival(
        self, by: By = "alpha", *, ci: Scale = "log-log", level: float = 0.95, **options: Unpack[OutcomeOptions]
    ) -> pl.DataFrame:
        """The table `survival`: S at each fork (Kaplan–Meier; Turnbull where the fork grids of a group differ).

        With the event kl, tokens past the first at which no one dies or is censored have no row.

        Examples:
            >>> import klsurv
            >>> table = klsurv.scan("klsurv-demo", where="method = 'pca'").survival(threshold=0.3)
            >>> table.filter(alpha=1).select("fork", "n_risk", "n_events", "survival").head(2).rows()
            [(0, 8, 5, 0.375), (1, 3, 0, 0.375)]
        """
        names, interval = groups(by), Interval(ci=ci, level=level)
        lives = self.lives(options)
        self._told(lives, names, options)
        self._recurring_told(lives, names)
        table = curves(lives, names, interval)
        if outcome(options)[1].event == "kl":
            first = pl.col("fork") == pl.col("fork").min().over(names)
            table = table.filter(first | (pl.col("n_events") > 0) | (pl.col("n_censored") > 0))
        return arranged(table, names, SURVIVAL)

    def lifetimes(
        self,
        by: By = "alpha",
        *,
        ci: Scale = "log-log",
        level: float = 0.95,
        tau: int | None = None,
        **options: Unpack[OutcomeOptions],
    ) -> pl.DataFrame:
        """The table `lifetimes`: one row per group, with median, restricted mean to `tau` tokens, S at the end.

        Grouped by alpha alone, a dose that was asked for has its row even where it has no trajectory.
        """
        names, interval, tau = groups(by), Interval(ci=ci, level=level), tau_of(tau)
        scoring, event = outcome(options)
        lives = self.lives(options)
        told = self._told(lives, names, options)
        self._recurring_told(lives, names)
        curve = curves(lives, names, interval)
        self._reach_told(curve, names, tau)
        parts = [
            surviving.lifetimes(curve, by=names, tau_at=tau),
            told.failed.drop("n_failed"),
        ]
        if event.event == "pmass":
            parts.append(recovery(lives.lazy(), by=names, threshold=scoring.threshold).collect())
        else:
            # Past its first token above the threshold, KL was not followed.
            parts.append(parts[0].select(*names, recovery=pl.lit(None, pl.Float64)))
        table = sized(lives, names)
        for part in parts:
            table = table.join(part, on=names, how="left", nulls_equal=True, maintain_order="left")
        return arranged(each_dose(table.lazy(), by=names, alphas=self.alphas).collect(), names, LIFETIMES)

    def incidence(self, by: By = "alpha", **options: Unpack[OutcomeOptions]) -> pl.DataFrame:
        """The table `incidence`: P(died), P(finished), P(running) by each fork, EOS competing with death.

        Groups in which the fork grids differ are left out, with a warning.
        """
        names = groups(by)
        lives = self.lives(options)
        table = self._shares(lives, names, options)
        self._recurring_told(lives, names)
        return table

    def shares(self, names: tuple[str, ...], **options: Unpack[OutcomeOptions]) -> pl.DataFrame:
        """The table `incidence` for a figure, which shows no errors: nothing is told of what these cannot know."""
        return self._shares(self.lives(options), names, options)

    def _shares(self, lives: pl.DataFrame, names: tuple[str, ...], options: OutcomeOptions) -> pl.DataFrame:
        told = self._told(lives, names, options, consequence=_APART)
        kept = lives.join(told.mixed, on=names, how="anti", nulls_equal=True)
        rows = steps_of(kept.lazy(), by=names).collect()
        table = competing.incidence(rows, by=names)
        if outcome(options)[1].event == "kl":
            # Every token is a fork: only those at which something happens, and the last, have a row.
            before = pl.col("p_running").shift(1).over(names).fill_null(1.0)
            last = pl.col("fork") == pl.col("fork").max().over(names)
            table = table.filter((pl.col("p_running") != before) | last)
        return arranged(table, names, INCIDENCE)

    def threshold(
        self,
        by: By = "alpha",
        *,
        start: float = 0.05,
        stop: float = 0.99,
        steps: int = 48,
        consecutive: int = 1,
        **scoring: Unpack[ScoringOptions],
    ) -> pl.DataFrame:
        """The table `threshold`: deaths, S(end), median and recovery at each of `steps` thresholds.

        Args:
            by: columns that make the groups.
            start: the lowest threshold.
            stop: the highest.
            steps: how many, evenly spaced.
            consecutive: forks in a row that must be below the threshold; death is at the last of them.
            **scoring: its `threshold` is not used.
        """
        names = groups(by)
        thresholds = Thresholds(start=start, stop=stop, steps=steps, consecutive=consecutive)
        lives = self.judged(Scoring(**scoring))
        told = self._told(lives, names, None, consequence=_APART)
        kept = lives.join(told.mixed, on=names, how="anti", nulls_equal=True)
        risks = (
            ranges(kept.lazy(), by=names, thresholds=thresholds)
            .pipe(at_thresholds, by=names, thresholds=thresholds)
            .collect()
        )
        return arranged(sweeping.threshold(risks, sized(lives, names), by=names), names, THRESHOLD)

    def _recurring_told(self, lives: pl.DataFrame, by: Sequence[str]) -> None:
        """Tell if a group has several trajectories of a prompt, which errors without a bootstrap cannot know."""
        prompts, others = [*dict.fromkeys((*by, "prompt"))], [name for name in GROUPS if name not in (*by, "prompt")]
        held = lives.group_by(prompts).agg(pl.len(), pl.col(others).n_unique())
        most = held.select(pl.col("len", *others).max().fill_null(0)).row(0, named=True)
        apart = [name for name in others if name != "cell" and most[name] > 1]
        # Cells differ in any case.
        if lives.group_by(*prompts, *apart).len().get_column("len").max() != 1:
            apart.append("cell")
        self.say(*caveats.of_recurring(most["len"], apart=apart))


def outcomes(lives: pl.DataFrame, by: Sequence[str]) -> pl.DataFrame:
    """What of the table `summary` takes no KL, one row per group: the columns `by`, counts, median, rmst, tau."""
    times = surviving.lifetimes(curves(lives, by, Interval()), by=by).select(*by, "median", "rmst", "tau")
    return sized(lives, by).join(times, on=by, how="left", nulls_equal=True, maintain_order="left")
