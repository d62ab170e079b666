"""Figures of trajectories. In: `Runs`. Out: figures of KL quantiles, of pmass at forks, of deaths by prompt."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import polars as pl

from klsurv.charts.deaths import deaths_chart
from klsurv.charts.figure import Figure
from klsurv.charts.page import Page, kl_title
from klsurv.charts.pmass import pmass_chart
from klsurv.charts.quantiles import Bands, quantiles_chart
from klsurv.exprs.axes import Axes
from klsurv.frames import spaghetti
from klsurv.frames.bands import kl_bands, pmass_bands, pmass_counts, pmass_lines
from klsurv.frames.counts import each_dose
from klsurv.frames.deaths import deaths
from klsurv.params import Layout, Scoring, ScoringOptions, outcome
from klsurv.plots.drawn import Drawn
from klsurv.plots.words import words

if TYPE_CHECKING:
    from klsurv.runs import Runs

# Lines of pmass in a panel, and panels in the map of deaths, of which there is one per cell.
_MOST_LINES, _MOST_CELLS = 400, 60


def draw_quantiles(
    runs: Runs, *, layout: Layout, options: ScoringOptions, kl_log: bool = False, drawn: Drawn | None = None
) -> Figure:
    """Quantiles of KL over tokens, a panel per alpha, on the axes of the spaghetti; of what is `drawn` already."""
    scoring = Scoring(**options)
    drawn = drawn or Drawn(runs, scoring=scoring)
    y_max = drawn.top()
    lives = runs.judged_told(scoring)
    runs.failures_told(lives)
    counted = spaghetti.panels(lives.lazy())
    rows = each_dose(counted, alphas=runs.alphas).with_columns(pl.col("x_max").fill_null(20.0)).collect()
    width, height = Page(n_panels=len(runs.alphas), layout=layout).size
    panels = []
    for row in rows.iter_rows(named=True):
        axes = Axes(width=width, height=height, x_max=row["x_max"], y_max=y_max, kl_log=kl_log)
        of_panel = drawn.at(row["alpha"])
        bands = of_panel.across(partial(kl_bands, longest=of_panel.longest, axes=axes))
        panels.append(Bands(alpha=row["alpha"], n=row["n"], axes=axes, bands=bands))
    said = words(runs, "Quantiles of KL over tokens", options, n=sum(panel.n for panel in panels))
    return quantiles_chart(panels, y_title=kl_title(scoring), words=said, layout=layout)


def draw_pmass(runs: Runs, *, layout: Layout, options: ScoringOptions) -> Figure:
    """Pmass at forks, a panel per alpha."""
    scoring = Scoring(**options)
    lives = runs.judged_told(scoring)
    runs.mixed_told(lives, ["alpha"], "median and band at a fork are of the cells alone that have it")
    tables = [pmass_lines(lives.lazy(), most=_MOST_LINES), pmass_bands(lives.lazy()), pmass_counts(lives.lazy())]
    lines, bands, counts = pl.collect_all(tables)
    # More would be one patch of colour; band and median are of all.
    crowded = max(counts.get_column("n").to_list(), default=0) > _MOST_LINES
    what = f"a line for {_MOST_LINES} of each panel's trajectories" if crowded else "a line per trajectory"
    said = words(runs, f"pmass at each fork, {what}", options, n=lives.height)
    return pmass_chart(lines, bands, counts, alphas=runs.alphas, threshold=scoring.threshold, words=said, layout=layout)


def draw_deaths(runs: Runs, *, layout: Layout, options: ScoringOptions) -> Figure:
    """When each prompt died at each alpha, a panel per cell."""
    lives = runs.lives(options)
    runs.failures_told(lives, outcome(options)[1].event)
    table = deaths(lives.lazy()).collect()
    cells = table.get_column("cell").unique().sort()
    if len(cells) > _MOST_CELLS:
        runs.say(f"the map of deaths shows the first {_MOST_CELLS} of {len(cells)} cells: --where chooses others")
        table = table.filter(pl.col("cell").is_in(cells.head(_MOST_CELLS).implode()))
    said = words(runs, "Prompt or dose? Token of death by prompt and α", options, n=table.height)
    return deaths_chart(table, words=said, layout=layout)
