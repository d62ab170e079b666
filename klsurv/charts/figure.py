"""A chart beside its data. In: a chart that names its datasets, and their frames. Out: one spec or altair chart."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import polars as pl

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


@dataclass(frozen=True)
class Figure:
    """A finished chart, as a Vega-Lite specification without its rows, the rows it draws, and pictures in it.

    A picture is named where its address belongs, and may be made while Vega places everything else.
    """

    chart: dict[str, Any]
    data: Datasets
    pictures: Mapping[str, Callable[[], str]] = field(default_factory=dict)

    def spec(self) -> str:
        """The Vega-Lite specification as JSON, data and pictures included."""
        return self.filled(self.outline())

    def filled(self, text: str) -> str:
        """A specification or a drawing of it with the address of each picture in place of its name."""
        for name, address in self.pictures.items():
            text = text.replace(name, address())
        return text

    def outline(self) -> str:
        """The specification with pictures by their names."""
        small = {name: json.dumps(rows, ensure_ascii=False) for name, rows in self.chart.get("datasets", {}).items()}
        large = {name: frame.write_json() for name, frame in self.data.frames.items()}
        rows = ", ".join(f"{json.dumps(name)}: {text}" for name, text in (small | large).items())
        chart = {name: part for name, part in self.chart.items() if name != "datasets"}
        return f'{json.dumps(chart, ensure_ascii=False)[:-1]}, "datasets": {{{rows}}}}}'

    def with_data(self) -> alt.VConcatChart:
        """The altair chart with its rows, as a notebook shows it."""
        import altair as alt

        chart: alt.VConcatChart = alt.VConcatChart.from_dict(
            json.loads(self.filled(json.dumps(self.chart))), validate=False
        )
        large = {name: json.loads(frame.write_json()) for name, frame in self.data.frames.items()}
        chart.datasets = self.chart.get("datasets", {}) | large
        return chart
