"""Figures of tables. In: `Runs`. Out: survival, incidence, dose, threshold, differences, precursors, calibration."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import polars as pl

from klsurv.charts.calibration import calibration_chart
from klsurv.charts.compare import compare_chart
from klsurv.charts.dose import dose_chart
from klsurv.charts.figure import Figure
from klsurv.charts.incidence import incidence_chart
from klsurv.charts.precursor import precursor_chart
from klsurv.charts.series import NAMES
from klsurv.charts.survival import survival_chart
from klsurv.charts.threshold import threshold_chart
from klsurv.exprs.death import event
from klsurv.frames.counts import each_dose
from klsurv.frames.grids import mixed
from klsurv.inference import Interval
from klsurv.params import By, Layout, OutcomeOptions, Scoring, ScoringOptions, groups, outcome
from klsurv.plots.words import words
from klsurv.schema import FACTS, USABLE

if TYPE_CHECKING:
    from klsurv.runs import Runs


def draw_survival(
    runs: Runs, by: By, *, layout: Layout, options: OutcomeOptions, level: float = Interval.level, **how: Any
) -> Figure:
    """Kaplan–Meier curves."""
    names = groups(by)
    how = how | {"level": level}
    table, lives = runs.survival(names, **how, **options), runs.lifetimes(names, **how, **options)
    lives = _present(lives, names)
    said = words(runs, "Kaplan–Meier survival: share still alive at each token", options, n=_total(lives))
    # KL is measured at each token, pmass at forks.
    gaps = outcome(options)[1].event == "pmass"
    return survival_chart(table, lives, by=names, words=said, layout=layout, gaps=gaps, level=level)


def draw_incidence(runs: Runs, by: By, *, layout: Layout, options: OutcomeOptions) -> Figure:
    """Stacked areas of died, finished, running."""
    names = groups(by)
    table = runs.shares(names, **options)
    n = _present(counted(runs, names, options), names)
    said = words(runs, "Break, or finish? Shares died, finished and running by token", options, n=_total(n))
    return incidence_chart(table, by=names, n=n, words=said, layout=layout)


def draw_dose(
    runs: Runs, by: By, *, layout: Layout, options: OutcomeOptions, level: float = Interval.level, **how: Any
) -> Figure:
    """Restricted mean and survival against alpha."""
    names = groups(by, none=True)
    table = runs.dose(names, level=level, **how, **options)
    # Of all, as in the figure of survival: a dose that was not measured has no row.
    said = words(runs, "Dose–response: how long, and how many, at each α", options, n=runs.rollouts().height)
    return dose_chart(table, by=names, words=said, layout=layout, level=level)


def draw_threshold(runs: Runs, by: By, *, layout: Layout, options: ScoringOptions, **how: Any) -> Figure:
    """Deaths, survival and recovery against the threshold."""
    names = groups(by)
    scoring, _ = outcome(options)
    table = runs.threshold(names, **how, **options)
    n = _total(table.select(*names, "n").unique())
    forks = how.get("consecutive", 1)
    event = f"death at the {'first fork' if forks == 1 else f'last of {forks} measured forks in a row'} below it"
    said = words(runs, "Deaths, survival and recovery against the threshold of pmass", options, n=n, event=event)
    # Of mixed groups there is no row.
    apart = table.is_empty() and counted(runs, names, options).get_column("apart").any()
    empty = "left out: fork grids differ" if apart else "pmass was not measured"
    return threshold_chart(table, by=names, threshold=scoring.threshold, words=said, layout=layout, empty=empty)


def draw_compare(runs: Runs, by: By, *, options: OutcomeOptions, level: float = Interval.level, **how: Any) -> Figure:
    """A forest of differences."""
    table = runs.compare(by, level=level, **how, **options)
    dose = "" if how.get("at_alpha") is None else f" at α = {how['at_alpha']:g}"
    names, within = groups(by), groups(how.get("stratify") or (), none=True)
    title = f"Difference of mean tokens alive, by {', '.join(names)}{dose}"
    # A number says nothing by itself, and two of them look like a sum.
    alone = names[0] if len(names) == 1 and names[0] not in NAMES else ""
    kind = {"": "", "alpha": "α "}.get(alone, f"{alone} ")
    said = words(runs, title, options, n=compared(runs, how.get("at_alpha")))
    return compare_chart(table, kind=kind, within=within, words=said, level=level)


def draw_precursor(
    runs: Runs, by: By, *, layout: Layout, options: ScoringOptions, level: float = Interval.level, **how: Any
) -> Figure:
    """KL before death against those alive, and hazard ratios where statsmodels is installed and a fit is found.

    A row of panels per group.
    """
    from klsurv.stats.hazard import can_fit

    names = groups(by, none=True)
    study = runs.study(names, level=level, **how, **options)
    ratios = runs.hazard(names, level=level, **options) if can_fit() else None
    steered = runs.judged(Scoring(**options)).filter(pl.col("alpha") != 0)
    said = words(runs, f"KL before death: the dying against the living{at_once(steered)}", options, n=steered.height)
    return precursor_chart(study, ratios, groups=steered.select(names), words=said, layout=layout, level=level)


def draw_calibration(runs: Runs, *, layout: Layout, options: ScoringOptions) -> Figure:
    """The path to c_star, held-out KL against the target, c_star by seed."""
    cells = runs.cells().filter(pl.col("status").is_in(USABLE))
    path = runs.bisection().join(cells.select("cell", *FACTS), on="cell", maintain_order="left")
    said = words(runs, "Calibration: path to c_star, held-out KL by dose, c_star by seed", options, event="")
    return calibration_chart(
        path, runs.heldout(**options), runs.calibration(**options), cells, words=said, layout=layout
    )


def at_once(steered: pl.DataFrame) -> str:
    """How many deaths a figure of what came before them leaves out, for its title; empty if none."""
    deaths = steered.filter(event()).get_column("death_t")
    n = deaths.filter(deaths == 0).len()
    return f" ({n} of {deaths.len()} deaths, at token 0, left out)" if n else ""


def compared(runs: Runs, at_alpha: float | None) -> int:
    """How many trajectories are compared."""
    rows = runs.rollouts()
    return rows.height if at_alpha is None else rows.filter(pl.col("alpha") == at_alpha).height


def counted(runs: Runs, by: Sequence[str], options: ScoringOptions) -> pl.DataFrame:
    """How many trajectories each group has: the columns `by`, n, and `apart`, whether its fork grids differ.

    Of alpha alone, each dose has a row.
    """
    lives = runs.lives(options).lazy()
    differ = mixed(lives, by=by).with_columns(apart=pl.lit(True))
    n = lives.group_by(by).agg(n=pl.len().cast(pl.Int64)).sort(by, nulls_last=True)
    n = n.join(differ, on=by, how="left", nulls_equal=True, maintain_order="left")
    return each_dose(n, by=by, alphas=runs.alphas).collect()


def _present(lives: pl.DataFrame, names: Sequence[str]) -> pl.DataFrame:
    """The groups that are drawn: of doses all, as an alpha that no cell has keeps its panel; of others those there."""
    return lives if list(names) == ["alpha"] else lives.filter(pl.col("n") > 0)


def _total(table: pl.DataFrame) -> int:
    return int(table.get_column("n").sum())
