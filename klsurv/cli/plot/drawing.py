"""What the charts have in common. In: options. Out: the figure, drawn once and saved under each name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import rich_click as click

from klsurv.charts.theme import GROUNDS
from klsurv.cli.options import apply
from klsurv.cli.running import opened, progress_bar, writable
from klsurv.ingest.remote import Place
from klsurv.names import clean
from klsurv.output.files import PICTURE_SUFFIXES
from klsurv.output.pen import Pen
from klsurv.params import Layout

if TYPE_CHECKING:
    from klsurv.charts.figure import Figure
    from klsurv.runs import Runs

F = TypeVar("F", bound=Callable[..., Any])


def output_options(function: F) -> F:
    """Where a figure is saved, and how large a png is."""
    return apply(
        click.option(
            "-o",
            "--output",
            "outputs",
            type=click.Path(path_type=Path),
            multiple=True,
            required=True,
            help="File to save; may be given again.",
        ),
        click.option("--scale", type=float, default=2.0, show_default=True, help="Pixels of a png to one of the page."),
        click.option(
            "--background",
            type=click.Choice(list(GROUNDS)),
            default=next(iter(GROUNDS)),
            show_default=True,
            help="What lies behind: off-white, or white for a page that is.",
        ),
    )(function)


def columns_option(function: F) -> F:
    """How many panels stand in a row."""
    return click.option(
        "--columns", type=int, help="Panels per row; default: rows of equal length, at most four wide."
    )(function)


def time_option(function: F) -> F:
    """How time is drawn."""
    return click.option(
        "--log-time", is_flag=True, help="Logarithmic time axis, linear below 1 token, for forks that crowd the start."
    )(function)


def layout_of(options: dict[str, Any]) -> Layout:
    """How panels are laid out, checked; takes these options out of `options`."""
    return Layout(
        columns=options.pop("columns", None), **{name: options.pop(name, False) for name in ("log_time", "log_dose")}
    )


def draw(
    runs: Place,
    outputs: Sequence[Path],
    scale: float,
    options: dict[str, Any],
    make: Callable[[Runs, Any], Figure],
    *,
    title: str,
) -> None:
    """Read, draw once and save to each of `outputs`; `make` takes the runs and a progress function."""
    paths = writable(outputs, PICTURE_SUFFIXES)
    if not 0.1 <= scale <= 20:
        raise click.BadParameter(f"{scale} is not between 0.1 and 20", param_hint="--scale")
    ground = options.pop("background")
    with Pen(paths) as pen, opened(runs, options) as read, progress_bar("computing") as progress:
        pen.save(make(read, progress).on(ground), title=f"klsurv: {title}", scale=scale)
    for path in paths:
        click.echo(f"saved {clean(str(path))}", err=True)
