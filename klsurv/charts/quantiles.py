"""The quantile figure. In: bands of KL by token. Out: p10–p90, p25–p75 and median, on the axes of the spaghetti."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import altair as alt
import polars as pl

from klsurv.charts.figure import Datasets, Figure
from klsurv.charts.legend import Entry
from klsurv.charts.page import NO_SCALE, Page, Words, doses, kl_axis
from klsurv.charts.sheet import note, sheet, time
from klsurv.charts.sheet import panel as framed
from klsurv.charts.theme import ALIVE, DEAD, FAINT
from klsurv.exprs.axes import Axes
from klsurv.params import Layout

# The median by the share alive, none, half and all: its colour and, for grey print, its width.
STOPS, WIDTHS = (DEAD, "#6b5b4f", ALIVE), (1.2, 2.1, 3.0)


@dataclass(frozen=True, kw_only=True)
class Bands:
    """One alpha: its axes, how many trajectories it has, and its table from `frames.bands.kl_bands`."""

    alpha: float
    n: int
    axes: Axes
    bands: pl.DataFrame


def quantiles_chart(panels: list[Bands], *, y_title: str, words: Words, layout: Layout) -> Figure:
    """A panel per alpha; the median is blue and wide where all present live, orange and thin where all are dead."""
    page = Page(n_panels=len(panels), layout=layout)
    data = Datasets()
    said = doses([panel.alpha for panel in panels])
    drawn = [_panel(panel, said[i], i, data, page, y_title) for i, panel in enumerate(panels)]
    if not data.hold("bands"):
        return sheet(drawn, page=page, words=words, data=data)
    # Of one trajectory, or of KL that is 0, bands have no height.
    seen = any((panel.bands["p10"] < panel.bands["p90"]).any() for panel in panels)
    entries = [
        *[Entry("band", FAINT, "p10–p90", opacity=0.25)] * seen,
        *[Entry("band", FAINT, "p25–p75", opacity=0.5)] * seen,
    ]
    stops = zip(("all dead", "half alive", "median, all alive"), STOPS, WIDTHS, strict=True)
    entries += [Entry("line", colour, text, width=width) for text, colour, width in reversed(list(stops))]
    return sheet(drawn, page=page, entries=entries, words=words, data=data)


def _panel(panel: Bands, dose: str, i: int, data: Datasets, page: Page, y_title: str) -> Any:
    axes = panel.axes
    x = time((-0.15 if page.log_time else axes.x_domain[0], axes.x_max), page=page, field="t")

    def y(field: str) -> alt.Y:
        return alt.Y(**kl_axis(axes, field=field, title=y_title if i == 0 else None, labels=page.left(i)))

    base = alt.Chart(data.add(f"bands {panel.alpha}", panel.bands))
    layers: list[Any] = [
        base.mark_area(fill=FAINT, fillOpacity=0.25, clip=True).encode(x=x, y=y("p10"), y2=alt.Y2("p90")),
        base.mark_area(fill=FAINT, fillOpacity=0.35, clip=True).encode(x=x, y=y("p25"), y2=alt.Y2("p75")),
    ]
    strokes = panel.bands.select(
        "t", "p50", "alive", t2=pl.col("t").shift(-1), y2=pl.col("p50").shift(-1), n="n"
    ).drop_nulls()
    colour = alt.Color("alive:Q", legend=None).scale(domain=[0, 0.5, 1], range=list(STOPS), interpolate="rgb")
    wide = alt.StrokeWidth("alive:Q", legend=None).scale(domain=[0, 0.5, 1], range=list(WIDTHS))
    layers.append(
        alt.Chart(data.add(f"median {panel.alpha}", strokes))
        .mark_rule(clip=True, strokeCap="round")
        .encode(
            x=x,
            x2=alt.X2("t2"),
            y=y("p50"),
            y2=alt.Y2("y2"),
            color=colour,
            strokeWidth=wide,
            tooltip=[alt.Tooltip(f"{c}:Q", format=".3g") for c in ("t", "p50", "alive", "n")],
        )
    )
    if panel.bands.is_empty():
        text = f"{panel.n} {NO_SCALE}" if panel.n else "no trajectory"
        layers.append(note(text, axes.width / 2, axes.height / 2, align="center"))
    return framed(layers, text=f"α = {dose}   n={panel.n}", size=(axes.width, axes.height))
