"""Is A better than B, and does more kill more? In: lives. Out: the tables `compare` and `dose`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Unpack

import polars as pl

from klsurv.analysis.base import Analysis, Told
from klsurv.analysis.lives import arranged, curves, sized, unmeasured
from klsurv.errors import NothingUsableError, ParameterError
from klsurv.fanout import Progress
from klsurv.inference import Interval, LogRank, Resampling, Test, distinct, tau_of
from klsurv.params import By, OutcomeOptions, groups
from klsurv.schema import COMPARE, DOSE, GROUP_COLUMNS, RUN, typed
from klsurv.stats import caveats
from klsurv.stats import survival as surviving
from klsurv.validate import check, number

ORDERED = ("alpha", "seed", "layer", "window", "prompt")
_TESTED = "S is estimated by Turnbull's NPMLE, without intervals, and groups are tested within each grid"

_STRATIFY = "test within each (--stratify {}), which leaves the means as they are"


class Comparisons(Analysis):
    """Groups against each other."""

    def compare(
        self,
        by: By = "method",
        *,
        at_alpha: float | None = None,
        test: Test = "logrank",
        rho: float = 0.0,
        gamma: float = 0.0,
        stratify: By = (),
        trend: str | None = None,
        tau: int | None = None,
        level: float = 0.95,
        bootstrap: int = 2000,
        seed: int = 0,
        progress: Progress | None = None,
        **options: Unpack[OutcomeOptions],
    ) -> pl.DataFrame:
        """The table `compare`: the overall test, trends, and every pair of groups with its difference of means.

        Args:
            by: columns that make the groups.
            at_alpha: keep this dose only; None keeps all, which are pooled unless `by` or `stratify` names alpha.
            test: member of the log-rank family.
            rho: for the test fh: weight S(t−)^rho.
            gamma: for the test fh: weight (1 − S(t−))^gamma.
            stratify: columns within whose values groups are tested.
            trend: a column of numbers; tests for trend in it, within each group of the other columns of `by`.
            tau: where restricted means end (tokens); None is the smallest last fork of the groups still alive.
            level: of the intervals.
            bootstrap: how often whole prompts are drawn; 0 does without.
            seed: of the draws.
            progress: called with (groups resampled, all groups).
            **options: scoring and event.

        Raises:
            NothingUsableError: no cell can be used, or none has the dose.
            ParameterError: a parameter is out of its range, or a column is used twice.

        Examples:
            >>> import klsurv
            >>> table = klsurv.scan("klsurv-demo").compare("method", at_alpha=1, threshold=0.3)
            >>> table.select("group_a", "group_b", "rmst_diff", "boot_low", "boot_high").row(-1)
            ('mean_diff', 'pca', 60.0, 24.0, 96.0)
        """
        from klsurv.analysis.counting import count, resampled
        from klsurv.stats import compare as comparing

        names, strata = groups(by), groups(stratify, none=True, name="stratify")
        family, interval = LogRank(test=test, rho=rho, gamma=gamma), Interval(level=level)
        resampling, tau = Resampling(draws=bootstrap, seed=seed), tau_of(tau)
        ordered = groups(trend, name="trend") if trend is not None else ()
        if ordered and (len(ordered) > 1 or ordered[0] not in ORDERED):
            raise ParameterError(f"trend must be in one of the columns {', '.join(ORDERED)}, not {trend}")
        at_alpha = None if at_alpha is None else number(at_alpha, "at_alpha")
        check(at_alpha is None or math.isfinite(at_alpha), f"at_alpha must be a finite number, not {at_alpha}")
        distinct((*names, *ordered), strata, "the test is stratified by it")
        lives = self.lives(options)
        if at_alpha is not None:
            lives = lives.filter(pl.col("alpha") == at_alpha)
            if lives.is_empty():
                raise NothingUsableError(
                    f"no trajectory has alpha {at_alpha}: there are {', '.join(map(str, self.alphas))}"
                )
        told = self._told(lives, names, options, consequence=_TESTED, within=strata, choose="at_alpha (--at-alpha)")
        self.say(*caveats.of_unlike(_unlike(lives, names, strata), what="groups", ask=_STRATIFY))
        self._bootstrap_told(lives, names, resampling, interval)
        lives, strata = self._by_grid(lives, strata, told)
        within = [name for name in names if name not in ordered]
        table = curves(lives, names, interval)
        self.say(*caveats.of_unmeasured(unmeasured(lives, table, names), by=names))
        if lives.select(names).n_unique() < 2:
            self.say(f"there is only one group by {', '.join(names)}: nothing to compare it with")
        means = surviving.lifetimes(table, by=names, tau_at=tau)
        reach = self._reach_told(table, names, tau)
        compared = comparing.compare(
            count(lives, names, strata),
            means,
            by=names,
            test=family,
            interval=interval,
            draws=resampled(
                lives, table, by=names, tau=reach, resampling=resampling, progress=progress, executor=self.executor
            ),
            trend=comparing.Trend(count(lives, [*within, *ordered], strata), within, ordered[0]) if ordered else None,
        )
        paired = pl.col("rmst_diff").is_not_null()
        return arranged(compared.with_columns(tau=pl.when(paired).then(pl.lit(reach, pl.Int64))), (), COMPARE)

    def dose(
        self,
        by: By = (),
        *,
        tau: int | None = None,
        level: float = 0.95,
        bootstrap: int = 2000,
        seed: int = 0,
        progress: Progress | None = None,
        **options: Unpack[OutcomeOptions],
    ) -> pl.DataFrame:
        """The table `dose`: restricted mean and S at `tau` against alpha, with prompt-bootstrap bands, trend and ED50.

        `by` names columns beside alpha, none by default; for the other parameters and errors see `compare`.
        """
        from klsurv.analysis.counting import count, resampled
        from klsurv.stats.dose import dose

        names, interval = groups(by, none=True), Interval(level=level)
        resampling, tau = Resampling(draws=bootstrap, seed=seed), tau_of(tau)
        distinct(names, ["alpha"], "dose has a row for each alpha already")
        doses = (*names, "alpha")
        lives = self.lives(options)
        told = self._told(lives, doses, options, consequence=_TESTED)
        self.say(*caveats.of_unlike(_unlike(lives, ["alpha"], names), what="doses", ask="tell them apart (--by {})"))
        self._bootstrap_told(lives, doses, resampling, interval)
        lives, strata = self._by_grid(lives, (), told)
        table = curves(lives, doses, interval)
        self.say(*caveats.of_unmeasured(unmeasured(lives, table, doses), by=doses))
        if table.is_empty():
            return typed([*(GROUP_COLUMNS[name] for name in names), *DOSE.columns]).to_frame()
        means = surviving.lifetimes(table, by=doses, tau_at=tau)
        reach = self._reach_told(table, doses, tau)
        at_tau = table.group_by(doses).agg(
            survival_tau=pl.col("survival").filter(pl.col("fork") <= reach).last().fill_null(1.0)
        )
        for part in (at_tau, sized(lives, doses)):
            means = means.join(part, on=doses, how="left", nulls_equal=True, maintain_order="left")
        draws = resampled(
            lives, table, by=doses, tau=reach, resampling=resampling, progress=progress, executor=self.executor
        )
        answered = dose(means, count(lives, doses, strata), draws, by=names, interval=interval)
        return arranged(answered, names, DOSE)

    def _bootstrap_told(
        self, lives: pl.DataFrame, by: Sequence[str], resampling: Resampling, interval: Interval
    ) -> None:
        """Tell of few prompts, and of few draws of them, where whole prompts are drawn."""
        if resampling.draws > 0 and "prompt" not in by:
            self._prompts_told(lives, by)
            self._draws_told(lives, by, resampling, interval)

    def _by_grid(
        self, lives: pl.DataFrame, strata: tuple[str, ...], told: Told
    ) -> tuple[pl.DataFrame, tuple[str, ...]]:
        """Tests are within each grid; tells of it where it is the groups that differ, as no other caveat does."""
        from klsurv.analysis.counting import by_grid

        lives, within = by_grid(lives, strata)
        self.say(*caveats.of_other_grids(within != strata and told.mixed.is_empty()))
        return lives, within


def _unlike(lives: pl.DataFrame, by: Sequence[str], within: Sequence[str]) -> list[str]:
    """What groups `by` hold other values of, `within` those of other columns; the layers of two models never match."""
    if "cell" in (*by, *within):
        return []
    found = []
    for name in RUN:
        if name not in (*by, *within):
            same = [*within, *["model"] * (name == "layer" and "model" in by)]
            held = lives.group_by(*dict.fromkeys((*by, *same))).agg(pl.col(name).unique().sort())
            kinds = held.group_by(same or pl.lit(0)).agg(pl.col(name).n_unique())
            found += [name] * ((kinds.get_column(name).max() or 0) > 1)  # type: ignore[operator]
    return found
