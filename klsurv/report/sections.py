"""The charts that the data support. In: `Runs`. Out: figures, how to read each, the numbers that matter."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from klsurv.charts.compare import compare_chart
from klsurv.charts.dose import dose_chart
from klsurv.charts.figure import Figure
from klsurv.charts.incidence import incidence_chart
from klsurv.charts.page import Words
from klsurv.charts.precursor import precursor_chart
from klsurv.charts.survival import survival_chart
from klsurv.params import Layout, Scoring, ScoringOptions
from klsurv.plots import tables, trajectories
from klsurv.plots.drawn import Drawn
from klsurv.plots.words import words
from klsurv.report import numbers
from klsurv.stats.hazard import can_fit

if TYPE_CHECKING:
    from klsurv.runs import Runs

_LINEAR, _LOG = Layout(), Layout(log_time=True)
_MOST_CELLS = 12


@dataclass(frozen=True)
class Section:
    """One chart: its anchor, name in the navigation, title, how to read it, the numbers that matter, the figure."""

    name: str
    short: str
    title: str
    how: str
    numbers: list[str]
    figure: Figure


def sections(runs: Runs, options: ScoringOptions, *, drawn: Drawn) -> Iterator[Section]:
    """One after the other; a chart that the data do not support (one method, no steered dose, …) is left out.

    `drawn` is the smoothed KL of the runs.
    """
    chosen: dict[str, Any] = dict(options)
    rows = runs.rollouts()
    n, methods = rows.height, rows.get_column("method").n_unique()
    several = ("method",) if methods > 1 else ()
    calibration = runs.calibration(**chosen) if _steered(rows) else None
    by = ("method", "alpha") if 1 < methods <= 6 else ("alpha",)

    def over(title: str) -> Words:
        return words(runs, title, options, n=n)

    lives = runs.lifetimes(by, **chosen).filter(pl.col("n") > 0)
    yield Section(
        "survival",
        "Survival",
        "How long does it live?",
        "Each step down is a fork at which trajectories were first seen dead; the band is the 95 % interval, the "
        "shaded steps the tokens between two forks, where the time of death is not known.",
        numbers.of_lifetimes(lives),
        survival_chart(runs.survival(by, **chosen), lives, by=by, words=over("Survival by dose"), layout=_LOG),
    )
    table, n_doses = runs.shares(("alpha",), **chosen), tables.counted(runs, ["alpha"], options).filter(pl.col("n") > 0)
    yield Section(
        "incidence",
        "Break or finish",
        "Does it break, or finish?",
        "At each token the three areas add to one: dead, finished before being seen dead, still running.",
        numbers.of_incidence(table),
        incidence_chart(table, by=["alpha"], n=n_doses, words=over("Shares by token"), layout=_LOG),
    )
    if len(runs.alphas) > 1:
        table = runs.dose(several, **chosen)
        yield Section(
            "dose",
            "Dose",
            "What does the dose do?",
            "Left: mean tokens alive; right: the share alive at the end. Bars: whole prompts drawn again. A ring "
            "marks the dose at which S is 0.5 (ED50).",
            numbers.of_dose(table),
            dose_chart(table, by=several, words=over("Dose–response"), layout=_LINEAR),
        )
    if methods > 1:
        at = 1.0 if 1.0 in runs.alphas else None
        # The same prompts were put to each method.
        table = runs.compare("method", at_alpha=at, stratify="prompt", **chosen)
        unequal = numbers.of_doses(calibration) if at and calibration is not None else []
        title = "Difference of mean tokens alive" + (" at α = 1" if at else "")
        yield Section(
            "compare",
            "Methods",
            "Is one method safer?",
            "Each row is a pair: how many more tokens the first stays alive than the second. An interval that crosses "
            "zero leaves it open; the orange one allows for prompts that recur.",
            numbers.of_compare(table, at_alpha=at) + unequal,
            compare_chart(table, within=["prompt"], words=words(runs, title, options, n=tables.compared(runs, at))),
        )
    yield Section(
        "threshold-sweep",
        "Threshold",
        "How much of it is the threshold?",
        "What would have been found at other thresholds; where lines are steep the choice matters, and a high share of "
        "recovered deaths that many were not for good.",
        numbers.of_recovery(lives),
        tables.draw_threshold(runs, "alpha", layout=_LINEAR, options=options),
    )
    yield Section(
        "pmass",
        "pmass",
        "What was measured at the forks?",
        "Each thin line is one trajectory; black is the median, the band holds the middle 80 %.",
        [],
        trajectories.draw_pmass(runs, layout=_LOG, options=options),
    )
    if calibration is not None:
        yield Section(
            "quantiles",
            "KL",
            "How does KL run?",
            "Bands hold the middle 80 and 50 % of trajectories; the median turns from blue to orange as they die.",
            [],
            trajectories.draw_quantiles(runs, layout=_LINEAR, options=options, drawn=drawn),
        )
        # Of more methods a row each would be a page of its own.
        apart = several if methods <= 6 else ()
        table = runs.study(apart, **chosen)
        ratios = runs.hazard(apart, **chosen) if can_fit() else None
        steered = runs.judged(Scoring(**options)).filter(pl.col("alpha") != 0)
        said = words(runs, f"KL before death{tables.at_once(steered)}", options, n=steered.height)
        yield Section(
            "precursor",
            "Before death",
            "What did KL do before death?",
            "Orange: those about to be seen dead, at 0. Blue: those of the same dose, alive at that fork. "
            "Where the bands part, KL differed before death was seen. Death came after the fork before: the tokens "
            "since then may be those of the dead.",
            numbers.of_study(table, by=apart),
            precursor_chart(table, ratios, groups=rows.select(apart), words=said, layout=_LINEAR),
        )
        yield Section(
            "calibration",
            "Calibration",
            "Is the dose what it says?",
            "Left: the search for the dose at which p95 KL meets the target. Middle: p95 KL on prompts it has not seen "
            "against the target. Right: the coefficient of each seed.",
            numbers.of_calibration(calibration),
            tables.draw_calibration(runs, layout=_LINEAR, options=options),
        )
    if rows.get_column("cell").n_unique() <= _MOST_CELLS:
        yield Section(
            "deaths",
            "Prompt or dose",
            "Prompt or dose?",
            "A row is a prompt, a column a dose. Rows of one colour speak for the prompt, columns for the dose.",
            [],
            trajectories.draw_deaths(runs, layout=_LINEAR, options=options),
        )


def _steered(rollouts: pl.DataFrame) -> bool:
    """Whether any trajectory was steered, and has KL."""
    return not rollouts.filter((pl.col("alpha") != 0) & (pl.col("length") > 0)).is_empty()
