"""`klsurv calibration`. In: RUNS and options. Out: the table `calibration`, `heldout` or `bisection`."""

from __future__ import annotations

from typing import Any

import rich_click as click

from klsurv.cli.chosen import scoring_of
from klsurv.cli.options import format_option, level_option, output_option, runs_options, scoring_options
from klsurv.cli.running import answer, opened, saving
from klsurv.inference import Interval
from klsurv.ingest.remote import Place
from klsurv.schema import BAND

# Each table's first columns, which are repeated where it is too wide.
KEYS = {"calibration": 4, "heldout": 5, "bisection": 2}
CAPTIONS = {
    "calibration": (
        f"kl_p95: held-out, at alpha = 1; ratio: to the target; in_band: within {BAND[0]}–{BAND[1]}.\n"
        "exponent: of kl_p95 in alpha, over n_doses; 2 where KL grows as alpha²."
    ),
    "heldout": (
        "kl_p95: nats, held-out. target_kl: the target × alpha², as KL should grow.\n"
        f"ratio: kl_p95 / target_kl; in_band: within {BAND[0]}–{BAND[1]}."
    ),
    "bisection": ("kl_…: nats, on the calibration prompts;\nkl_p95 is what the bisection brings to the target."),
}


@click.command("calibration")
@runs_options
@scoring_options
@click.option(
    "--table",
    "name",
    type=click.Choice(list(KEYS)),
    default="calibration",
    show_default=True,
    help="calibration: one row per model, method, layer, window. heldout: per alpha. bisection: the steps to c_star.",
)
@level_option
@output_option
@format_option
def command(runs: Place, name: str, level: float, **options: Any) -> None:
    """Is the dose what it says? c_star over seeds, held-out KL against the target, growth of KL with alpha."""
    scoring = scoring_of(options)
    Interval(level=level)
    saving(options)
    with opened(runs, options) as read:
        if name == "calibration":
            table = read.calibration(level=level, **scoring)
        else:
            table = read.heldout(**scoring) if name == "heldout" else read.bisection()
    answer(
        read,
        table,
        name=name,
        by=(),
        chosen=scoring,
        options=options | {"level": level},
        keys=KEYS[name],
        caption=CAPTIONS[name],
    )
