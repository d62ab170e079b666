"""`klsurv summary`. In: RUNS and options. Out: the table `summary`."""

from __future__ import annotations

from typing import Any

import rich_click as click

from klsurv.cli.chosen import scoring_of
from klsurv.cli.options import by_option, format_option, runs_options, scoring_options
from klsurv.cli.running import opened
from klsurv.ingest.remote import Place
from klsurv.params import groups

CAPTION = (
    "n_died, n_censored: drawn trajectories, as the figure counts them.\n"
    "n_events + n_eos + n_running = n: over all, deaths at the last token too.\n"
    "median, rmst, tau: tokens. kl_…: nats, raw."
)


@click.command("summary")
@runs_options
@scoring_options
@by_option("alpha")
@format_option
def command(runs: Place, by: str, format: Any, **options: Any) -> None:
    """Counts, KL and survival, one row per group.

    `klsurv schema summary` says what each column means.
    """
    names, scoring = groups(by), scoring_of(options)
    with opened(runs, options) as read:
        table = read.summary(names, **scoring)
    from klsurv.output.show import show

    show(table, format=format, keys=len(names), caption=CAPTION)
