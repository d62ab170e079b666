"""`klsurv survival`. In: RUNS and options. Out: the table `survival` or `lifetimes`."""

from __future__ import annotations

from typing import Any

import rich_click as click

from klsurv.cli.chosen import outcome_of
from klsurv.cli.options import (
    by_option,
    event_options,
    format_option,
    level_option,
    output_option,
    runs_options,
    scoring_options,
    tau_option,
)
from klsurv.cli.running import answer, opened, saving
from klsurv.errors import ParameterError
from klsurv.inference import SCALES, Interval
from klsurv.ingest.remote import Place
from klsurv.params import groups
from klsurv.wording import percent

CURVE = "survival: S just after the fork; ci_…: {level} interval of it, {ci}."
LIVES = (
    "median, rmst, tau: tokens. …_low, …_high: {level} interval, {ci}.\n"
    "…_left: the fork before, since deaths came between it and theirs.\n"
    "end_if_…: S at the end if each failed measurement were a death, or a survival."
)
EOS = (
    "Intervals take trajectories to be independent, which those of one prompt are not.\n"
    "Ended answers count as if they might have gone on: see `klsurv incidence`."
)


@click.command("survival")
@runs_options
@scoring_options
@event_options
@by_option("alpha")
@click.option(
    "--ci", type=click.Choice(SCALES), default=SCALES[0], show_default=True, help="Scale of the intervals of S."
)
@level_option
@click.option("--summary", is_flag=True, help="One row per group: median, restricted mean, S at the end, recovery.")
@tau_option
@output_option
@format_option
def command(runs: Place, by: str, ci: Any, level: float, summary: bool, tau: int | None, **options: Any) -> None:
    """Survival at each fork (Kaplan–Meier), with intervals.

    With --summary the table lifetimes. Where the fork grids of a group differ, Turnbull's estimate, with a warning.
    """
    names, chosen = groups(by), outcome_of(options)
    Interval(ci=ci, level=level)
    if tau is not None and not summary:
        raise ParameterError("--tau restricts the mean of --summary")
    saving(options)
    with opened(runs, options) as read:
        if summary:
            table = read.lifetimes(names, ci=ci, level=level, tau=tau, **chosen)
        else:
            table = read.survival(names, ci=ci, level=level, **chosen)
    caption = (LIVES if summary else CURVE).format(level=percent(level), ci=ci)
    answer(
        read,
        table,
        name="lifetimes" if summary else "survival",
        by=names,
        chosen=chosen,
        options=options | {"by": by, "ci": ci, "level": level, "tau": tau},
        keys=0 if summary else 1,
        caption=f"{caption}\n{EOS}",
    )
