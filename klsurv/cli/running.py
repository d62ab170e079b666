"""How a command runs. In: RUNS and options. Out: `Runs`, progress and warnings on stderr, the answer on stdout."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rich_click as click

from klsurv.cli.chosen import selection_of
from klsurv.errors import NothingUsableError, OutputError
from klsurv.ingest.remote import Place, is_file
from klsurv.names import clean
from klsurv.output.files import TABLE_SUFFIXES, check_target
from klsurv.params import ScoringOptions, outcome
from klsurv.store.marker import is_store
from klsurv.wording import death_in

if TYPE_CHECKING:
    import polars as pl

    from klsurv.fanout import Progress
    from klsurv.runs import Runs

_READING = ("alphas", "model_contains", "where", "metric", "strict")


@contextmanager
def opened(runs: Place, options: dict[str, Any], *, quiet: bool = False) -> Iterator[Runs]:
    """The runs at a path, with a progress bar on stderr where that is a terminal, and warnings as lines there.

    `quiet` drops the warnings, for a command whose output holds what they say.
    """
    chosen = reading(options)
    tell = (lambda _: None) if quiet else warn
    # Reading starts before the libraries are loaded, except where it takes one to know which cells are wanted.
    selection = selection_of(options)
    ahead = None
    if selection.where is None and not is_file(runs) and not is_store(runs):
        from klsurv.ingest.ahead import Ahead

        # Where there are no runs `scan` says so, after it was seen that the parameters are right.
        with suppress(NothingUsableError):
            ahead = Ahead(runs, name_contains=selection.model_contains, metric=selection.metric)
    try:
        from klsurv.loading import scan

        with progress_bar("reading cells") as progress:
            yield scan(runs, **chosen, tell=tell, progress=progress, ahead=ahead)
    finally:
        if ahead is not None:
            ahead.close()


@contextmanager
def progress_bar(title: str) -> Iterator[Progress | None]:
    """A bar on stderr from the first step to the last, gone when it is done; nothing where stderr is no terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import Progress as Bar

    bar = Bar(console=Console(stderr=True), transient=True)
    task = bar.add_task(title, total=None)

    def step(done: int, total: int) -> None:
        if done == total:
            bar.stop()
            return
        bar.start()
        bar.update(task, completed=done, total=total)

    try:
        yield step
    finally:
        bar.stop()


def warn(message: str) -> None:
    """One warning, one line on stderr."""
    click.echo(f"warning: {message}", err=True)


def answer(
    runs: Runs,
    table: pl.DataFrame,
    *,
    name: str,
    by: Sequence[str],
    chosen: ScoringOptions,
    options: dict[str, Any],
    keys: int = 1,
    caption: str = "",
) -> None:
    """Print a table of statistics, and save it where that was asked for; `keys` columns follow those of the groups."""
    from klsurv.output.show import show

    scoring, event = outcome(chosen)
    asked = {option: value for option, value in options.items() if option not in ("outputs", "format")}
    for path in options["outputs"]:
        # It loads pyarrow, which takes as long as polars.
        from klsurv.exports import save_table

        save_table(table, path, name=name, by=by, scoring=scoring, event=event, options=asked, runs=runs)
        click.echo(f"saved {clean(str(path))}", err=True)
    lines = [caption, death_in(name, scoring, event, asked)]
    show(table, format=options["format"], keys=len(by) + keys, caption="\n".join(line for line in lines if line))


def reading(options: dict[str, Any]) -> dict[str, Any]:
    """Of a command's options, those that choose what is read."""
    return {name: options[name] for name in _READING}


def saving(options: dict[str, Any]) -> None:
    """Make sure that the files a table shall be saved in can be written, before any work is done."""
    writable(options["outputs"], TABLE_SUFFIXES)


def writable(paths: Sequence[Path], suffixes: tuple[str, ...]) -> list[Path]:
    """The output paths, checked before any work is done."""
    for path in paths:
        try:
            check_target(path, suffixes)
        except OutputError as error:
            raise click.UsageError(str(error)) from None
    return list(paths)
