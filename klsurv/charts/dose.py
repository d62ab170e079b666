"""The dose figure. In: the table `dose`. Out: restricted mean and survival against alpha, with bands and ED50."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt
import polars as pl

from klsurv.charts.figure import Datasets, Figure
from klsurv.charts.legend import Entry
from klsurv.charts.series import Series, series_of
from klsurv.charts.sheet import Page, Words, heading, sheet
from klsurv.charts.theme import FAINT, INK, PAPER


def dose_chart(dose: pl.DataFrame, *, by: Sequence[str], words: Words, view: dict[str, Any]) -> Figure:
    """Two panels, the restricted mean to tau and S(tau), a series per group; ED50 and its interval at S = 0.5."""
    series = series_of(dose, by=by)
    page = Page(n_panels=2, **view)
    data = Datasets()
    taus: list[int] = dose.get_column("tau").drop_nulls().unique().to_list()
    tau = taus[0] if taus else 1
    top = float(tau)
    mean = _panel(dose, series, data, page, "rmst", "mean tokens alive before τ", top, ("rmst_low", "rmst_high"))
    end = _panel(dose, series, data, page, "survival_tau", "S(τ)", 1.0, ("survival_low", "survival_high"))
    half = alt.Chart(alt.InlineData([{"y": 0.5}])).mark_rule(stroke=FAINT, strokeDash=[4, 3]).encode(y="y:Q")
    marks = [_ed50(one.rows(dose).head(1), one, data, f"ed50 {i}", i) for i, one in enumerate(series)]
    words.entries = [one.entry() for one in series if len(series) > 1]
    words.entries += [
        Entry("band", series[0].colour if series else INK, "prompts resampled"),
        Entry("dot", INK, "ED50"),
    ]
    panels = [
        alt.layer(*mean, width=page.size[0], height=page.size[1], title=heading(f"restricted mean, τ = {tau} tokens")),
        alt.layer(half, *end, *marks, width=page.size[0], height=page.size[1], title=heading(f"alive at τ = {tau}")),
    ]
    return sheet(panels, page=page, words=words, data=data)


def alpha_axis(field: str = "alpha") -> alt.X:
    """The dose, linear from 0."""
    return alt.X(f"{field}:Q", title="α (dose)").scale(nice=False, zero=True, padding=8).axis(tickCount=6, zindex=1)


def _panel(
    dose: pl.DataFrame,
    series: list[Series],
    data: Datasets,
    page: Page,
    column: str,
    title: str,
    top: float,
    bounds: tuple[str, str],
) -> list[Any]:
    layers: list[Any] = []
    y = alt.Y(f"{column}:Q", title=title).scale(domain=[0, top], nice=False).axis(tickCount=5, zindex=1)
    for i, one in enumerate(series):
        rows = one.rows(dose)
        named = data.add(f"{column} {i}", rows.select("alpha", column, *bounds, "n", "n_events"))
        tooltip = [alt.Tooltip(f"{name}:Q", format=".4g") for name in ("alpha", column, *bounds, "n", "n_events")]
        base = alt.Chart(named)
        layers += [
            base.mark_area(fill=one.colour, fillOpacity=0.16).encode(
                x=alpha_axis(), y=alt.Y(f"{bounds[0]}:Q"), y2=bounds[1]
            ),
            base.mark_line(stroke=one.colour, strokeWidth=2, strokeDash=one.dash).encode(x=alpha_axis(), y=y),
            base.mark_point(filled=True, fill=one.colour, size=36, opacity=1).encode(
                x=alpha_axis(), y=y, tooltip=tooltip
            ),
        ]
    return layers


def _ed50(row: pl.DataFrame, one: Series, data: Datasets, name: str, i: int) -> Any:
    """A dot at S = 0.5, moved a little down for each series so that intervals do not cover each other."""
    y = alt.YDatum(0.5 - 0.035 * i)
    named = data.add(name, row.select("ed50", "ed50_low", "ed50_high").filter(pl.col("ed50").is_not_null()))
    base = alt.Chart(named)
    return alt.layer(
        base.mark_rule(stroke=one.colour, strokeWidth=2).encode(x="ed50_low:Q", x2="ed50_high", y=y),
        base.mark_point(filled=True, fill=PAPER, stroke=one.colour, strokeWidth=1.8, size=60, opacity=1).encode(
            x="ed50:Q", y=y, tooltip=[alt.Tooltip(f"{c}:Q", format=".3g") for c in ("ed50", "ed50_low", "ed50_high")]
        ),
    )
