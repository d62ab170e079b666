"""Pictures. In: Vega-Lite with its data. Out: a file's bytes by suffix, from one drawing. Loads the drawing engine."""

from __future__ import annotations

from collections.abc import Sequence

import vl_convert

from klsurv.errors import OutputError
from klsurv.output.html import page

_VEGA_LITE = "6.4"


def warm_up() -> None:
    """Start the drawing engine: its first picture takes a second longer than the next."""
    vl_convert.vegalite_to_svg('{"mark": "point"}', vl_version=_VEGA_LITE)


def drawn(spec: str, suffixes: Sequence[str], *, title: str, scale: float) -> list[bytes]:
    """The picture in each of the formats; `scale` is the pixels of a png to one of the page.

    Raises:
        OutputError: it cannot be drawn.
    """
    svg = svg_of(spec) if {".png", ".svg", ".pdf"} & set(suffixes) else ""
    made = {
        ".png": lambda: vl_convert.svg_to_png(svg, scale=scale),
        ".svg": lambda: svg.encode(),
        ".pdf": lambda: vl_convert.svg_to_pdf(svg),
        ".html": lambda: page(spec, title=title).encode(),
    }
    return [made[suffix]() for suffix in suffixes]


def svg_of(spec: str) -> str:
    """A Vega-Lite specification, drawn.

    Raises:
        OutputError: it cannot be drawn.
    """
    try:
        # Without a label for every mark, which makes a picture of many twice as large and is of no use in one.
        svg = vl_convert.vegalite_to_svg(spec, vl_version=_VEGA_LITE, config={"aria": False})
    except ValueError as error:
        raise OutputError(f"the figure cannot be drawn: {str(error).splitlines()[0]}") from error
    # SVG folds spaces into one unless it is told not to; panel titles set their counts apart with more.
    return svg.replace("<text ", '<text xml:space="preserve" ')
