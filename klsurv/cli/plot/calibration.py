"""`klsurv plot calibration`. In: RUNS and options. Out: the calibration figure, saved."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import rich_click as click

from klsurv.cli.chosen import scoring_of
from klsurv.cli.options import runs_options, scoring_options
from klsurv.cli.plot.drawing import columns_option, draw, layout_of, output_options
from klsurv.ingest.remote import Place

if TYPE_CHECKING:
    from klsurv.charts.figure import Figure
    from klsurv.runs import Runs


@click.command("calibration")
@runs_options
@output_options
@scoring_options
@columns_option
def command(runs: Place, outputs: tuple[Path, ...], scale: float, **options: Any) -> None:
    """The bisection's path, held-out KL by dose against the target, c_star by seed."""
    layout, chosen = layout_of(options), scoring_of(options)

    def make(read: Runs, _: Any) -> Figure:
        from klsurv.plots.tables import draw_calibration

        return draw_calibration(read, layout=layout, options=chosen)

    draw(runs, outputs, scale, options, make, title="calibration")
