"""`klsurv threshold`. In: RUNS and options. Out: the table `threshold`."""

from __future__ import annotations

from typing import Any

import rich_click as click

from klsurv.cli.chosen import scoring_of, thresholds_of
from klsurv.cli.options import (
    by_option,
    format_option,
    output_option,
    runs_options,
    scoring_options,
    thresholds_options,
)
from klsurv.cli.running import answer, opened, saving
from klsurv.ingest.remote import Place
from klsurv.params import groups

CAPTION = (
    "survival_end: S at the last fork. median: tokens.\n"
    "recovery: share of deaths with a later fork at or above the threshold.\n"
    "The thresholds are those of --from, --to and --steps; --threshold is not used."
)


@click.command("threshold")
@runs_options
@scoring_options
@by_option("alpha")
@thresholds_options
@output_option
@format_option
def command(runs: Place, by: str, **options: Any) -> None:
    """How much of it is the threshold? Deaths, survival and recovery against the threshold."""
    names, scoring = groups(by), scoring_of(options)
    asked = thresholds_of(options)
    saving(options)
    with opened(runs, options) as read:
        table = read.threshold(names, **asked, **scoring)
    answer(
        read,
        table,
        name="threshold",
        by=names,
        chosen=scoring,
        options=options | asked | {"by": by},
        caption=CAPTION,
    )
