"""`klsurv plot deaths`. In: RUNS and options. Out: the map of deaths, saved."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import rich_click as click

from klsurv.cli.chosen import outcome_of
from klsurv.cli.options import event_options, runs_options, scoring_options
from klsurv.cli.plot.drawing import columns_option, draw, layout_of, output_options
from klsurv.ingest.remote import Place

if TYPE_CHECKING:
    from klsurv.charts.figure import Figure
    from klsurv.runs import Runs


@click.command("deaths")
@runs_options
@output_options
@scoring_options
@event_options
@columns_option
def command(runs: Place, outputs: tuple[Path, ...], scale: float, **options: Any) -> None:
    """Prompt or dose? When each prompt died at each alpha, a panel per cell."""
    layout, chosen = layout_of(options), outcome_of(options)

    def make(read: Runs, _: Any) -> Figure:
        from klsurv.plots.trajectories import draw_deaths

        return draw_deaths(read, layout=layout, options=chosen)

    draw(runs, outputs, scale, options, make, title="deaths")
