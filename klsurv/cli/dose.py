"""`klsurv dose`. In: RUNS and options. Out: the table `dose`."""

from __future__ import annotations

from typing import Any

import rich_click as click

from klsurv.cli.chosen import outcome_of, resampling_of
from klsurv.cli.options import (
    bootstrap_options,
    by_option,
    event_options,
    format_option,
    output_option,
    runs_options,
    scoring_options,
    tau_option,
)
from klsurv.cli.running import answer, opened, progress_bar, saving
from klsurv.ingest.remote import Place
from klsurv.params import groups

CAPTION = (
    "rmst: mean tokens alive before tau. …_low, …_high: whole prompts resampled.\n"
    "trend_…, ed50: of all doses of a group, and repeated in its rows.\n"
    "trend_p: as if trajectories were independent.\n"
    "ed50: alpha at which S at tau is 0.5; S is made to fall with alpha first."
)


@click.command("dose")
@runs_options
@scoring_options
@event_options
@by_option("")
@tau_option
@bootstrap_options
@output_option
@format_option
def command(runs: Place, by: str, tau: int | None, **options: Any) -> None:
    """What does the dose do? Restricted mean and survival against alpha, trend test and ED50."""
    names, chosen = groups(by, none=True), outcome_of(options)
    asked = resampling_of(options) | {"tau": tau}
    saving(options)
    with opened(runs, options) as read, progress_bar("resampling prompts") as progress:
        table = read.dose(names, progress=progress, **asked, **chosen)
    answer(read, table, name="dose", by=names, chosen=chosen, options=options | asked | {"by": by}, caption=CAPTION)
