"""The spaghetti figure of runs. In: `Runs`. Out: a figure; its tables are computed on the way."""

from __future__ import annotations

import operator
from collections.abc import Callable
from functools import partial, reduce
from typing import TYPE_CHECKING

import polars as pl

from klsurv.charts.figure import Figure
from klsurv.charts.page import Page
from klsurv.charts.picture import picture_url
from klsurv.charts.spaghetti import Panel, spaghetti_chart
from klsurv.exprs.axes import Axes
from klsurv.fanout import background
from klsurv.frames import spaghetti
from klsurv.frames.counts import each_dose
from klsurv.frames.ink import PIXELS, edges, ink
from klsurv.params import Layout, Look, Scoring
from klsurv.plots.drawn import Drawn

if TYPE_CHECKING:
    from klsurv.runs import Runs


def draw_spaghetti(runs: Runs, *, look: Look, scoring: Scoring) -> Figure:
    """The spaghetti figure of runs, as `Plots.spaghetti` describes it."""
    judged = runs.judged_told(scoring)
    runs.failures_told(judged)
    lives = judged.lazy()
    counts, facts, layers, unsmoothed = pl.collect_all(
        [
            spaghetti.panels(lives),
            lives.select(pl.col("model", "window", "target_kl").drop_nulls().unique().sort().implode()),
            lives.select(pl.col("layer").n_unique()),
            lives.filter("drawn", pl.col("length") < scoring.roll).select(pl.len()),
        ]
    )
    width, height = Page(n_panels=len(runs.alphas), layout=Layout(columns=look.columns)).size
    rows = each_dose(counts.lazy(), alphas=runs.alphas).with_columns(pl.col("x_max").fill_null(20.0)).collect()
    crowded = look.crowded(max(rows.get_column("n").to_list(), default=0))
    drawn = Drawn(runs, scoring=scoring)
    panels = []
    # What is not kept would be made for all panels at once.
    with background(now=drawn.kept) as late:
        medians = {alpha: late(partial(_medians, drawn, alpha)) for alpha in runs.alphas}
        y_max = drawn.top()
        # One panel at a time: a long frame of all of them would not fit beside the rest.
        for row in rows.iter_rows(named=True):
            alpha, x_max = row["alpha"], row["x_max"]
            axes = Axes(width=width, height=height, x_max=x_max, y_max=y_max, kl_log=look.kl_log)
            picture = partial(_picture, drawn, alpha, axes, look.opacity(row["n"]))
            one = drawn.at(alpha)
            panel = Panel(
                **{name: row[name] for name in ("alpha", "n", "n_died", "n_censored", "n_skipped", "n_unmeasured")},
                axes=axes,
                lines=None if crowded else one.together(partial(spaghetti.lines, axes=axes)),
                picture=late(picture) if crowded else None,
                medians=partial(_strokes, medians[alpha], axes),
                ends=pl.concat(one.each(lambda part: spaghetti.ends(part).select("t", "y"))),
            )
            panels.append(panel)
    known = {name: facts.get_column(name).item().to_list() for name in facts.columns}
    return spaghetti_chart(
        panels,
        scoring=scoring,
        look=look,
        models=known["model"],
        windows=known["window"] if scoring.window is None else [scoring.window],
        targets=known["target_kl"],
        layers=layers.item(),
        unsmoothed=unsmoothed.item(),
    )


def _medians(drawn: Drawn, alpha: float) -> pl.DataFrame:
    return drawn.at(alpha).across(spaghetti.medians)


def _strokes(medians: Callable[[], pl.DataFrame], axes: Axes) -> pl.DataFrame:
    return spaghetti.median_strokes(medians().lazy(), axes=axes).collect()


def _picture(drawn: Drawn, alpha: float, axes: Axes, opacity: float) -> str:
    """The address of a picture of all lines."""
    parts = drawn.at(alpha).each(partial(edges, axes=axes))
    crossed = reduce(operator.add, (ink(part, axes=axes) for part in parts))
    return picture_url(crossed, width=axes.width * PIXELS, opacity=opacity)
