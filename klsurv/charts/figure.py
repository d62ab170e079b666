"""A chart beside its data. In: a chart that names its datasets, and their frames. Out: one altair chart or spec."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

import altair as alt
import polars as pl


@dataclass
class Datasets:
    """Frames by the name under which a chart asks for them.

    Altair copies and validates inline rows at every step of composition, which takes far longer than drawing them.
    """

    frames: dict[str, pl.DataFrame] = field(default_factory=dict)

    def add(self, name: str, frame: pl.DataFrame) -> alt.NamedData:
        """Keep a frame; the reference goes into a chart."""
        self.frames[name] = frame
        return alt.NamedData(name)


@dataclass(frozen=True)
class Figure:
    """A finished chart and the rows it draws."""

    chart: alt.VConcatChart
    data: Datasets

    def spec(self) -> str:
        """The Vega-Lite specification as JSON, data included."""
        spec = self.chart.to_dict(validate=False)
        small = {name: json.dumps(rows, ensure_ascii=False) for name, rows in spec.pop("datasets", {}).items()}
        large = {name: frame.write_json() for name, frame in self.data.frames.items()}
        rows = ", ".join(f"{json.dumps(name)}: {text}" for name, text in (small | large).items())
        return f'{json.dumps(spec, ensure_ascii=False)[:-1]}, "datasets": {{{rows}}}}}'

    def with_data(self) -> alt.VConcatChart:
        """The altair chart with its rows, as a notebook shows it."""
        chart = self.chart.copy(deep=False)
        chart.datasets = {name: json.loads(frame.write_json()) for name, frame in self.data.frames.items()}
        return chart
