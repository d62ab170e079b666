"""A legend in a strip of its own, so that it covers no line. In: entries. Out: a chart (Vega-Lite), a line high."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from klsurv.charts.theme import INK

_HEIGHT = 16
_GLYPH = 22
_GAP = 16
# Advances of Liberation Sans at 12 pixels: of the letters that are far from the rest, and of the rest.
_NARROW, _WIDE = set("iljtfrI .,:;'|!()[]/-"), set("mwMW%@—")


@dataclass(frozen=True)
class Entry:
    """One line of a legend: how its glyph is drawn, in which colour, and what it says."""

    kind: Literal["line", "dashed", "tick", "bar", "band", "dot"]
    colour: str
    text: str
    opacity: float = 0.25
    dash: list[int] | None = None
    width: float = 2.5


def _advance(text: str) -> float:
    return sum(3.5 if c in _NARROW else 10.2 if c in _WIDE else 8.3 if c.isupper() else 6.5 for c in text)


def legend(entries: Sequence[Entry], *, width: int) -> dict[str, Any]:
    """The entries from left to right, going on in a new line where `width` pixels do not hold them."""
    placed: list[tuple[Entry, float, float]] = []
    x, row = 0.0, 0
    for entry in entries:
        needed = _GLYPH + 8 + _advance(entry.text)
        if x > 0 and x + needed > width:
            x, row = 0.0, row + 1
        y = row * _HEIGHT + _HEIGHT / 2
        placed.append((entry, x, y))
        x += needed + _GAP
    layers = [mark for entry, left, y in placed for mark in (*_glyph(entry, left, y), _label(entry, left, y))]
    return {"data": {"values": [{}]}, "layer": layers, "width": width, "height": _HEIGHT * (row + 1)}


def _glyph(entry: Entry, left: float, y: float) -> list[dict[str, Any]]:
    right, middle = left + _GLYPH, left + _GLYPH / 2
    rule = {"type": "rule", "stroke": entry.colour}
    at_y = {"y": {"value": y}}
    if entry.kind == "tick":
        return [_mark({**rule, "strokeWidth": 1.5, "y": y - 5, "y2": y + 5}, {"x": {"value": middle}})]
    if entry.kind == "bar":
        bar = _mark({**rule, "strokeWidth": 1.6, "x": middle}, {"y": {"value": y - 6}, "y2": {"value": y + 6}})
        cap = {**rule, "strokeWidth": 1.6, "x": middle - 4, "x2": middle + 4}
        return [bar, *(_mark(cap, {"y": {"value": end}}) for end in (y - 6, y + 6))]
    if entry.kind == "band":
        box = {"type": "rect", "fill": entry.colour, "fillOpacity": entry.opacity, "x": left, "x2": right}
        if entry.dash:
            box |= {"stroke": entry.colour, "strokeWidth": 0.7, "strokeDash": entry.dash}
        return [_mark(box, {"y": {"value": y - 5}, "y2": {"value": y + 5}})]
    if entry.kind == "dot":
        dot = {"type": "point", "stroke": entry.colour, "strokeWidth": 1.8, "size": 46, "opacity": 1}
        return [_mark(dot, {"x": {"value": middle}, **at_y})]
    dashed = entry.kind == "dashed"
    width, dash = (1.2, [4, 3]) if dashed else (entry.width, entry.dash or [1, 0])
    return [_mark({**rule, "strokeWidth": width, "strokeDash": dash, "x": left, "x2": right}, at_y)]


def _label(entry: Entry, left: float, y: float) -> dict[str, Any]:
    text = {"type": "text", "align": "left", "baseline": "middle", "fontSize": 12, "color": INK}
    return _mark({**text, "x": left + _GLYPH + 8, "y": y}, {"text": {"value": entry.text}})


def _mark(mark: dict[str, Any], encoding: dict[str, Any]) -> dict[str, Any]:
    return {"mark": mark, "encoding": encoding}
