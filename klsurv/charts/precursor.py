"""The precursor figure. In: the tables `study` and `hazard`. Out: KL before death, and a forest of hazard ratios."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import altair as alt
import polars as pl

from klsurv.charts.figure import Datasets, Figure
from klsurv.charts.legend import Entry
from klsurv.charts.page import Page, Words, headings, letters, told_apart
from klsurv.charts.series import Series, series_of
from klsurv.charts.sheet import log_scale, note, panel, sheet
from klsurv.charts.theme import ALIVE, DEAD, FAINT, INK
from klsurv.inference import Interval
from klsurv.params import Layout
from klsurv.wording import percent

TITLES = {"raw": "smoothed KL (nats)", "relative": "KL / own p95"}
COVARIATES = {"log2_early_kl": "early KL × 2", "log2_spike": "spike × 2", "log2_alpha": "α × 2"}
# Beyond these, as where a covariate separates the dead from the rest, an arrow at the edge stands for a ratio or bound.
_LEAST, _MOST = 0.01, 100.0
_RATIO = ("hazard_ratio", "ci_low", "ci_high")
_PLACE = tuple(f"to_{name}" for name in _RATIO)
# Pixels below a panel of the numbers of deaths, and between two of them.
_BELOW, _APART = 46, 34


def precursor_chart(
    study: pl.DataFrame,
    hazard: pl.DataFrame | None,
    *,
    groups: pl.DataFrame,
    words: Words,
    layout: Layout,
    level: float = Interval.level,
) -> Figure:
    """Two panels of the event study, raw and relative, the dying against the living; then hazard ratios, if there are.

    A row of panels per row of `groups`, all on the same axes; one where it has no column. Bands are of resampled
    prompts; they and the intervals of ratios are at `level`. The forks of the hazard model, its baseline, are not
    drawn.
    """
    rows = series_of(groups, by=groups.columns)
    study = study.filter(pl.col("n_deaths") > 0)
    ratios = pl.DataFrame()
    if hazard is not None:
        ratios = hazard.filter(pl.col("hazard_ratio").is_finite() & pl.col("covariate").is_in(list(COVARIATES)))
    each = len(TITLES) + (not ratios.is_empty())
    page = Page(n_panels=each * len(rows), layout=replace(layout, columns=layout.columns or each))
    data = Datasets()
    names = [group.name for group in rows]
    panels = []
    for k, group in enumerate(rows):
        for measure in TITLES:
            panels.append(_study(study.filter(measure=measure), group, measure, data, k, names, page))
        if not ratios.is_empty():
            panels.append(_forest(ratios, group, data, k, names, page, level))
    lines = [
        Entry("line", DEAD, "those that die at 0"),
        Entry("line", ALIVE, "same α, alive at that fork", dash=[6, 3]),
    ]
    entries = [
        *lines * data.hold("study"),
        *[Entry("band", FAINT, f"{percent(level)} interval, prompts resampled")]
        * (study.get_column("alive_low").count() > 0),
    ]
    return sheet(panels, page=page, entries=entries, words=words, data=data)


def _study(
    study: pl.DataFrame, group: Series, measure: str, data: Datasets, k: int, names: Sequence[str], page: Page
) -> Any:
    """The panel of a group, on the axes that all groups need."""
    rows = group.rows(study)
    width, height = page.size
    layers: list[Any] = []
    named = data.add(f"study {measure} {k}", rows)
    lags: list[int] = study.get_column("lag").to_list() or [-32]
    # Half a token more, for a line of one lag has no length.
    x = alt.X("lag:Q", title="token, from the fork of death").axis(tickCount=6, tickMinStep=1, zindex=1)
    x = x.scale(domain=[min(lags) - 0.5, 0], nice=False)
    ends = [0.0, *_values(study, [f"{who}{end}" for who in ("alive", "died") for end in ("", "_low", "_high")])]
    for who, colour, dash in (("alive", ALIVE, [6, 3]), ("died", DEAD, [1, 0])):
        base = alt.Chart(named)
        y = alt.Y(f"{who}:Q", title=TITLES[measure]).axis(tickCount=5, zindex=1)
        y = y.scale(domain=[0, 1] if study.is_empty() else [min(ends), max(ends)])
        tooltip = [alt.Tooltip(f"{c}:Q", format=".4g") for c in ("lag", "n_deaths", "died", "alive", "difference")]
        layers += [
            base.mark_area(fill=colour, fillOpacity=0.18).encode(
                x=x, y=alt.Y(f"{who}_low:Q"), y2=alt.Y2(f"{who}_high")
            ),
            base.mark_line(stroke=colour, strokeWidth=2, strokeDash=dash).encode(x=x, y=y, tooltip=tooltip),
            base.mark_point(filled=True, fill=colour, size=14, opacity=1).encode(x=x, y=y),
        ]
    if rows.is_empty():
        layers.append(note("no death after the first fork", width / 2, height / 2 - 16, align="center"))
        layers.append(note("with another of its dose alive", width / 2, height / 2, align="center"))
    every = max(1, round(_APART * -min(lags) / width))
    shown = rows.filter((pl.col("lag") + 1) % every == 0).select("lag", "n_deaths")
    counts = alt.Chart(data.add(f"deaths {measure} {k}", shown))
    layers.append(
        counts.mark_text(fontSize=10, color=DEAD, baseline="middle", y=height + _BELOW).encode(
            x=x, text=alt.Text("n_deaths:Q", format="d")
        )
    )
    if measure == "raw" and not rows.is_empty():
        layers.append(note("deaths", -14, height + _BELOW - 5, align="right", size=10))
    most = max(rows.get_column("n_deaths").to_list(), default=0)
    # With groups, the y axis alone says what is measured.
    n = f"n={most} death{'s' * (most != 1)}"
    return panel(layers, text=_heading(k, names, n, page) if group.name else f"{TITLES[measure]}, {n}", size=page.size)


def _forest(
    ratios: pl.DataFrame, group: Series, data: Datasets, k: int, names: Sequence[str], page: Page, level: float
) -> Any:
    """The panel of a group, on the axes that all groups need."""
    placed = ratios.with_columns(
        pl.col("covariate").replace(COVARIATES),
        pl.col(_RATIO).clip(_LEAST, _MOST).name.prefix("to_"),
    )
    rows = group.rows(placed)
    shown = rows.select("covariate", *_RATIO, *_PLACE, "p")
    inside = pl.col("hazard_ratio").is_between(_LEAST, _MOST)
    base = alt.Chart(data.add(f"hazard {k}", shown.filter(inside)))
    covariates = placed.get_column("covariate").unique(maintain_order=True).to_list()
    y = alt.Y("covariate:N", title=None, sort=covariates).scale(domain=covariates)
    title = f"hazard ratio, {percent(level)} interval"
    x = log_scale("to_hazard_ratio", axis=alt.X, title=title, values=_values(placed, _PLACE))
    tooltip = [alt.Tooltip(f"{c}:Q", format=".3g") for c in (*_RATIO, "p")]
    layers = [
        alt.Chart(alt.InlineData([{"x": 1}])).mark_rule(stroke=FAINT, strokeDash=[4, 3]).encode(x=alt.X("x:Q")),
        alt.Chart(data.add(f"intervals {k}", shown))
        .mark_rule(stroke=INK, strokeWidth=1.6)
        .encode(x=alt.X("to_ci_low:Q"), x2=alt.X2("to_ci_high"), y=y),
        base.mark_point(filled=True, fill=INK, shape="diamond", size=60, opacity=1).encode(x=x, y=y, tooltip=tooltip),
    ]
    beyond = (("left", "to_ci_low", pl.col("ci_low") < _LEAST), ("right", "to_ci_high", pl.col("ci_high") > _MOST))
    for side, end, cut in beyond:
        if not (arrows := shown.filter(cut)).is_empty():
            layers.append(
                alt.Chart(data.add(f"hazard to the {side} {k}", arrows))
                .mark_point(filled=True, fill=INK, shape=f"triangle-{side}", size=60, opacity=1)
                .encode(x=alt.X(f"{end}:Q"), y=y, tooltip=tooltip)
            )
    if rows.is_empty():
        layers.append(note("no finite solution", page.size[0] / 2, page.size[1] / 2, align="center"))
        return panel(layers, text=told_apart(names, letters(page.size[0]))[k], size=page.size)
    of = rows.row(0, named=True)
    n = f"n={of['n']} forks, {of['n_events']} deaths"
    return panel(layers, text=_heading(k, names, n, page) if group.name else f"hazard ratios   {n}", size=page.size)


def _values(table: pl.DataFrame, columns: Sequence[str]) -> list[float]:
    """All that an axis must have room for."""
    return [value for column in table.select(columns).iter_columns() for value in column.drop_nulls().to_list()]


def _heading(k: int, names: Sequence[str], n: str, page: Page) -> str:
    """The name of group k, told from the others, and how many it is of."""
    return headings(names, [n] * len(names), width=page.size[0])[k]
