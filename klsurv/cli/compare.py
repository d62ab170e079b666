"""`klsurv compare`. In: RUNS and options. Out: the table `compare`."""

from __future__ import annotations

from typing import Any

import rich_click as click

from klsurv.cli.chosen import comparison_of, outcome_of
from klsurv.cli.options import (
    bootstrap_options,
    by_option,
    event_options,
    format_option,
    output_option,
    runs_options,
    scoring_options,
    tau_option,
    test_options,
)
from klsurv.cli.running import answer, opened, progress_bar, saving
from klsurv.ingest.remote import Place
from klsurv.params import groups

CAPTION = (
    "rmst: mean tokens alive before tau; rmst_diff: a − b.\n"
    "{p}rmst_p, ci_…: as if trajectories were independent.\n"
    "p_holm: p, adjusted for the number of pairs.\n"
    "boot_…: whole prompts resampled, to be preferred where prompts recur."
)
WITHIN = "statistic, p: within each value of {stratify}, as if independent there; rmst…: not."


@click.command("compare")
@runs_options
@scoring_options
@event_options
@by_option("method")
@test_options
@click.option("--trend", metavar="COLUMN", help="Also test for trend in this column, such as alpha.")
@tau_option
@bootstrap_options
@output_option
@format_option
def command(runs: Place, by: str, trend: str | None, **options: Any) -> None:
    """Is A better than B? Log-rank tests, and differences of the restricted mean, for every pair of groups.

    The first row is the test over all groups.
    """
    chosen = outcome_of(options)
    groups(by)
    asked = comparison_of(options) | {"trend": trend}
    saving(options)
    with opened(runs, options) as read, progress_bar("resampling prompts") as progress:
        table = read.compare(by, progress=progress, **asked, **chosen)
    stratify = options["stratify"]
    within = [WITHIN.format(stratify=stratify)] if stratify else []
    answer(
        read,
        table,
        name="compare",
        by=(),
        chosen=chosen,
        options=options | asked | {"by": by},
        keys=3,
        caption="\n".join([CAPTION.format(p="" if stratify else "p, "), *within]),
    )
