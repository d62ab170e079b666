"""A legend in a strip of its own, so that it covers no line. In: entries. Out: a chart one line high."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import altair as alt

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


def legend(entries: list[Entry], *, width: int) -> alt.LayerChart | alt.FacetChart:
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
    nothing = alt.InlineData([{}])
    layers: list[alt.Chart] = []
    for entry, left, y in placed:
        right = left + _GLYPH
        rule = alt.Chart(nothing).encode(y=alt.YValue(y))
        if entry.kind == "tick":
            rule = alt.Chart(nothing).encode(x=alt.XValue(left + _GLYPH / 2))
            layers.append(rule.mark_rule(stroke=entry.colour, strokeWidth=1.5, y=y - 5, y2=y + 5))
        elif entry.kind == "bar":
            middle = left + _GLYPH / 2
            bar = alt.Chart(nothing).mark_rule(stroke=entry.colour, strokeWidth=1.6, x=middle)
            cap = alt.Chart(nothing).mark_rule(stroke=entry.colour, strokeWidth=1.6, x=middle - 4, x2=middle + 4)
            layers.append(bar.encode(y=alt.YValue(y - 6), y2=alt.Y2Value(y + 6)))
            layers += [cap.encode(y=alt.YValue(end)) for end in (y - 6, y + 6)]
        elif entry.kind == "band":
            box = alt.Chart(nothing).mark_rect(fill=entry.colour, fillOpacity=entry.opacity, x=left, x2=right)
            layers.append(box.encode(y=alt.YValue(y - 5), y2=alt.Y2Value(y + 5)))
        elif entry.kind == "dot":
            dot = alt.Chart(nothing).encode(x=alt.XValue(left + _GLYPH / 2), y=alt.YValue(y))
            layers.append(dot.mark_point(stroke=entry.colour, strokeWidth=1.8, size=46, opacity=1))
        elif entry.kind == "dashed":
            layers.append(rule.mark_rule(stroke=entry.colour, strokeWidth=1.2, strokeDash=[4, 3], x=left, x2=right))
        else:
            layers.append(
                rule.mark_rule(
                    stroke=entry.colour, strokeWidth=entry.width, strokeDash=entry.dash or [1, 0], x=left, x2=right
                )
            )
        label = alt.Chart(nothing).encode(text=alt.TextValue(entry.text))
        layers.append(label.mark_text(align="left", baseline="middle", fontSize=12, color=INK, x=right + 8, y=y))
    return alt.layer(*layers, width=width, height=_HEIGHT * (row + 1))
