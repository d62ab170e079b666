"""`klsurv plot quantiles`. In: RUNS and options. Out: the figure of KL quantiles, saved."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import rich_click as click

from klsurv.cli.chosen import scoring_of
from klsurv.cli.options import runs_options, scoring_options
from klsurv.cli.plot.drawing import columns_option, draw, layout_of, output_options, time_option
from klsurv.ingest.remote import Place

if TYPE_CHECKING:
    from klsurv.charts.figure import Figure
    from klsurv.runs import Runs


@click.command("quantiles")
@runs_options
@output_options
@scoring_options
@click.option("--kl-log", is_flag=True, help="Logarithmic y axis, linear below 0.1.")
@columns_option
@time_option
def command(runs: Place, outputs: tuple[Path, ...], scale: float, kl_log: bool, **options: Any) -> None:
    """Quantiles of KL over tokens, a panel per alpha, on the axes of the spaghetti."""
    layout, chosen = layout_of(options), scoring_of(options)

    def make(read: Runs, _: Any) -> Figure:
        from klsurv.plots.trajectories import draw_quantiles

        return draw_quantiles(read, layout=layout, options=chosen, kl_log=kl_log)

    draw(runs, outputs, scale, options, make, title="KL quantiles")
