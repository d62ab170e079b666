"""The calibration figure. In: bisection, heldout and cells. Out: the path to c_star, held-out KL, c_star by seed."""

from __future__ import annotations

from typing import Any

import altair as alt
import polars as pl

from klsurv.charts.figure import Datasets, Figure
from klsurv.charts.legend import Entry
from klsurv.charts.page import Page, Words, shorts
from klsurv.charts.series import Series, series_of, wider
from klsurv.charts.sheet import log_scale, note, panel, sheet
from klsurv.charts.theme import FAINT, INK
from klsurv.params import Layout
from klsurv.schema import BAND, RUN

_Y = "p95 KL (nats)"
# Letters of a name beside the dots.
_NAME = 32
# Pixels of a row of dots, at least.
_ROW = 14


def calibration_chart(
    bisection: pl.DataFrame,
    heldout: pl.DataFrame,
    calibration: pl.DataFrame,
    cells: pl.DataFrame,
    *,
    words: Words,
    layout: Layout,
) -> Figure:
    """Three panels, a series per method: p95 KL by step, held-out p95 by dose, c_star by seed.

    Where there are several models, layers or windows each has its series; `bisection` has these columns too. The grey
    band is 0.7 to 1.4 of the target, where all cells have the same. The steps are what the bisection is drawn over: by
    coefficient its last ones, the closest to the target, would cover each other.
    """
    by = [name for name in RUN if name == "method" or calibration.get_column(name).n_unique() > 1]
    cells = cells.select(*by, "cell", "c_star", "seed", "target_kl")
    series = series_of(cells, by=by)
    page = Page(n_panels=3, layout=layout)
    width, least = page.size
    # However many rows the right panel has, their names keep apart.
    height = max(least, _ROW * len(series))
    data = Datasets()
    targets = cells.filter(_drawable("target_kl")).get_column("target_kl").unique()
    bisection, heldout = (table.filter(_drawable("kl_p95")) for table in (bisection, heldout))
    heldout = heldout.filter(_drawable("alpha")).with_columns(pl.when(_drawable("target_kl")).then("target_kl"))
    band = [share * targets[0] for share in BAND] if len(targets) == 1 else []
    searched = log_scale("kl_p95", axis=alt.Y, title=_Y, values=[*band, *bisection.get_column("kl_p95")])
    levels = [*band, *heldout.get_column("kl_p95"), *heldout.get_column("target_kl").drop_nulls()]
    held_y = log_scale("kl_p95", axis=alt.Y, title=_Y, values=levels)
    tried = heldout.get_column("alpha").unique().sort().to_list()
    held_x = log_scale("alpha", axis=alt.X, title="α (dose)", values=tried, ticks=tried)
    last = int(bisection.get_column("step").max() or 1)  # type: ignore[arg-type]
    path, doses = ([] if table.is_empty() else _band(band) for table in (bisection, heldout))
    dots: list[Any] = []
    found = _c_star(cells, calibration)
    names = shorts([one.name for one in series], _NAME)
    for i, one in enumerate(series):
        more = wider(i, len(series)) / 2
        path += _path(one.rows(bisection), one, data, str(i), y=searched, last=last, more=more)
        doses += _doses(one.rows(heldout), one, data, str(i), x=held_x, y=held_y, more=more)
        aside = min(8, height / len(series) / 4)
        dots += _dots(
            one.rows(cells), one.rows(calibration), one, data, str(i), x=found, names=names, row=names[i], aside=aside
        )
    entries = [one.entry() for one in series]
    entries += [Entry("band", FAINT, "{:g}–{:g} of the target".format(*BAND))] * bool(band)
    entries += [Entry("dashed", FAINT, "target × α²")] * (heldout.get_column("target_kl").count() > 0)
    for layers, table, text in ((path, bisection, "no history.json"), (doses, heldout, "no held-out KL")):
        if table.is_empty():
            layers.append(note(text, width / 2, height / 2, align="center"))
    n = cells.height
    known = calibration.get_column("c_star_low").count() > 0
    panels = [
        panel(path, text="bisection, calibration prompts", size=(width, height)),
        panel(doses, text="held-out prompts", size=(width, height)),
        panel(dots, text=f"c_star of {n} cell{'s' * (n != 1)}{'; mean, 95 % interval' * known}", size=(width, height)),
    ]
    return sheet(panels, page=page, entries=entries, words=words, data=data)


def _drawable(column: str) -> pl.Expr:
    """Whether a logarithmic axis can hold it."""
    return (pl.col(column) > 0) & pl.col(column).is_finite()


