"""`klsurv plot`: one module per chart."""

from __future__ import annotations

import rich_click as click

from klsurv.cli.lazy import LazyGroup

CHARTS = (
    "spaghetti",
    "survival",
    "quantiles",
    "pmass",
    "incidence",
    "dose",
    "threshold",
    "precursor",
    "calibration",
    "deaths",
    "compare",
)


@click.group("plot", cls=LazyGroup, package="klsurv.cli.plot", commands_in=CHARTS)
def command() -> None:
    """Draw a chart and save it: .png, .svg, .pdf, .html or .json (Vega-Lite), by suffix."""
