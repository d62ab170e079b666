"""`klsurv precursor`. In: RUNS and options. Out: the table `study`, `hazard` or `landmark`."""

from __future__ import annotations

from typing import Any

import rich_click as click

from klsurv.cli.chosen import resampling_of, scoring_of
from klsurv.cli.options import (
    bootstrap_options,
    by_option,
    format_option,
    output_option,
    runs_options,
    scoring_options,
)
from klsurv.cli.running import answer, opened, progress_bar, saving
from klsurv.cli.values import Numbers
from klsurv.errors import ParameterError
from klsurv.ingest.remote import Place
from klsurv.params import groups

CAPTIONS = {
    "study": (
        "died: mean KL before a death; alive: of those of its alpha alive at that fork.\n"
        "lag −1: the token before it. An early death has few tokens before it (n_deaths):\n"
        "compare died with alive, not one lag with another.\n"
        "Death came after the fork before: the tokens since then may be of the dead.\n"
        "…_low, …_high: whole prompts resampled.\n"
        "Deaths at fork 0, and those none of their alpha outlived, are left out."
    ),
    "hazard": (
        "Hazard ratio per doubling (log2_…) of what was known before the interval of\n"
        "death. ci_…, p: clustered by prompt."
    ),
    "landmark": (
        "n: seen alive at the first fork at or after the landmark, and followed beyond it.\n"
        "Concordance of mean KL up to the landmark with death after that fork, in pairs of\n"
        "one alpha; 0.5: chance; above: high KL dies first. No alpha: over all doses.\n"
        "ci_…: whole prompts resampled."
    ),
}


@click.command("precursor")
@runs_options
@scoring_options
@by_option("")
@click.option(
    "--table",
    "name",
    type=click.Choice(list(CAPTIONS)),
    default="study",
    show_default=True,
    help="study: KL before death. hazard: hazard ratios (needs statsmodels). landmark: early KL and late death.",
)
@click.option("--lags", type=int, default=32, show_default=True, help="Tokens before death, in study.")
@click.option(
    "--landmarks", type=Numbers(), default="20,50", show_default=True, metavar="T,…", help="Tokens, in landmark."
)
@bootstrap_options
@output_option
@format_option
def command(runs: Place, by: str, name: str, lags: int, landmarks: tuple[float, ...], **options: Any) -> None:
    """What did KL do before death? Only what was known before it enters; alpha = 0, whose KL is 0, is left out."""
    names, scoring = groups(by, none=True), scoring_of(options)
    if not all(map(float.is_integer, landmarks)):
        raise ParameterError(f"landmarks must be whole tokens, not {', '.join(map(str, landmarks))}")
    asked = resampling_of(options)
    saving(options)
    if name == "hazard":
        # Its intervals are those of the model: no prompts are drawn.
        for unused in ("bootstrap", "seed"):
            del asked[unused], options[unused]
    if name == "landmark":
        asked["landmarks"] = tuple(map(int, landmarks))
    with opened(runs, options) as read, progress_bar("looking back from forks") as progress:
        if name == "study":
            asked["lags"] = lags
            table = read.study(names, progress=progress, **asked, **scoring)
        else:
            table = getattr(read, name)(names, **asked, **scoring)
    answer(
        read,
        table,
        name=name,
        by=names,
        chosen=scoring,
        options=options | asked | {"by": by},
        keys=1 if name == "hazard" else 2,
        caption=CAPTIONS[name],
    )
