"""`klsurv plot precursor`. In: RUNS and options. Out: the precursor figure, saved."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import rich_click as click

from klsurv.cli.chosen import resampling_of, scoring_of
from klsurv.cli.options import bootstrap_options, by_option, runs_options, scoring_options
from klsurv.cli.plot.drawing import columns_option, draw, layout_of, output_options
from klsurv.ingest.remote import Place
from klsurv.params import groups

if TYPE_CHECKING:
    from klsurv.charts.figure import Figure
    from klsurv.runs import Runs


@click.command("precursor")
@runs_options
@output_options
@scoring_options
@by_option("")
@click.option("--lags", type=int, default=32, show_default=True, help="Tokens before death.")
@bootstrap_options
@columns_option
def command(runs: Place, outputs: tuple[Path, ...], scale: float, by: str, lags: int, **options: Any) -> None:
    """KL before death against those alive at the same fork, and hazard ratios (with statsmodels).

    A row of panels per group.
    """
    names, layout, chosen = groups(by, none=True), layout_of(options), scoring_of(options)
    how = resampling_of(options) | {"lags": lags}

    def make(read: Runs, progress: Any) -> Figure:
        from klsurv.plots.tables import draw_precursor

        return draw_precursor(read, names, layout=layout, options=chosen, progress=progress, **how)

    draw(runs, outputs, scale, options, make, title="KL before death")
