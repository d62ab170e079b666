"""Pictures. In: Vega-Lite with its data, drawings. Out: drawings, and a file's bytes. Loads the drawing engine."""

from __future__ import annotations

import vl_convert

from klsurv.errors import OutputError, first_line

_VEGA_LITE = "6.4"


def warm_up() -> None:
    """Start the drawing engine: its first picture takes a second longer than the next."""
    vl_convert.vegalite_to_svg('{"mark": "point"}', vl_version=_VEGA_LITE)


def bytes_of(svg: str, suffix: str, *, scale: float) -> bytes:
    """A drawing as a .png, .svg or .pdf; `scale` is the pixels of a png to one of the page."""
    if suffix == ".svg":
        return svg.encode()
    # So that the png says of itself that it is as large as the page, whatever its pixels.
    return vl_convert.svg_to_png(svg, ppi=72 * scale) if suffix == ".png" else vl_convert.svg_to_pdf(svg)


def svg_of(spec: str) -> str:
    """A Vega-Lite specification, drawn.

    Raises:
        OutputError: it cannot be drawn.
    """
    try:
        # Without a label for every mark, which makes a picture of many twice as large and is of no use in one.
        svg = vl_convert.vegalite_to_svg(spec, vl_version=_VEGA_LITE, config={"aria": False})
    except ValueError as error:
        raise OutputError(f"the figure cannot be drawn: {first_line(error)}") from error
    # SVG folds spaces into one unless it is told not to; panel titles set their counts apart with more.
    return svg.replace("<text ", '<text xml:space="preserve" ')
