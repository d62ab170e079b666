"""What all charts with panels share. In: panels, legend entries, words. Out: one figure; and the time axis, notes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import altair as alt

from klsurv.charts.figure import Datasets, Figure
from klsurv.charts.legend import Entry, legend
from klsurv.charts.theme import FAINT, columns_for, config, panel_size

SPACING = 22


@dataclass(frozen=True, kw_only=True)
class Page:
    """How a figure of `n_panels` is laid out: the panels in a row and their size (pixels), and how time is drawn."""

    n_panels: int
    columns: int | None = None
    log_time: bool = False

    @property
    def across(self) -> int:
        """Panels in a row."""
        return min(self.columns or columns_for(self.n_panels), max(self.n_panels, 1))

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of a panel."""
        return panel_size(self.columns or columns_for(self.n_panels))

    @property
    def width(self) -> int:
        """Width of a full row."""
        return self.across * self.size[0] + (self.across - 1) * SPACING

    def left(self, i: int) -> bool:
        """Whether panel i begins a row."""
        return i % self.across == 0


@dataclass
class Words:
    """What is written over a figure: what it shows, and of what."""

    title: str
    subtitle: str
    entries: list[Entry] = field(default_factory=list)


def sheet(panels: Sequence[Any], *, page: Page, words: Words, data: Datasets, row_gap: int = 14) -> Figure:
    """The panels in rows, under a title and a legend."""
    rows: list[Any] = [legend(words.entries, width=page.width)] if words.entries else []
    if panels:
        rows.append(alt.concat(*panels, columns=page.across, spacing={"row": row_gap, "column": SPACING}))
    else:
        rows.append(alt.layer(note("nothing to show", 0, 20), width=page.width, height=60))
    title = alt.Title(
        short(words.title, 110), subtitle=short(words.subtitle, 130), fontSize=15, fontWeight="bold", offset=8
    )
    return Figure(alt.vconcat(*rows, spacing=12, title=title, config=config()), data)


def heading(text: str) -> alt.Title:
    """What stands over a panel."""
    return alt.Title(short(text, 60), frame="group", offset=5)


def time(x_max: float, *, page: Page, field: str = "fork", title: str = "token t") -> alt.X:
    """The time axis of a panel, from 0 to x_max tokens; with `log_time` logarithmic, but linear below 1."""
    log: dict[str, Any] = {"type": "symlog", "constant": 1} if page.log_time else {}
    ticks: dict[str, Any] = {"tickCount": 5}
    if page.log_time:
        ticks = {"values": [v for v in (0, 1, 3, 10, 30, 100, 300, 1000, 3000, 10000) if v <= x_max]}
    left = 0.0 if page.log_time else -0.01 * x_max
    return (
        alt.X(f"{field}:Q", title=title)
        .scale(domain=[left, x_max], nice=False, zero=False, **log)
        .axis(zindex=1, **ticks)
    )


def share(field: str, *, title: str | None, labels: bool) -> alt.Y:
    """A y axis from 0 to 1; labels of panels that do not begin a row are there, unseen, to keep titles on one line."""
    hidden: dict[str, Any] = {} if labels else {"labelOpacity": 0, "labelPadding": -40}
    return (
        alt.Y(f"{field}:Q", title=title)
        .scale(domain=[0, 1], nice=False)
        .axis(values=[0, 0.25, 0.5, 0.75, 1], format=".2~f", zindex=1, **hidden)
    )


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


def short(text: str, most: int) -> str:
    """The text, cut with an ellipsis where it is longer than `most` characters."""
    return text if len(text) <= most else text[: most - 1] + "…"
