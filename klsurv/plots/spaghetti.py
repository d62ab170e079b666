"""The spaghetti figure of runs. In: `Runs`. Out: a figure; its tables are computed on the way."""

from __future__ import annotations

import operator
from collections.abc import Callable
from concurrent.futures import Executor
from functools import partial, reduce
from typing import TYPE_CHECKING, Any

import polars as pl

from klsurv.charts.figure import Figure
from klsurv.charts.spaghetti import Panel, spaghetti_chart
from klsurv.charts.theme import columns_for, panel_size
from klsurv.exprs.axes import Axes
from klsurv.fanout import threads
from klsurv.frames import spaghetti
from klsurv.frames.counts import each_dose
from klsurv.frames.ink import ink
from klsurv.params import Look, Scoring
from klsurv.plots.drawn import Drawn

if TYPE_CHECKING:
    from klsurv.runs import Runs


def draw_spaghetti(runs: Runs, *, look: Look, scoring: Scoring) -> Figure:
    """The spaghetti figure of runs, as `Plots.spaghetti` describes it."""
    lives = runs.judged(scoring).lazy()
    drawn = Drawn(runs, scoring=scoring)
    y_max = drawn.top()
    counts, facts = pl.collect_all(
        [
            spaghetti.panels(lives),
            lives.select(pl.col("model", "window", "target_kl").drop_nulls().unique().sort().implode()),
        ]
    )
    width, height = panel_size(look.columns or columns_for(len(runs.alphas)))
    rows = each_dose(counts.lazy(), alphas=runs.alphas).with_columns(pl.col("x_max").fill_null(20.0)).collect()
    crowded = look.crowded(max(rows.get_column("n").to_list(), default=0))
    beside = threads()
    try:
        # One panel at a time: a long frame of all of them would not fit beside the rest.
        panels = [
            _panel(
                row,
                drawn,
                axes=Axes(width=width, height=height, x_max=row["x_max"], y_max=y_max, kl_log=look.kl_log),
                counter=beside if crowded else None,
            )
            for row in rows.iter_rows(named=True)
        ]
    except BaseException:
        beside.shutdown(wait=False, cancel_futures=True)
        raise
    beside.shutdown(wait=False)
    known = {name: facts.get_column(name).item().to_list() for name in facts.columns}
    return spaghetti_chart(
        panels,
        scoring=scoring,
        look=look,
        models=known["model"],
        windows=known["window"] if scoring.window is None else [scoring.window],
        targets=known["target_kl"] or [1.0],
    )


def _panel(row: dict[str, Any], drawn: Drawn, *, axes: Axes, counter: Executor | None) -> Panel:
    """The panel of a dose, from its row of `panels`; its lines are counted by `counter`, or drawn if there is none."""
    counted: Callable[[], pl.DataFrame] | None = None
    if counter is not None:
        counted = partial(_ink, drawn, row["alpha"], axes)
        if drawn.kept:
            # While everything else is computed, and placed. What is not kept would be made for all panels at once.
            counted = counter.submit(counted).result
    of_panel = drawn.at(row["alpha"])
    return Panel(
        alpha=row["alpha"],
        n=row["n"],
        n_died=row["n_died"],
        n_censored=row["n_censored"],
        n_skipped=row["n_skipped"],
        axes=axes,
        lines=of_panel.together(partial(spaghetti.lines, axes=axes)) if counter is None else None,
        ink=counted,
        medians=of_panel.across(spaghetti.medians).lazy().pipe(spaghetti.median_strokes, axes=axes).collect(),
        ends=pl.concat(of_panel.each(lambda part: spaghetti.ends(part).select("t", "y"))),
    )


def _ink(drawn: Drawn, alpha: float, axes: Axes) -> pl.DataFrame:
    return reduce(operator.add, drawn.at(alpha).each(partial(ink, axes=axes)))
