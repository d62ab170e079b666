"""The precursor figure. In: the tables `study` and `hazard`. Out: KL before death, and a forest of hazard ratios."""

from __future__ import annotations

from typing import Any

import altair as alt
import polars as pl

from klsurv.charts.figure import Datasets, Figure
from klsurv.charts.legend import Entry
from klsurv.charts.sheet import Page, Words, heading, note, sheet
from klsurv.charts.theme import ALIVE, DEAD, FAINT, INK

TITLES = {"raw": "smoothed KL (nats)", "relative": "KL / own p95"}


def precursor_chart(study: pl.DataFrame, hazard: pl.DataFrame | None, *, words: Words, view: dict[str, Any]) -> Figure:
    """Two panels of the event study, raw and relative, the dying against the living; then hazard ratios, if there are.

    Bands are of resampled prompts.
    """
    known = hazard.filter(pl.col("hazard_ratio").is_not_null()) if hazard is not None else None
    forest = known is not None and not known.is_empty()
    page = Page(n_panels=3 if forest else 2, **view)
    data = Datasets()
    panels = [_study(study.filter(pl.col("measure") == measure), measure, data, page) for measure in TITLES]
    if known is not None and forest:
        panels.append(_forest(known, data, page))
    words.entries = [
        Entry("line", DEAD, "those that die at lag 0"),
        Entry("line", ALIVE, "same α, alive at that fork", dash=[6, 3]),
        Entry("band", FAINT, "prompts resampled"),
    ]
    return sheet(panels, page=page, words=words, data=data)


def _study(rows: pl.DataFrame, measure: str, data: Datasets, page: Page) -> Any:
    layers: list[Any] = []
    named = data.add(f"study {measure}", rows)
    x = alt.X("lag:Q", title="tokens before the fork of death").scale(nice=False, zero=False).axis(tickCount=6)
    width, height = page.size
    for name, colour, dash in (("alive", ALIVE, [6, 3]), ("died", DEAD, [1, 0])):
        base = alt.Chart(named)
        y = alt.Y(f"{name}:Q", title=TITLES[measure]).scale(zero=True).axis(tickCount=5)
        tooltip = [alt.Tooltip(f"{c}:Q", format=".4g") for c in ("lag", "n_deaths", "died", "alive", "difference")]
        layers += [
            base.mark_area(fill=colour, fillOpacity=0.18).encode(x=x, y=alt.Y(f"{name}_low:Q"), y2=f"{name}_high"),
            base.mark_line(stroke=colour, strokeWidth=2, strokeDash=dash).encode(x=x, y=y, tooltip=tooltip),
        ]
    deaths: list[int] = rows.get_column("n_deaths").filter(rows.get_column("n_deaths") > 0).sort().to_list()
    if not deaths:
        layers.append(note("no death with a control", width / 2, height / 2, align="center"))
    text = f"{measure}: {deaths[0]} to {deaths[-1]} deaths" if deaths else f"{measure}: no deaths"
    return alt.layer(*layers, width=width, height=height, title=heading(text))


def _forest(hazard: pl.DataFrame, data: Datasets, page: Page) -> Any:
    named = data.add("hazard", hazard.select("covariate", "hazard_ratio", "ci_low", "ci_high", "p"))
    base = alt.Chart(named)
    order = hazard.get_column("covariate").to_list()
    y = alt.Y("covariate:N", title=None, sort=order)
    x = alt.X("hazard_ratio:Q", title="hazard ratio").scale(type="log", nice=True).axis(tickCount=5, format="~g")
    tooltip = [alt.Tooltip(f"{c}:Q", format=".3g") for c in ("hazard_ratio", "ci_low", "ci_high", "p")]
    layers = [
        alt.Chart(alt.InlineData([{"x": 1}])).mark_rule(stroke=FAINT, strokeDash=[4, 3]).encode(x="x:Q"),
        base.mark_rule(stroke=INK, strokeWidth=1.6).encode(x="ci_low:Q", x2="ci_high", y=y),
        base.mark_point(filled=True, fill=INK, shape="diamond", size=60, opacity=1).encode(x=x, y=y, tooltip=tooltip),
    ]
    n = hazard.row(0, named=True)
    title = heading(f"hazard ratios   {n['n']} person-forks, {n['n_events']} deaths")
    return alt.layer(*layers, width=page.size[0], height=page.size[1], title=title)
