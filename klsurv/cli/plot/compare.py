"""`klsurv plot compare`. In: RUNS and options. Out: the forest of differences, saved."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import rich_click as click

from klsurv.cli.chosen import comparison_of, outcome_of
from klsurv.cli.options import (
    bootstrap_options,
    by_option,
    event_options,
    runs_options,
    scoring_options,
    tau_option,
    test_options,
)
from klsurv.cli.plot.drawing import draw, output_options
from klsurv.ingest.remote import Place
from klsurv.params import groups

if TYPE_CHECKING:
    from klsurv.charts.figure import Figure
    from klsurv.runs import Runs


@click.command("compare")
@runs_options
@output_options
@scoring_options
@event_options
@by_option("method")
@test_options
@tau_option
@bootstrap_options
def command(runs: Place, outputs: tuple[Path, ...], scale: float, by: str, **options: Any) -> None:
    """Differences of mean tokens alive, with naive and resampled intervals."""
    chosen = outcome_of(options)
    groups(by)
    how = comparison_of(options)

    def make(read: Runs, progress: Any) -> Figure:
        from klsurv.plots.tables import draw_compare

        return draw_compare(read, by, options=chosen, progress=progress, **how)

    draw(runs, outputs, scale, options, make, title="differences")
