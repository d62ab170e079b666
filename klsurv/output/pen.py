"""Charts as files. In: a figure and paths. Out: png, svg, pdf, html or Vega-Lite json, by suffix, from one drawing.

The drawing engine takes a second to start and holds Python's lock, so it is in a process of its own, which loads it
while this one still reads.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from klsurv.crew import Crew
from klsurv.output.files import replacing

if TYPE_CHECKING:
    from klsurv.charts.figure import Figure

_DRAWN = (".png", ".svg", ".pdf")


class Pen:
    """Draws into these files; the engine starts at once, if one of them needs it, and ends with the block."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self._paths = paths
        self._suffixes = {path.suffix.lower() for path in paths}
        self._crew = Crew(1) if self._suffixes - {".json"} else None

    def __enter__(self) -> Pen:
        if self._crew is not None:
            self._crew.submit(_warm_up)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._crew is not None:
            self._crew.shutdown(cancel_futures=True)

    def save(self, figure: Figure, *, title: str, scale: float = 2.0) -> None:
        """Draw once, and save to each path; `scale` is the pixels of a png to one of the page.

        Raises:
            OutputError: a file cannot be written, or the picture cannot be drawn.
        """
        made: dict[str, bytes] = {}
        if self._crew is not None:
            outline = self._crew.submit(_svg, figure.outline()) if self._suffixes & set(_DRAWN) else None
            # While it is drawn.
            figure.make()
            if outline is not None:
                svg = figure.filled(outline.result())
                made = {
                    kind: self._crew.submit(_file, svg, kind, scale).result() for kind in self._suffixes & set(_DRAWN)
                }
            if ".html" in self._suffixes:
                made[".html"] = self._crew.submit(_page, figure.spec(), title).result()
        for path in self._paths:
            suffix = path.suffix.lower()
            with replacing(path) as temporary:
                temporary.write_bytes(_json(figure.spec()) if suffix == ".json" else made[suffix])


def _json(spec: str) -> bytes:
    return (json.dumps(json.loads(spec), ensure_ascii=False, allow_nan=False) + "\n").encode()


# In the other process; this one never loads the engine.


def _warm_up() -> None:
    from klsurv.output.images import warm_up

    warm_up()


def _svg(spec: str) -> str:
    from klsurv.output.images import svg_of

    return svg_of(spec)


def _file(svg: str, suffix: str, scale: float) -> bytes:
    from klsurv.output.images import bytes_of

    return bytes_of(svg, suffix, scale=scale)


def _page(spec: str, title: str) -> bytes:
    from klsurv.output.html import page

    return page(spec, title=title).encode()
