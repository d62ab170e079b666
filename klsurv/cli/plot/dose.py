"""`klsurv plot dose`. In: RUNS and options. Out: the dose figure, saved."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import rich_click as click

from klsurv.cli.chosen import outcome_of, resampling_of
from klsurv.cli.options import (
    bootstrap_options,
    by_option,
    event_options,
    runs_options,
    scoring_options,
    tau_option,
)
from klsurv.cli.plot.drawing import columns_option, draw, layout_of, output_options
from klsurv.ingest.remote import Place
from klsurv.params import groups

if TYPE_CHECKING:
    from klsurv.charts.figure import Figure
    from klsurv.runs import Runs


@click.command("dose")
@runs_options
@output_options
@scoring_options
@event_options
@by_option("")
@tau_option
@bootstrap_options
@columns_option
@click.option(
    "--log-dose", is_flag=True, help="Logarithmic axis of doses, linear about 0, where one is far beyond the rest."
)
def command(runs: Place, outputs: tuple[Path, ...], scale: float, by: str, tau: int | None, **options: Any) -> None:
    """Restricted mean and survival against alpha, with bands and ED50."""
    names, layout, chosen = groups(by, none=True), layout_of(options), outcome_of(options)
    how = resampling_of(options) | {"tau": tau}

    def make(read: Runs, progress: Any) -> Figure:
        from klsurv.plots.tables import draw_dose

        return draw_dose(read, names, layout=layout, options=chosen, progress=progress, **how)

    draw(runs, outputs, scale, options, make, title="dose–response")
