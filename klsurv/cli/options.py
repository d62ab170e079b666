"""What commands have in common. In: raw options. Out: `Runs`, `Scoring` and paths that can be written."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import rich_click as click

from klsurv.errors import OutputError
from klsurv.ingest.ahead import Ahead
from klsurv.output.files import check_target
from klsurv.params import METRICS, Scoring, ScoringOptions, Selection

if TYPE_CHECKING:
    from klsurv.runs import Runs

F = TypeVar("F", bound=Callable[..., Any])

_READING = ("alphas", "model_contains", "where", "metric", "strict")


class Numbers(click.ParamType[tuple[float, ...]]):
    """Numbers separated by commas."""

    name = "numbers"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[float, ...]:
        """The numbers as a tuple."""
        try:
            # Python would take 1_0 for ten.
            return tuple(map(float, value.replace("_", "?").split(","))) if isinstance(value, str) else value
        except ValueError:
            self.fail(f"{value!r} is not numbers separated by commas, such as 0,0.5,1", param, ctx)


def _apply(*options: Callable[[F], F]) -> Callable[[F], F]:
    def decorate(function: F) -> F:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


def runs_options(function: F) -> F:
    """RUNS, and which of its cells and doses."""
    return _apply(
        click.argument("runs", type=click.Path(path_type=Path)),
        click.option(
            "--alphas", type=Numbers(), metavar="A,B,…", help="Doses to keep; default: all that the cells hold."
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
        click.option("--strict", is_flag=True, help="Fail where a cell would be left out."),
    )(function)


def scoring_options(function: F) -> F:
    """The fields of `Scoring`."""
    return _apply(
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
        click.option("--window", type=int, help="Tokens of a full rollout; default: each cell's own."),
    )(function)


def format_option(function: F) -> F:
    """How a table is printed."""
    return click.option(
        "--format",
        type=click.Choice(["table", "md", "csv", "json", "ndjson"]),
        help="Default: table on a terminal, csv elsewhere.",
    )(function)


def scoring_of(options: dict[str, Any]) -> ScoringOptions:
    """The scoring that a command's options ask for, checked before any work is done."""
    chosen: ScoringOptions = {
        "threshold": options["threshold"],
        "roll": options["roll"],
        "calib_tokens": options["calib_tokens"],
        "normalize_kl": options["normalize_kl"],
        "window": options["window"],
    }
    Scoring(**chosen)
    return chosen


@contextmanager
def opened(runs: Path, options: dict[str, Any], *, quiet: bool = False) -> Iterator[Runs]:
    """The runs at a path, with a progress bar on stderr where that is a terminal, and warnings as lines there.

    `quiet` drops the warnings, for a command whose output holds what they say.
    """
    chosen = {name: options[name] for name in _READING}
    tell = (lambda _: None) if quiet else warn
    # Reading starts before the libraries are loaded, except where it takes one to know which cells are wanted.
    selection = Selection(**{name: options[name] for name in _READING if name != "strict"})
    ahead = None
    if selection.where is None and not os.path.isfile(runs):
        ahead = Ahead(runs, name_contains=selection.model_contains, metric=selection.metric)
    try:
        from klsurv.runs import scan

        with _progress() as progress:
            yield scan(runs, **chosen, tell=tell, progress=progress, ahead=ahead)
    finally:
        if ahead is not None:
            ahead.close()


@contextmanager
def _progress() -> Iterator[Callable[[int, int], None] | None]:
    """A bar on stderr that vanishes when it is done; nothing where stderr is not a terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("reading cells", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def warn(message: str) -> None:
    """One warning, one line on stderr."""
    click.echo(f"warning: {message}", err=True)


def writable(paths: Sequence[Path], suffixes: tuple[str, ...]) -> list[Path]:
    """The output paths, checked before any work is done."""
    for path in paths:
        try:
            check_target(path, suffixes)
        except OutputError as error:
            raise click.UsageError(str(error)) from None
    return list(paths)
