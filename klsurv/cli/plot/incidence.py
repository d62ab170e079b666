"""`klsurv plot incidence`. In: RUNS and options. Out: the incidence figure, saved."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import rich_click as click

from klsurv.cli.chosen import outcome_of
from klsurv.cli.options import by_option, event_options, runs_options, scoring_options
from klsurv.cli.plot.drawing import columns_option, draw, layout_of, output_options, time_option
from klsurv.ingest.remote import Place
from klsurv.params import groups

if TYPE_CHECKING:
    from klsurv.charts.figure import Figure
    from klsurv.runs import Runs


@click.command("incidence")
@runs_options
@output_options
@scoring_options
@event_options
@by_option("alpha")
@columns_option
@time_option
def command(runs: Place, outputs: tuple[Path, ...], scale: float, by: str, **options: Any) -> None:
    """Break, or finish? Shares that died, finished and run on, stacked, a panel per group."""
    names, layout, chosen = groups(by), layout_of(options), outcome_of(options)

    def make(read: Runs, _: Any) -> Figure:
        from klsurv.plots.tables import draw_incidence

        return draw_incidence(read, names, layout=layout, options=chosen)

    draw(runs, outputs, scale, options, make, title="incidence")
