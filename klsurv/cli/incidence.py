"""`klsurv incidence`. In: RUNS and options. Out: the table `incidence`."""

from __future__ import annotations

from typing import Any

import rich_click as click

from klsurv.cli.chosen import outcome_of
from klsurv.cli.options import (
    by_option,
    event_options,
    format_option,
    output_option,
    runs_options,
    scoring_options,
)
from klsurv.cli.running import answer, opened, saving
from klsurv.ingest.remote import Place
from klsurv.params import groups

CAPTION = (
    "Shares of all trajectories: each has died, finished its answer, or is running.\n"
    "No independence of the two is assumed. …_error: as if trajectories were independent."
)


@click.command("incidence")
@runs_options
@scoring_options
@event_options
@by_option("alpha")
@output_option
@format_option
def command(runs: Place, by: str, **options: Any) -> None:
    """Break, or finish? The shares that died, finished and run on, by each fork (Aalen–Johansen)."""
    names, chosen = groups(by), outcome_of(options)
    saving(options)
    with opened(runs, options) as read:
        table = read.incidence(names, **chosen)
    answer(read, table, name="incidence", by=names, chosen=chosen, options=options | {"by": by}, caption=CAPTION)
