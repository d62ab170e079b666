"""The dose figure. In: the table `dose`. Out: restricted mean and survival against alpha, with bars and ED50."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt
import polars as pl

from klsurv.charts.figure import Datasets, Figure
from klsurv.charts.legend import Entry
from klsurv.charts.series import Series, series_of
from klsurv.charts.sheet import Page, Words, note, panel, share, sheet
from klsurv.charts.theme import FAINT, INK, PAPER


def dose_chart(dose: pl.DataFrame, *, by: Sequence[str], words: Words, view: dict[str, Any]) -> Figure:
    """Two panels, the restricted mean to tau and S(tau), a series per group; ED50 and its interval about S = 0.5.

    A bar per dose, not a band: where no draw differs there is no interval, and a band would end in a wall.
    """
    series = series_of(dose, by=by)
    page = Page(n_panels=2, **view)
    data = Datasets()
    taus: list[int] = dose.get_column("tau").drop_nulls().unique().to_list()
    tau = taus[0] if taus else 1
    top = float(tau)
    tokens = alt.Y("rmst:Q", title="mean tokens alive before τ").scale(domain=[-0.02 * top, 1.02 * top], nice=False)
    tokens = tokens.axis(tickCount=5, zindex=1)
    alive = share("survival_tau", title="S(τ)", labels=True)
    mean = _panel(dose, series, data, tokens, "rmst", ("rmst_low", "rmst_high"))
    end = _panel(dose, series, data, alive, "survival_tau", ("survival_low", "survival_high"))
    half = alt.Chart(alt.InlineData([{"y": 0.5}])).mark_rule(stroke=FAINT, strokeDash=[4, 3]).encode(y="y:Q")
    marks = [
        _ed50(one.rows(dose), one, data, f"ed50 {i}", _beside(i, len(series), 0.035)) for i, one in enumerate(series)
    ]
    if not taus:
        mean.append(note("pmass was not measured", page.size[0] / 2, page.size[1] / 2, align="center"))
    words.entries = [one.entry() for one in series if len(series) > 1]
    words.entries += [
        Entry("bar", series[0].colour if len(series) == 1 else INK, "interval, prompts resampled"),
        Entry("dot", INK, "ED50 and its interval" + (", one above the other" if len(series) > 1 else "")),
    ]
    panels = [
        panel(mean, text=f"restricted mean, τ = {tau} tokens", size=page.size),
        panel([half, *end, *marks], text=f"alive at τ = {tau} tokens", size=page.size),
    ]
    return sheet(panels, page=page, words=words, data=data)


def _panel(
    dose: pl.DataFrame,
    series: list[Series],
    data: Datasets,
    y: alt.Y,
    column: str,
    bounds: tuple[str, str],
) -> list[Any]:
    layers: list[Any] = []
    x = alt.X("alpha:Q", title="α (dose)").scale(nice=False, zero=True, padding=14).axis(tickCount=6, zindex=1)
    for i, one in enumerate(series):
        rows = one.rows(dose)
        named = data.add(f"{column} {i}", rows.select("alpha", column, *bounds, "n", "n_events"))
        tooltip = [alt.Tooltip(f"{name}:Q", format=".4g") for name in ("alpha", column, *bounds, "n", "n_events")]
        base = alt.Chart(named)
        known = data.add(f"{column} bars {i}", rows.select("alpha", *bounds).drop_nulls())
        aside = _beside(i, len(series), min(4, 16 / len(series)))
        bars = alt.Chart(known)
        layers += [
            bars.mark_rule(stroke=one.colour, strokeWidth=1.6, strokeOpacity=0.6, xOffset=aside).encode(
                x=x, y=alt.Y(f"{bounds[0]}:Q"), y2=bounds[1]
            ),
            *(
                bars.mark_tick(
                    color=one.colour, thickness=1.6, size=8, opacity=0.6, xOffset=aside, orient="horizontal"
                ).encode(x=x, y=alt.Y(f"{bound}:Q"))
                for bound in bounds
            ),
            base.mark_line(stroke=one.colour, strokeWidth=2, strokeDash=one.dash).encode(x=x, y=y),
            base.mark_point(filled=True, fill=one.colour, size=36, opacity=1).encode(x=x, y=y, tooltip=tooltip),
        ]
    return layers


def _beside(i: int, of: int, step: float) -> float:
    """Where series i of some stands, so that their intervals do not cover each other."""
    return step * (i - (of - 1) / 2)


def _ed50(rows: pl.DataFrame, one: Series, data: Datasets, name: str, above: float) -> Any:
    """A ring about S = 0.5; a bound that lies beyond the doses (null) is drawn to the last of them."""
    y = alt.YDatum(0.5 - above)
    low, high = (
        pl.col("ed50_low").fill_null(pl.col("alpha").min()),
        pl.col("ed50_high").fill_null(pl.col("alpha").max()),
    )
    both = pl.col("ed50_low").is_null() & pl.col("ed50_high").is_null()
    row = rows.select("ed50", ed50_low=pl.when(~both).then(low), ed50_high=pl.when(~both).then(high)).head(1)
    base = alt.Chart(data.add(name, row.filter(pl.col("ed50").is_not_null())))
    return alt.layer(
        base.mark_rule(stroke=one.colour, strokeWidth=2).encode(x="ed50_low:Q", x2="ed50_high", y=y),
        base.mark_point(filled=True, fill=PAPER, stroke=one.colour, strokeWidth=1.8, size=60, opacity=1).encode(
            x="ed50:Q", y=y, tooltip=[alt.Tooltip(f"{c}:Q", format=".3g") for c in ("ed50", "ed50_low", "ed50_high")]
        ),
    )
