"""`klsurv plot survival`. In: RUNS and options. Out: the survival figure, saved."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import rich_click as click

from klsurv.cli.chosen import outcome_of
from klsurv.cli.options import by_option, event_options, level_option, runs_options, scoring_options
from klsurv.cli.plot.drawing import columns_option, draw, layout_of, output_options, time_option
from klsurv.inference import SCALES, Interval
from klsurv.ingest.remote import Place
from klsurv.params import groups

if TYPE_CHECKING:
    from klsurv.charts.figure import Figure
    from klsurv.runs import Runs


@click.command("survival")
@runs_options
@output_options
@scoring_options
@event_options
@by_option("alpha")
@click.option("--ci", type=click.Choice(SCALES), default=SCALES[0], show_default=True, help="Scale of the intervals.")
@level_option
@columns_option
@time_option
def command(
    runs: Place, outputs: tuple[Path, ...], scale: float, by: str, ci: Any, level: float, **options: Any
) -> None:
    """Kaplan–Meier curves with bands and numbers at risk, a panel per alpha."""
    names, layout, chosen = groups(by), layout_of(options), outcome_of(options)
    Interval(ci=ci, level=level)

    def make(read: Runs, _: Any) -> Figure:
        from klsurv.plots.tables import draw_survival

        return draw_survival(read, names, layout=layout, options=chosen, ci=ci, level=level)

    draw(runs, outputs, scale, options, make, title="survival")
