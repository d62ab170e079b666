"""Pictures in the page. In: Vega-Lite with its data. Out: an address that holds the picture itself."""

from __future__ import annotations

import base64

import vl_convert

from klsurv.output.images import svg_of

# Larger drawings are sent as pixels: many thin lines cost more as text.
_MOST_SVG = 450_000


def picture(spec: str) -> str:
    """The drawing as a data URL: SVG, or JPEG where that is smaller."""
    svg = svg_of(spec)
    if len(svg) <= _MOST_SVG:
        return "data:image/svg+xml;base64," + base64.b64encode(svg.encode()).decode()
    return "data:image/jpeg;base64," + base64.b64encode(vl_convert.svg_to_jpeg(svg, scale=1.5, quality=75)).decode()
