"""The map of deaths. In: scored trajectories. Out: a square per prompt and alpha, dark where death came early."""

from __future__ import annotations

from typing import Any

import altair as alt
import polars as pl

from klsurv.charts.figure import Datasets, Figure
from klsurv.charts.legend import Entry
from klsurv.charts.page import Page, Words, doses, letters, shorts
from klsurv.charts.sheet import panel, sheet
from klsurv.charts.theme import DEAD, FAINT, PAPER
from klsurv.params import Layout

# From an early death to a late one; even the latest is darker than who lives, so that grey print tells them apart.
EARLY_TO_LATE = ("#3d1404", "#6b2a06", "#9a4607", DEAD)
RUNNING, FINISHED = "#a9c6dc", "#ece6da"
# About a square of which nothing is known: no colour, as each is a state.
_UNKNOWN = [2, 2]
# Where white is told from a square better than black is, by the contrast ratio of WCAG: one of the two has 4.5 or more.
_DARK = "contrast(scale('color', datum.t), '#ffffff') > contrast(scale('color', datum.t), '#000000')"


def deaths_chart(deaths: pl.DataFrame, *, words: Words, layout: Layout) -> Figure:
    """A panel per cell; `deaths` has cell, alpha, prompt, outcome (`frames.deaths`) and t (its token)."""
    cells = deaths.get_column("cell").unique().sort().to_list()
    page = Page(n_panels=len(cells), layout=layout)
    data = Datasets()
    tried = deaths.get_column("alpha").unique().sort().to_list()
    alphas = doses(tried)
    deaths = deaths.with_columns(dose=pl.col("alpha").replace_strict(tried, alphas, return_dtype=pl.String))
    width, height = page.size
    last = max(1.0, float(deaths.get_column("t").max() or 1))  # type: ignore[arg-type]
    ticks = [t for t in (0, 10, 100, 1000, 10000) if t < 0.7 * last] + [int(last)]
    names = shorts(cells, letters(width))
    unknown, some = pl.col("outcome") == "unmeasured", "died" in deaths.get_column("outcome")
    panels = []
    for i, cell in enumerate(cells):
        rows = deaths.filter(pl.col("cell") == cell)
        prompts = rows.get_column("prompt").unique().sort().to_list()
        x = alt.X("dose:O", title="α (dose)", sort=alphas).scale(domain=alphas)
        x = x.axis(labelAngle=0, labelOverlap="greedy", labelSeparation=4)
        y = alt.Y("prompt:O", title="prompt" if i == 0 else None).scale(domain=prompts).axis(labelOverlap=True)
        tooltip = [alt.Tooltip("prompt:O"), alt.Tooltip("dose:O"), alt.Tooltip("outcome:N"), alt.Tooltip("t:Q")]
        layers: list[Any] = []
        for outcome, colour in (("eos", FINISHED), ("running", RUNNING)):
            layers.append(
                alt.Chart(data.add(f"{outcome} {i}", rows.filter(pl.col("outcome") == outcome)))
                .mark_rect(fill=colour, stroke=PAPER, strokeWidth=1)
                .encode(x=x, y=y, tooltip=tooltip)
            )
        if not (hollow := rows.filter(unknown)).is_empty():
            layers.append(
                alt.Chart(data.add(f"unmeasured {i}", hollow))
                .mark_rect(fill=FAINT, fillOpacity=0, stroke=FAINT, strokeWidth=1, strokeDash=_UNKNOWN)
                .encode(x=x, y=y, tooltip=tooltip)
            )
        shade = alt.Color("t:Q", title="death at token").scale(
            type="symlog", domain=[0, last], range=list(EARLY_TO_LATE)
        )
        # All panels ask for the same scale of tokens, which is drawn once.
        shade = shade.legend(values=ticks, format=",d") if some else shade.legend(None)
        died = data.add(f"died {i}", rows.filter(pl.col("outcome") == "died"))
        layers.append(
            alt.Chart(died).mark_rect(stroke=PAPER, strokeWidth=1).encode(x=x, y=y, tooltip=tooltip, color=shade)
        )
        if len(prompts) <= 24 and width / max(len(alphas), 1) > 26:
            layers.append(
                alt.Chart(died)
                .mark_text(fontSize=9.5)
                .encode(
                    x=x,
                    y=y,
                    text=alt.Text("t:Q", format="d"),
                    color=alt.ColorValue("#000000", condition={"test": _DARK, "value": "#ffffff"}),
                )
            )
        tall = max(60, min(2 * height, 17 * len(prompts)))
        panels.append(panel(layers, text=names[i], size=(width, tall)))
    states = {
        "died": Entry("band", DEAD, "died (darker: earlier)", opacity=1),
        "eos": Entry("band", FINISHED, "finished alive (EOS)", opacity=1),
        "running": Entry("band", RUNNING, "alive at the end of the window", opacity=1),
        "unmeasured": Entry("band", FAINT, "not measured", opacity=0, dash=_UNKNOWN),
    }
    entries = [entry for outcome, entry in states.items() if data.hold(outcome)]
    return sheet(panels, page=page, entries=entries, words=words, data=data)