def _path(
    steps: pl.DataFrame, one: Series, data: Datasets, name: str, *, y: alt.Y, last: int, more: float
) -> list[Any]:
    base = alt.Chart(data.add(f"bisection {name}", steps.select("cell", "step", "coeff", "kl_p95")))
    x = alt.X("step:Q", title="step").scale(domain=[0, last], nice=False, padding=8)
    x = x.axis(values=list(range(0, last + 1, 1 + last // 12)), format="d")
    tooltip = [alt.Tooltip("cell:N")]
    tooltip += [alt.Tooltip(f"{column}:Q", format=".4g") for column in ("step", "coeff", "kl_p95")]
    return [
        base.mark_line(stroke=one.colour, strokeWidth=1.2 + more, strokeDash=one.dash).encode(
            x=x, y=y, detail=alt.Detail("cell:N")
        ),
        base.mark_point(filled=True, fill=one.colour, size=30 + 40 * more, opacity=1).encode(x=x, y=y, tooltip=tooltip),
    ]


def _doses(held: pl.DataFrame, one: Series, data: Datasets, name: str, *, x: alt.X, y: alt.Y, more: float) -> list[Any]:
    base = alt.Chart(
        data.add(f"heldout {name}", held.select("model", "layer", "window", "alpha", "kl_p95", "target_kl"))
    )
    tooltip = [alt.Tooltip(f"{column}:Q", format=".4g") for column in ("alpha", "kl_p95", "target_kl")]
    run = [alt.Detail(f"{column}:N") for column in ("model", "layer", "window")]
    return [
        base.mark_line(stroke=FAINT, strokeDash=[4, 3], strokeWidth=1).encode(x=x, y=alt.Y("target_kl:Q"), detail=run),
        base.mark_line(stroke=one.colour, strokeWidth=1.8 + more, strokeDash=one.dash).encode(x=x, y=y, detail=run),
        base.mark_point(filled=True, fill=one.colour, size=34 + 40 * more, opacity=1).encode(x=x, y=y, tooltip=tooltip),
    ]


def _band(ends: list[float]) -> list[Any]:
    if not ends:
        return []
    band = alt.Chart(alt.InlineData([{"low": ends[0], "high": ends[1]}])).mark_rect(fill=FAINT, fillOpacity=0.2)
    return [band.encode(y=alt.Y("low:Q", title=_Y).scale(type="log"), y2=alt.Y2("high"))]


def _c_star(cells: pl.DataFrame, means: pl.DataFrame) -> alt.X:
    """The axis of c_star, which has room for all cells and intervals."""
    columns = [cells.get_column("c_star"), means.get_column("c_star_low"), means.get_column("c_star_high")]
    values = pl.concat(columns).drop_nulls().unique().sort().to_list() or [0.0, 1.0]
    x = alt.X("c_star:Q", title="c_star").scale(domain=[values[0], values[-1]], zero=False, nice=False, padding=18)
    known = cells.get_column("c_star").drop_nulls().unique().to_list()
    if len(known) == 1:
        # Vega would round to a whole number, for between equal ends it knows no step.
        return x.axis(values=known, format=".6~g")
    return x.axis(tickCount=4, labelFlush=False, labelOverlap="greedy")


def _dots(
    cells: pl.DataFrame,
    means: pl.DataFrame,
    one: Series,
    data: Datasets,
    name: str,
    *,
    x: alt.X,
    names: list[str],
    row: str,
    aside: float,
) -> list[Any]:
    """A dot per cell, and below them, where it hides none, the mean with its interval; `aside` pixels from the row."""
    cells, means = (table.with_columns(run=pl.lit(row)) for table in (cells, means))
    # In the order of the legend: Vega would sort the names, of which the beginning may be cut.
    y = alt.Y("run:N", title=None, sort=names).scale(domain=names).axis(labelLimit=0)
    dots = alt.Chart(data.add(f"c_star {name}", cells.filter(pl.col("c_star").is_not_null())))
    known = means.select("run", "c_star_mean", "c_star_low", "c_star_high").drop_nulls()
    bars = alt.Chart(data.add(f"c_star mean {name}", known))
    return [
        bars.mark_rule(stroke=INK, strokeWidth=1.6, yOffset=aside).encode(
            x=alt.X("c_star_low:Q"), x2=alt.X2("c_star_high"), y=y
        ),
        bars.mark_tick(color=INK, thickness=2, size=12, yOffset=aside, opacity=1).encode(x=alt.X("c_star_mean:Q"), y=y),
        dots.mark_point(
            filled=True, fill=one.colour, size=60, opacity=0.8, yOffset=-aside * (not known.is_empty())
        ).encode(x=x, y=y, tooltip=[alt.Tooltip(column) for column in ("cell:N", "seed:Q", "c_star:Q")]),
    ]
