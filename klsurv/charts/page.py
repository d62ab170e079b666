"""How a figure is laid out. In: panels, names, ends of axes. Out: sizes, ticks, names that have room; a page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Any

from klsurv.charts.legend import Entry, legend
from klsurv.charts.theme import columns_for, config, panel_size
from klsurv.exprs.axes import LINEAR_BELOW, Axes
from klsurv.params import Layout, Scoring

# What a panel says of trajectories that are not drawn (R3).
NO_SCALE = "without a scale (early KL 0 or failed)"
# Letters of a subtitle that are shown.
SUBTITLE = 130
_SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json"
SPACING = 22
# The labels of an axis that has those of the first panel in its row. Empty, not none: so titles stay on one line.
NO_LABELS: dict[str, Any] = {"labelExpr": "''", "labelPadding": 0}
# Pixels of a letter of a heading, and of a line of labels.
_LETTER, _LINE = 6.6, 12
# Letters of one of several names that still say something.
_LEAST = 4
# A time axis shorter than this (tokens) is ticked at each token: Vega would tick half tokens, and those before 0.
_SHORT = 5


@dataclass(frozen=True, kw_only=True)
class Page:
    """How a figure of `n_panels` is laid out: the panels in a row and their size (pixels), and how time is drawn."""

    n_panels: int
    layout: Layout = field(default_factory=Layout)

    @property
    def log_time(self) -> bool:
        """Whether the time axis is logarithmic."""
        return self.layout.log_time

    @property
    def across(self) -> int:
        """Panels in a row."""
        return min(self.layout.columns or columns_for(self.n_panels), max(self.n_panels, 1))

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of a panel."""
        return panel_size(self.layout.columns or columns_for(self.n_panels))

    @property
    def width(self) -> int:
        """Width of a full row."""
        return self.across * self.size[0] + (self.across - 1) * SPACING

    def left(self, i: int) -> bool:
        """Whether panel i begins a row."""
        return i % self.across == 0


@dataclass(frozen=True)
class Words:
    """What is written over a figure: what it shows, and of what."""

    title: str
    subtitle: str


def composed(
    panels: Sequence[dict[str, Any]],
    *,
    page: Page,
    entries: Sequence[Entry],
    words: Words,
    row_gap: int = 14,
) -> dict[str, Any]:
    """Panels, as Vega-Lite has them, in rows under a legend of `entries` and a title.

    Written out: altair copies each panel at every step of composition, which takes longer than all else of a chart.
    """
    rows = {"concat": list(panels), "columns": page.across, "spacing": {"row": row_gap, "column": SPACING}}
    return {
        "$schema": _SCHEMA,
        "config": config(),
        "title": {
            "text": words.title,
            "subtitle": words.subtitle,
            "fontSize": 15,
            "fontWeight": "bold",
            "offset": 8,
        },
        "vconcat": [*([legend(entries, width=page.width)] if entries else []), rows],
        "spacing": 12,
    }


def span(last: float, *, page: Page, room: bool = True) -> tuple[float, float]:
    """The ends of the time axis (tokens): past the last fork, whose tread would be unseen, and a little before 0.

    Without `room` it begins at 0; with it, what falls at token 0 does not lie on the y axis.
    """
    last = max(1.0, last)
    if page.log_time:
        return -0.15 * room, 1.25 * last
    return -0.02 * last * room, 1.04 * last


def time_axis(ends: tuple[float, float], *, log_time: bool, field: str = "fork") -> dict[str, Any]:
    """The time axis of a panel, as Vega-Lite writes it; with `log_time` logarithmic, but linear below 1 token."""
    log: dict[str, Any] = {"type": "symlog", "constant": 1} if log_time else {}
    ticks: dict[str, Any] = {"tickCount": 5, "tickMinStep": 1}
    if ends[1] < _SHORT:
        ticks = {"values": list(range(int(ends[1]) + 1)), "format": "d"}
    elif log_time:
        ticks = every([v for v in (0, 1, 3, 10, 30, 100, 300, 1000, 3000, 10000, 30000, 100000) if v <= ends[1]])
    return {
        "field": field,
        "type": "quantitative",
        "title": "token t",
        "scale": {"domain": list(ends), "nice": False, "zero": False, **log},
        "axis": {"zindex": 1, "labelOverlap": "greedy", "labelSeparation": 4, **ticks},
    }


def kl_title(scoring: Scoring) -> str:
    """What KL is called where it is drawn smoothed, over its own scale or in nats (R3)."""
    return f"KL / p95(KL[:{scoring.calib_tokens}])" if scoring.normalize_kl else "per-token KL (nats)"


def kl_axis(axes: Axes, *, field: str, title: str | None, labels: bool) -> dict[str, Any]:
    """The KL axis of a panel (R7), as Vega-Lite writes it."""
    log: dict[str, Any] = {"type": "symlog", "constant": LINEAR_BELOW} if axes.kl_log else {}
    ticks: dict[str, Any] = every(kl_ticks(axes)) if axes.kl_log else {"tickCount": 5}
    hidden: dict[str, Any] = {} if labels else NO_LABELS
    return {
        "field": field,
        "type": "quantitative",
        "title": title,
        "scale": {"domain": list(axes.y_domain), "nice": False, "zero": False, **log},
        # Six digits: without their number Vega takes as few as tell its ticks apart, and writes 40 as 4e+1.
        "axis": {"format": ".6~g", "zindex": 1, **ticks, **hidden},
    }


