"""Options that commands share. In: the function of a command. Out: the same with the options, to be checked by it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import rich_click as click

from klsurv.cli.values import Columns, Numbers, PlaceType
from klsurv.inference import TESTS, Interval, LogRank, Resampling, Thresholds
from klsurv.params import EVENTS, METRICS, Event, Scoring

F = TypeVar("F", bound=Callable[..., Any])


def apply(*options: Callable[[F], F]) -> Callable[[F], F]:
    """Several options as one decorator."""

    def decorate(function: F) -> F:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


def runs_options(function: F) -> F:
    """RUNS, and which of its cells and doses; a cell that is left out may be an error."""
    strict = click.option("--strict", is_flag=True, help="Fail where a cell would be left out.")
    return apply(*_which_runs, strict, click.option_panel("Which runs", options=[*_CHOOSE_BY, "--strict"]))(function)


def growing_runs_options(function: F) -> F:
    """RUNS that are still being written, and which of its cells and doses."""
    return apply(*_which_runs, click.option_panel("Which runs", options=[*_CHOOSE_BY]))(function)


_CHOOSE_BY = ("--alphas", "--model-contains", "--where", "--metric")
_which_runs = (
    click.argument("runs", type=PlaceType()),
    click.option(
        "--alphas",
        type=Numbers(),
        multiple=True,
        callback=lambda ctx, param, doses: sum(doses, ()) or None,
        metavar="A,B,…",
        help="Doses to keep; default: all that the cells hold.",
    ),
    click.option("--model-contains", default="", metavar="TEXT", help="Keep cells whose name contains this."),
    click.option("--where", metavar="SQL", help="Keep cells for which this holds: method = 'pca' AND seed < 3."),
    click.option(
        "--metric",
        type=click.Choice(METRICS),
        default=METRICS[0],
        show_default=True,
        help="Prompt set whose pmass is scored; pmass (questions) has no KL.",
    ),
)


def scoring_options(function: F) -> F:
    """The fields of `Scoring`."""
    return apply(
        click.option(
            "--threshold", type=float, default=Scoring.threshold, show_default=True, help="pmass below it is death."
        ),
        click.option(
            "--roll", type=int, default=Scoring.roll, show_default=True, help="Tokens in the rolling mean of KL."
        ),
        click.option(
            "--calib-tokens",
            type=int,
            default=Scoring.calib_tokens,
            show_default=True,
            help="Early tokens whose p95 is a trajectory's scale.",
        ),
        click.option(
            "--normalize-kl/--no-normalize-kl",
            default=Scoring.normalize_kl,
            show_default=True,
            help="Divide KL by that scale.",
        ),
        click.option(
            "--window",
            type=int,
            help="Tokens of a full rollout, of which fewer are EOS; cuts nothing off. Default: each cell's own.",
        ),
        click.option_panel(
            "Scoring", options=["--threshold", "--roll", "--calib-tokens", "--normalize-kl", "--window"]
        ),
    )(function)


def event_options(function: F) -> F:
    """The fields of `Event`."""
    return apply(
        click.option(
            "--event",
            type=click.Choice(EVENTS),
            default=Event.event,
            show_default=True,
            help="What death is: pmass below --threshold at a fork, or KL above --kl-threshold at a token.",
        ),
        click.option(
            "--kl-threshold", type=float, default=Event.kl_threshold, show_default=True, help="nats, for --event kl."
        ),
    )(function)


def _together(ctx: click.Context, param: click.Parameter, names: tuple[str, ...]) -> str:
    """Columns that were given one by one, as if given at once."""
    return ",".join(names)


def by_option(default: str) -> Callable[[F], F]:
    """Which columns make the groups."""
    shown = True if default else "none"
    return click.option(
        "--by",
        type=Columns(),
        multiple=True,
        callback=_together,
        default=(default,) if default else (),
        show_default=shown,
        metavar="COLUMN,…",
        help="Columns that make the groups.",
    )


def level_option(function: F) -> F:
    """How much an interval shall cover."""
    return click.option(
        "--level", type=float, default=Interval.level, show_default=True, help="Coverage of the intervals."
    )(function)


def tau_option(function: F) -> F:
    """Where restricted means end."""
    return click.option(
        "--tau",
        type=int,
        help="Tokens to which means are restricted; default: the smallest last fork of the groups still alive.",
    )(function)


def bootstrap_options(function: F) -> F:
    """The fields of `Resampling`, and the level of its intervals."""
    return apply(
        level_option,
        click.option(
            "--bootstrap",
            type=int,
            default=Resampling.draws,
            show_default=True,
            help="How often whole prompts are drawn again; 0: never.",
        ),
        click.option("--seed", type=int, default=Resampling.seed, show_default=True, help="Seed of the draws."),
    )(function)


def test_options(function: F) -> F:
    """Which groups `compare` tests, and how."""
    return apply(
        click.option("--at-alpha", type=float, metavar="ALPHA", help="Compare at this dose only, such as 1.0."),
        click.option(
            "--test", type=click.Choice(TESTS), default=TESTS[0], show_default=True, help="The log-rank family."
        ),
        click.option(
            "--rho", type=float, default=LogRank.rho, show_default=True, help="Of fh: above 0, early deaths weigh more."
        ),
        click.option(
            "--gamma", type=float, default=LogRank.gamma, show_default=True, help="Of fh: above 0, late deaths do."
        ),
        click.option(
            "--stratify",
            type=Columns(),
            multiple=True,
            callback=_together,
            metavar="COLUMN,…",
            help="Test within each value of these, such as prompt.",
        ),
    )(function)


def thresholds_options(function: F) -> F:
    """The fields of `Thresholds`."""
    return apply(
        click.option(
            "--from", "start", type=float, default=Thresholds.start, show_default=True, help="Lowest threshold."
        ),
        click.option("--to", "stop", type=float, default=Thresholds.stop, show_default=True, help="Highest threshold."),
        click.option(
            "--steps", type=int, default=Thresholds.steps, show_default=True, help="How many thresholds, evenly spaced."
        ),
        click.option(
            "--consecutive",
            type=int,
            default=Thresholds.consecutive,
            show_default=True,
            help="Forks in a row that death takes.",
        ),
    )(function)


def output_option(function: F) -> F:
    """Where to save the table beside printing it."""
    return click.option(
        "-o",
        "--output",
        "outputs",
        type=click.Path(path_type=Path),
        multiple=True,
        help="Also save it: .parquet, .arrow, .feather (with event, options and warnings in the file), .csv, .ndjson; "
        "may be given again.",
    )(function)


def format_option(function: F) -> F:
    """How a table is printed."""
    return click.option(
        "--format",
        type=click.Choice(["table", "md", "csv", "json", "ndjson"]),
        help="Default: table on a terminal, csv elsewhere.",
    )(function)
