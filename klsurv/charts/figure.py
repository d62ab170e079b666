"""A chart beside its data. In: a chart that names its datasets, and their frames. Out: one spec or altair chart."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import polars as pl

from klsurv.as_json import as_json
from klsurv.charts.theme import GROUNDS, PAPER

if TYPE_CHECKING:
    import altair as alt


@dataclass
class Datasets:
    """Frames by the name under which a chart asks for them.

    Altair copies and validates inline rows at every step of composition, which takes far longer than drawing them.
    """

    frames: dict[str, pl.DataFrame] = field(default_factory=dict)

    def name(self, name: str, frame: pl.DataFrame) -> dict[str, Any]:
        """Keep a frame; the reference goes into a specification."""
        self.frames[name] = frame
        return {"name": name}

    def add(self, name: str, frame: pl.DataFrame) -> alt.NamedData:
        """Keep a frame; the reference goes into a chart."""
        import altair as alt

        return alt.NamedData(**self.name(name, frame))

    def hold(self, kind: str) -> bool:
        """Whether something is drawn of a frame whose name begins with this word: else no legend need explain it."""
        return any(name.split()[0] == kind and not frame.is_empty() for name, frame in self.frames.items())


@dataclass(frozen=True)
class Figure:
    """A finished chart, as a Vega-Lite specification without its rows, the rows it draws, and what is made meanwhile.

    A picture is named where its address belongs, and strokes (`points`, a list of x and y in pixels, and what else each
    has; inside their panel) are named as a dataset: both may be made while Vega places everything else.
    """

    chart: dict[str, Any]
    data: Datasets
    pictures: Mapping[str, Callable[[], str]] = field(default_factory=dict)
    strokes: Mapping[str, Callable[[], pl.DataFrame]] = field(default_factory=dict)

    def on(self, ground: str) -> Figure:
        """The same on another ground (`theme.GROUNDS`), of whose colour is also what shall look empty, as in a ring."""
        return replace(self, chart=json.loads(json.dumps(self.chart).replace(PAPER, GROUNDS[ground])))

    def spec(self) -> str:
        """The Vega-Lite specification as JSON, with all its data, strokes and pictures."""
        return self._with_pictures(self._with_rows(self.chart, self._features()))

    def outline(self) -> str:
        """The specification with pictures by their names and a line in place of all strokes of a dataset."""
        stand_ins = {name: features(_stand_in(i)) for i, name in enumerate(self.strokes)}
        return self._with_rows(self._unclipped(self.chart) if self.strokes else self.chart, stand_ins)

    def filled(self, outline: str) -> str:
        """The SVG of the outline with its strokes and pictures."""
        for i, strokes in enumerate(self.strokes.values()):
            stand_in = _path(_stand_in(i))
            assert outline.count(stand_in) == 1, stand_in
            outline = outline.replace(stand_in, _path(strokes()))
        return self._with_pictures(outline)

    def make(self) -> None:
        """Make the strokes and pictures that are not made yet."""
        for made in (*self.strokes.values(), *self.pictures.values()):
            made()

    def with_data(self) -> alt.VConcatChart:
        """The altair chart with its rows, as a notebook shows it."""
        from klsurv.charts.part import chart_of

        whole = json.loads(self._with_pictures(json.dumps(self.chart)))
        frames = self.data.frames | self._features()
        large = {name: json.loads(as_json(frame)) for name, frame in frames.items()}
        return chart_of({**whole, "datasets": whole.get("datasets", {}) | large})

    def _features(self) -> dict[str, pl.DataFrame]:
        return {name: features(strokes()) for name, strokes in self.strokes.items()}

    def _unclipped(self, part: Any) -> Any:
        """The chart without clipping strokes that lie inside: the rasteriser blends a layer for each clipped group."""
        if isinstance(part, list):
            return [self._unclipped(each) for each in part]
        if not isinstance(part, dict):
            return part
        if part.get("data", {}).get("name") in self.strokes:
            return {**part, "mark": {**part["mark"], "clip": False}}
        return {name: self._unclipped(each) for name, each in part.items()}

    def _with_rows(self, whole: dict[str, Any], strokes: dict[str, pl.DataFrame]) -> str:
        small = {name: json.dumps(rows, ensure_ascii=False) for name, rows in whole.get("datasets", {}).items()}
        large = {name: as_json(frame) for name, frame in (self.data.frames | strokes).items()}
        rows = ", ".join(f"{json.dumps(name)}: {text}" for name, text in (small | large).items())
        chart = {name: part for name, part in whole.items() if name != "datasets"}
        return f'{json.dumps(chart, ensure_ascii=False)[:-1]}, "datasets": {{{rows}}}}}'

    def _with_pictures(self, text: str) -> str:
        for name, address in self.pictures.items():
            text = text.replace(name, address())
        return text


def features(strokes: pl.DataFrame) -> pl.DataFrame:
    """Strokes as GeoJSON, a feature each."""
    line = pl.struct(type=pl.lit("LineString"), coordinates="points")
    return strokes.select(pl.exclude("points"), type=pl.lit("Feature"), geometry=line)


def _stand_in(i: int) -> pl.DataFrame:
    """A stroke well inside any panel that Vega draws like no other, as points have two digits at most.

    Its path is longer than what is shown of names, which may be anything.
    """
    return pl.DataFrame({"points": [[[20.125, 20.0], *[[20.125, round(20 + (i + 1) / 1000, 3)]] * 5]]})


def _path(strokes: pl.DataFrame) -> str:
    """Strokes as the path of an SVG."""
    point = pl.element().list.eval(pl.element().cast(pl.String).str.strip_suffix(".0")).list.join(",")
    lines = strokes.select(pl.format("M{}", pl.col("points").list.eval(point).list.join("L")))
    return "".join(lines.to_series())