def every(ticks: Sequence[float]) -> dict[str, Any]:
    """These ticks, each of them: of more than it counts on Vega draws every second, and not those that are meant."""
    return {"values": list(ticks), "tickCount": len(ticks)}


def kl_ticks(axes: Axes) -> list[float]:
    """Ticks of a symmetric logarithmic KL axis: 0, 0.1, 0.3, 1, …, and 0.03, where there is room for their labels."""
    decades = [m * 10.0**e for e in range(-1, 7) for m in (1, 3) if m * 10.0**e <= axes.y_max]
    return [0.0, *[0.03] * (axes.y_max >= 0.03 and axes.pixel(0) - axes.pixel(0.03) >= _LINE), *decades]


def doses(alphas: Sequence[float]) -> list[str]:
    """Each alpha as a heading or a label has room for it, of eight digits: a third has more than any needs.

    Where two agree in these, as 0.3 and 0.1 + 0.2 of cells that reckoned differently, the last digits are kept instead.
    """
    plainly = [str(float(f"{alpha:.8g}")) for alpha in alphas]
    closely = told_apart(list(map(str, alphas)), 10)
    return [close if plainly.count(text) > 1 else text for text, close in zip(plainly, closely, strict=True)]


def letters(width: float) -> int:
    """How many letters a heading of this width (pixels) has room for."""
    return int(width / _LETTER)


def headings(names: Sequence[str], counts: Sequence[str], *, width: float) -> list[str]:
    """Each name, as much as there is room for, and its counts, which are whole."""
    room = letters(width) - 3 - max(map(len, counts), default=0)
    return [f"{name}   {n}" for name, n in zip(told_apart(names, room), counts, strict=True)]


def told_apart(names: Sequence[str], most: int) -> list[str]:
    """Names no longer than `most`, cut in their middle; where two would then look alike all are cut as by `shorts`."""
    plainly = [short(name, most) for name in names]
    return plainly if len(set(plainly)) == len(set(names)) else shorts(names, most)


def shorts(names: Sequence[str], most: int) -> list[str]:
    """Names no longer than `most`: of too long ones the words at which all begin are cut, then those at which all end.

    `tiny-model_pca`, `tiny-model_random` become `…pca`, `…random`. What is still too long is cut as `short` does; where
    two would then look alike, letters are cut in place of words, and where they still would, names are numbered.
    """
    too_long = max(map(len, names), default=0) - most
    plainly = [short(name, most) for name in names]
    if too_long <= 0:
        return plainly
    for words in (True, False):
        begin = _alike(names, words=words)
        # No more than is needed: what is left says what they have in common.
        start = next((at for at in begin if at > too_long), max(begin, default=0))
        rests = ["…" * (start > 0) + name[start:] for name in names]
        if max(map(len, rests)) > most:
            end = max(_alike([rest[::-1] for rest in rests], words=words), default=0)
            rests = [short(rest[: len(rest) - end] + "…" * (end > 0), most) for rest in rests]
        if len(set(rests)) == len(set(names)):
            return rests
    order = {name: i for i, name in enumerate(dict.fromkeys(names), 1)}
    if len(set(plainly)) == len(order):
        return plainly
    return [f"{short(name, most - len(str(i)) - 1)} {i}" for name, i in ((name, order[name]) for name in names)]


def _alike(names: Sequence[str], *, words: bool) -> list[int]:
    """After how many letters with which all begin one may cut: where a word ends, or anywhere."""
    alike = list(takewhile(lambda letters: len(set(letters)) == 1, zip(*names, strict=False)))
    return [i for i, (letter, *_) in enumerate(alike, 1) if not words or not letter.isalnum()]


def short(text: str, most: int) -> str:
    """Names no longer than `most`; of several, separated by commas, the longest give way, each cut in its middle.

    Cut as one, a model and a layer would meet in the middle, and the method between them be gone.
    """
    names = text.split(", ")
    room = most - 2 * (len(names) - 1)
    if len(text) <= most or room < _LEAST * len(names):
        return cut(text, most)
    each = max(n for n in range(room + 1) if sum(min(len(name), n) for name in names) <= room)
    over = room - sum(min(len(name), each) for name in names)
    said = []
    for name in names:
        width = each + (len(name) > each and over > 0)
        over -= 1
        word, _, number = name.rpartition(" ")
        # Cut, a window of 256 would look like one of 56.
        kept = width - len(number) - 2
        whole = len(name) > width and number.isdigit() and word and kept > 0
        said.append(f"{word[:kept]}… {number}" if whole else cut(name, width))
    return ", ".join(said)


def cut(text: str, most: int) -> str:
    """The text, an ellipsis in its middle where it is longer than `most`: names of cells often differ in the end."""
    kept = max(most - 1, 1)
    return text if len(text) <= most else f"{text[: kept - kept // 2]}…{text[len(text) - kept // 2 :]}"
