"""One look for every figure. In: nothing. Out: colours, sizes and the Vega-Lite configuration."""

from __future__ import annotations

import math
from typing import Any

PAPER = "#faf7f2"
INK = "#1a1a1a"
FAINT = "#8a8378"
ALIVE = "#3a7ca5"
DEAD = "#d97706"
FINISHED = "#cfc7b8"
# What may lie behind a figure. Not nothing: vl-convert's png has wrong colours where it is seen through in part.
GROUNDS = {"paper": PAPER, "white": "#ffffff"}

# Series apart in hue, in lightness and, where they are lines, in dash: safe for the colour-blind and in grey print.
SERIES = ("#1f4e79", "#d97706", "#2f9e77", "#b0468f", "#6b7280", "#8c2d04", "#56b4e9", "#1a1a1a")
DASHES: tuple[list[int], ...] = ([1, 0], [7, 3], [2, 2], [9, 3, 2, 3], [4, 4], [12, 3], [1, 3], [6, 2, 1, 2, 1, 2])
# Doses from little to much: light to dark, and through the hues, so that eight are told apart.
_RAMP = ("#b8ad2b", "#6fae4e", "#35a07a", "#27858c", "#356694", "#43458a", "#4a1f6f", "#2b0a33")

# vl-convert carries Liberation Sans, so the picture is the same on a machine without fonts.
FONT = "Liberation Sans, Arial, Helvetica, sans-serif"

# Panel sizes in pixels by the number of panels in a row.
_SIZES = {1: (700, 390), 2: (400, 270), 3: (300, 215)}
_SMALL = (225, 165)


def columns_for(n_panels: int) -> int:
    """Panels per row: at most four, in rows of equal length as far as can be."""
    rows = math.ceil(max(n_panels, 1) / 4)
    return math.ceil(max(n_panels, 1) / rows)


def panel_size(columns: int) -> tuple[int, int]:
    """Width and height of a panel (pixels) where `columns` stand in a row."""
    return _SIZES.get(columns, _SMALL)


def dose_colours(n: int) -> list[str]:
    """A colour per dose, from light to dark; no two are the same."""
    if n == 1:
        return [ALIVE]
    if n <= len(_RAMP):
        return [_RAMP[round(i * (len(_RAMP) - 1) / (n - 1))] for i in range(n)]
    return [_between(i * (len(_RAMP) - 1) / (n - 1)) for i in range(n)]


def _between(place: float) -> str:
    """The colour at a place of the ramp, mixed of the two about it."""
    k = min(int(place), len(_RAMP) - 2)
    low, high = (bytes.fromhex(colour[1:]) for colour in _RAMP[k : k + 2])
    return "#" + bytes(round(a + (place - k) * (b - a)) for a, b in zip(low, high, strict=True)).hex()


def config() -> dict[str, Any]:
    """The Vega-Lite configuration that all charts share."""
    return {
        "background": PAPER,
        "font": FONT,
        "padding": {"left": 14, "right": 18, "top": 12, "bottom": 12},
        "view": {"stroke": None},
        "axis": {
            "domainColor": INK,
            "domainWidth": 1,
            "tickColor": INK,
            "tickSize": 4,
            "grid": False,
            "labelColor": INK,
            "labelFontSize": 11,
            "titleColor": INK,
            "titleFontSize": 12,
            "titleFontWeight": "normal",
            "titlePadding": 6,
        },
        # A label under its tick, also at the ends of an axis.
        "axisX": {"labelFlush": False},
        "legend": {"titleFontWeight": "normal", "titleFontSize": 12, "titleColor": INK, "labelFontSize": 11},
        "title": {
            "anchor": "start",
            "color": INK,
            "fontSize": 12,
            "fontWeight": "normal",
            "subtitleColor": FAINT,
            "subtitleFontSize": 12,
        },
    }
