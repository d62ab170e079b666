"""The dose figure. In: the table `dose`. Out: restricted mean and survival against alpha, with bars and ED50."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt
import polars as pl

from klsurv.charts.figure import Datasets, Figure
from klsurv.charts.legend import Entry
from klsurv.charts.page import Page, Words, every, letters, told_apart
from klsurv.charts.series import CROWD, Series, series_of
from klsurv.charts.sheet import note, panel, share, sheet
from klsurv.charts.theme import FAINT, INK, PAPER
from klsurv.inference import Interval
from klsurv.params import Layout
from klsurv.wording import percent


def dose_chart(
    dose: pl.DataFrame, *, by: Sequence[str], words: Words, layout: Layout, level: float = Interval.level
) -> Figure:
    """Two panels, the restricted mean to tau and S(tau), a series per group; ED50 and its interval about S = 0.5.

    More than 4 groups have two panels each, the others in grey: their bars would cover each other.
    A bar per dose, at `level`, not a band: where no draw differs there is no interval, and a band would end in a wall.
    """
    # Where none was measured there is no group, but the frame that says so.
    series = series_of(dose, by=by) or series_of(dose, by=[])
    apart = len(series) > CROWD
    together = [[one] for one in enumerate(series)] if apart else [list(enumerate(series))]
    page = Page(n_panels=2 * len(together), layout=layout)
    data = Datasets()
    tau: int | None = dose.get_column("tau").max()  # type: ignore[assignment]
    until = "τ" if tau is None else f"τ = {tau} tokens"
    top = float(max(tau or 1, 1))
    tokens = alt.Y("rmst:Q", title="mean tokens alive before τ").scale(domain=[-0.02 * top, 1.02 * top], nice=False)
    tokens = tokens.axis(tickCount=5, zindex=1)
    alive = share("survival_tau", title="S(τ)", labels=True)
    x = _doses(dose.get_column("alpha").unique().sort().to_list(), log=layout.log_dose)
    half = alt.Chart(alt.InlineData([{"y": 0.5}])).mark_rule(stroke=FAINT, strokeDash=[4, 3]).encode(y=alt.Y("y:Q"))
    names = told_apart([one.name for one in series], letters(page.size[0]))
    panels = []
    for group in together:
        mean = _panel(dose, group, data, tokens, "rmst", ("rmst_low", "rmst_high"), others=by if apart else (), x=x)
        bounds = ("survival_low", "survival_high")
        end = _panel(dose, group, data, alive, "survival_tau", bounds, others=by if apart else (), x=x)
        for place, (i, one) in enumerate(group):
            end.append(_ed50(one.rows(dose), one, data, f"ed50 {i}", _beside(place, len(group), 0.035)))
        texts = ("restricted mean" if tau is None else f"restricted mean, {until}", f"alive at {until}")
        if apart:
            texts = (names[group[0][0]],) * 2
        for layers, text in zip((mean, [half, *end]), texts, strict=True):
            if tau is None:
                layers.append(note("pmass was not measured", page.size[0] / 2, page.size[1] / 3, align="center"))
            panels.append(panel(layers, text=text, size=page.size))
    interval = f"{percent(level)} interval"
    if apart:
        entries = [Entry("line", FAINT, "the other groups", width=1)]
    else:
        entries = [one.entry() for one in series if len(series) > 1]
    if data.hold("bars"):
        entries.append(Entry("bar", series[0].colour if len(series) == 1 else INK, f"{interval}, prompts resampled"))
    if (found := dose.filter(pl.col("ed50").is_not_null())).height:
        known = found.select(pl.any_horizontal(pl.col("ed50_low", "ed50_high").is_not_null())).to_series().any()
        stacked = ", one above the other" * (1 < len(series) <= CROWD)
        entries.append(Entry("dot", INK, f"ED50{f' and its {interval}' * known}{stacked}"))
    if apart:
        entries.append(Entry("dashed", FAINT, f"S = 0.5 at {until}"))
    return sheet(panels, page=page, entries=entries, words=words, data=data)


def _panel(
    dose: pl.DataFrame,
    series: list[tuple[int, Series]],
    data: Datasets,
    y: alt.Y,
    column: str,
    bounds: tuple[str, str],
    *,
    others: Sequence[str],
    x: alt.X,
) -> list[Any]:
    layers: list[Any] = []
    if others:
        lines = dose.select("alpha", column, curve=pl.struct(others).rank("dense"))
        grey = alt.Chart(data.add(f"{column} of all", lines)).mark_line(
            stroke=FAINT, strokeWidth=0.8, strokeOpacity=0.45
        )
        layers.append(grey.encode(x=x, y=y, detail=alt.Detail("curve:N")))
    for place, (i, one) in enumerate(series):
        rows = one.rows(dose)
        named = data.add(f"{column} {i}", rows.select("alpha", column, *bounds, "n", "n_events"))
        tooltip = [alt.Tooltip(f"{name}:Q", format=".4g") for name in ("alpha", column, *bounds, "n", "n_events")]
        base = alt.Chart(named)
        known = data.add(f"bars {column} {i}", rows.select("alpha", *bounds).drop_nulls())
        aside = _beside(place, len(series), min(4, 16 / len(series)))
        bars = alt.Chart(known)
        layers += [
            bars.mark_rule(stroke=one.colour, strokeWidth=1.6, strokeOpacity=0.6, xOffset=aside).encode(
                x=x, y=alt.Y(f"{bounds[0]}:Q"), y2=alt.Y2(bounds[1])
            ),
            *(
                bars.mark_tick(
                    color=one.colour, thickness=1.6, size=8, opacity=0.6, xOffset=aside, orient="horizontal"
                ).encode(x=x, y=alt.Y(f"{bound}:Q"))
                for bound in bounds
            ),
            base.mark_line(stroke=one.colour, strokeWidth=2, strokeDash=one.dash, xOffset=aside).encode(x=x, y=y),
            base.mark_point(filled=True, fill=one.colour, size=36, opacity=1, xOffset=aside).encode(
                x=x, y=y, tooltip=tooltip
            ),
        ]
    return layers


def _doses(tried: list[float], *, log: bool) -> alt.X:
    """The axis of doses, from 0 or below; with `log` logarithmic, but linear about 0 to the smallest other dose."""
    # The ends are named, as Vega would warn of each table of intervals or arrows in which no row has a place.
    ends = [min([0.0, *tried]), max([0.0, *tried])]
    x = alt.X("alpha:Q", title="α (dose)")
    if log and any(tried):
        smallest = min(abs(alpha) for alpha in tried if alpha)
        x = x.scale(type="symlog", constant=smallest, domain=ends, nice=False, padding=14)
        return x.axis(**every(tried), format=".8~g", labelOverlap="greedy", labelSeparation=4, zindex=1)
    return x.scale(domain=ends, nice=False, padding=14).axis(tickCount=6, zindex=1)


def _beside(i: int, of: int, step: float) -> float:
    """How far series i of some stands aside, so that none covers another's points and intervals."""
    return step * (i - (of - 1) / 2)


