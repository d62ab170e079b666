"""Charts as files. In: a figure and paths. Out: png, svg, pdf, html or Vega-Lite json, by suffix, from one drawing."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from threading import Thread

import vl_convert

from klsurv.charts.figure import Figure
from klsurv.errors import OutputError
from klsurv.output.files import replacing
from klsurv.output.html import page

_VEGA_LITE = "6.4"


def warm_up() -> Thread:
    """Start the drawing engine in the background: its first picture takes half a second longer than the next."""
    thread = Thread(target=vl_convert.vegalite_to_svg, args=('{"mark": "point"}',), kwargs={"vl_version": _VEGA_LITE})
    thread.start()
    return thread


def save(figure: Figure, paths: Sequence[Path], *, title: str, scale: float = 2.0) -> None:
    """Draw once, and save to each path; `scale` is the pixels of a png to one of the page.

    Raises:
        OutputError: a file cannot be written, or the picture cannot be drawn.
    """
    spec = figure.spec()
    drawn: str | None = None
    for path in paths:
        suffix = path.suffix.lower()
        if suffix in (".png", ".svg", ".pdf") and drawn is None:
            drawn = svg_of(spec)
        if suffix == ".png":
            data = vl_convert.svg_to_png(drawn or "", scale=scale)
        elif suffix == ".svg":
            data = (drawn or "").encode()
        elif suffix == ".pdf":
            data = vl_convert.svg_to_pdf(drawn or "")
        elif suffix == ".html":
            data = page(spec, title=title).encode()
        else:
            data = (json.dumps(json.loads(spec), ensure_ascii=False, allow_nan=False) + "\n").encode()
        with replacing(path) as temporary:
            temporary.write_bytes(data)


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
