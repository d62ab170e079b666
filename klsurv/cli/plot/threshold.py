"""`klsurv plot threshold`. In: RUNS and options. Out: the threshold figure, saved."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import rich_click as click

from klsurv.cli.chosen import scoring_of, thresholds_of
from klsurv.cli.options import by_option, runs_options, scoring_options, thresholds_options
from klsurv.cli.plot.drawing import columns_option, draw, layout_of, output_options
from klsurv.ingest.remote import Place
from klsurv.params import groups

if TYPE_CHECKING:
    from klsurv.charts.figure import Figure
    from klsurv.runs import Runs


@click.command("threshold")
@runs_options
@output_options
@scoring_options
@by_option("alpha")
@thresholds_options
@columns_option
def command(runs: Place, outputs: tuple[Path, ...], scale: float, by: str, **options: Any) -> None:
    """Deaths, survival and recovery against the threshold."""
    names, layout, chosen = groups(by), layout_of(options), scoring_of(options)
    how = thresholds_of(options)

    def make(read: Runs, _: Any) -> Figure:
        from klsurv.plots.tables import draw_threshold

        return draw_threshold(read, names, layout=layout, options=chosen, **how)

    draw(runs, outputs, scale, options, make, title="threshold")