def _ed50(rows: pl.DataFrame, one: Series, data: Datasets, name: str, above: float) -> Any:
    """A ring about S = 0.5; a bound that lies beyond the doses (null) is an arrow at the last of them."""
    y = alt.YDatum(0.5 - above)
    both = pl.col("ed50_low").is_null() & pl.col("ed50_high").is_null()
    ends = {"ed50_low": pl.col("alpha").min(), "ed50_high": pl.col("alpha").max()}
    row = rows.select(
        "ed50",
        "ed50_low",
        "ed50_high",
        **{f"to_{bound}": pl.when(~both).then(pl.col(bound).fill_null(end)) for bound, end in ends.items()},
    ).head(1)
    base = alt.Chart(data.add(name, row.filter(pl.col("ed50").is_not_null())))
    arrows = [
        alt.Chart(data.add(f"{name} {shape}", row.filter(pl.col("ed50").is_not_null(), pl.col(bound).is_null())))
        .mark_point(shape=shape, filled=True, fill=one.colour, size=60, opacity=1)
        .encode(x=alt.X(f"to_{bound}:Q"), y=y)
        for bound, shape in (("ed50_low", "triangle-left"), ("ed50_high", "triangle-right"))
    ]
    return alt.layer(
        base.mark_rule(stroke=one.colour, strokeWidth=2).encode(
            x=alt.X("to_ed50_low:Q"), x2=alt.X2("to_ed50_high"), y=y
        ),
        *arrows,
        base.mark_point(filled=True, fill=PAPER, stroke=one.colour, strokeWidth=1.8, size=60, opacity=1).encode(
            x=alt.X("ed50:Q"),
            y=y,
            tooltip=[alt.Tooltip(f"{c}:Q", format=".3g") for c in ("ed50", "ed50_low", "ed50_high")],
        ),
    )
