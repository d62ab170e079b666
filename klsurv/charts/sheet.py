"""What all charts with panels share. In: panels, legend entries, words. Out: one figure; also axes and notes."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, floor, log10, sqrt
from typing import Any, Literal

import altair as alt
import polars as pl

from klsurv.charts.figure import Datasets, Figure
from klsurv.charts.legend import Entry
from klsurv.charts.page import NO_LABELS, SUBTITLE, Page, Words, composed, cut, letters, time_axis
from klsurv.charts.theme import FAINT


def sheet(
    panels: Sequence[Any],
    *,
    page: Page,
    entries: Sequence[Entry] = (),
    words: Words,
    data: Datasets,
    row_gap: int = 14,
) -> Figure:
    """The panels in rows, under a title and a legend of `entries`."""
    panels = panels or [alt.layer(note("nothing to show", 0, 20), width=page.width, height=60)]
    context: dict[str, Any] = {"top_level": False, "datasets": {}}
    drawn = [panel.to_dict(validate=False, context=context) for panel in panels]
    shown = Words(cut(words.title, 110), cut(words.subtitle, SUBTITLE))
    chart = composed(drawn, page=page, entries=entries, words=shown, row_gap=row_gap)
    return Figure({**chart, "datasets": context["datasets"]}, data)


def panel(layers: Sequence[Any], *, text: str, size: tuple[int, int]) -> Any:
    """The layers as one panel of this width and height, under a heading that is no wider."""
    # A heading stands on whatever reaches highest, often half a tick label: this, in every panel, reaches higher.
    strut = alt.Chart(alt.InlineData([{}])).mark_rule(x=0, strokeOpacity=0, aria=False)
    strut = strut.encode(y=alt.YValue(-9), y2=alt.Y2Value(0))
    title = alt.Title(cut(text, letters(size[0])), frame="group", offset=2)
    return alt.layer(*layers, strut, width=size[0], height=size[1], title=title)


def time(ends: tuple[float, float], *, page: Page, field: str = "fork") -> alt.X:
    """The time axis of a panel."""
    return alt.X(**time_axis(ends, log_time=page.log_time, field=field))


def edge_of(goes_on: pl.Expr, *, last: float, x_max: float, page: Page) -> pl.Expr:
    """Where the curve of a group ends (tokens): a little past its last fork, so that its last tread is seen.

    At the right edge, `x_max`, only where none was followed for longer, to `last`, or where none is left who `goes_on`:
    else what is not known would look like survival.
    """
    own = pl.col("fork").last()
    beyond = pl.max_horizontal(own, 1.0) * (x_max / last) if page.log_time else own + (x_max - last)
    return pl.when(goes_on, own < last).then(beyond).otherwise(x_max)


def share(field: str, *, title: str | None, labels: bool, room: float = 0.02) -> alt.Y:
    """A y axis from 0 to 1, and `room` beyond, so that lines at 0 and 1 are not on the edge."""
    hidden: dict[str, Any] = {} if labels else NO_LABELS
    return (
        alt.Y(f"{field}:Q", title=title)
        .scale(domain=[-room, 1 + room], nice=False)
        .axis(values=[0, 0.25, 0.5, 0.75, 1], format=".2~f", zindex=1, **hidden)
    )


def log_scale(
    field: str, *, axis: type[Any], title: str | None, values: list[float], ticks: list[float] | None = None
) -> Any:
    """A logarithmic axis that holds positive `values` and spans a factor of 4 or more.

    Ticks are at 1, 2, 5 of a decade, if not said otherwise.
    """
    low, high = min(values, default=1.0), max(values, default=1.0)
    beyond = max(1.15, 2 / sqrt(high / low))
    low, high = low / beyond, high * beyond
    decades = range(floor(log10(low)), ceil(log10(high)))
    ticks = ticks or [m * 10.0**e for e in decades for m in (1, 2, 5) if low <= m * 10.0**e <= high]
    channel = axis(f"{field}:Q", title=title).scale(type="log", domain=[low, high], nice=False)
    return channel.axis(values=ticks, format=".8~g", labelOverlap="greedy", labelSeparation=4, zindex=1)


def note(
    text: str,
    x: float,
    y: float,
    *,
    align: Literal["left", "right", "center"] = "left",
    colour: str = FAINT,
    size: float = 10.5,
) -> alt.Chart:
    """A line of text at a place in a panel (pixels)."""
    chart: alt.Chart = (
        alt.Chart(alt.InlineData([{}]))
        .mark_text(align=align, baseline="top", fontSize=size, color=colour, x=x, y=y)
        .encode(text=alt.TextValue(text))
    )
    return chart
