"""`klsurv watch`. In: RUNS that grow. Out: a live table, or a line per change of a cell."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from itertools import count as counting
from typing import TYPE_CHECKING, Any

import rich_click as click

from klsurv.cli.chosen import scoring_of, selection_of
from klsurv.cli.options import by_option, growing_runs_options, scoring_options
from klsurv.cli.running import warn
from klsurv.errors import NothingUsableError
from klsurv.ingest.remote import Place, is_file
from klsurv.names import clean
from klsurv.params import Scoring, groups
from klsurv.store.marker import is_store
from klsurv.validate import check

if TYPE_CHECKING:
    from klsurv.watch.sweep import Sweep
    from klsurv.watch.view import Change

# Seconds: how often the screen is drawn while nothing is read, and while something is.
_DRAWN, _DRAWN_READING = 1.0, 0.2


@click.command("watch")
@growing_runs_options
@scoring_options
@by_option("alpha")
@click.option("--interval", type=float, default=5.0, show_default=True, help="Seconds from one look to the next.")
@click.option("--count", type=click.IntRange(1), help="End after so many looks.")
@click.option("--until-idle", type=float, metavar="SECONDS", help="End when no file has changed for so long.")
@click.option("--cells", type=click.IntRange(1), help="How many cells there will be, to tell what is left.")
@click.option(
    "--format",
    type=click.Choice(["csv", "ndjson"]),
    help="A line per change; default: a live table on a terminal, csv elsewhere.",
)
def command(
    runs: Place,
    by: str,
    interval: float,
    count: int | None,
    until_idle: float | None,
    cells: int | None,
    format: str | None,
    **options: Any,
) -> None:
    """A summary of RUNS, a run root that is being written, which need not be there yet; Ctrl-C ends it.

    Only cells whose files changed are read again. A cell that is being written or broken keeps its last good data. KL
    quantiles are left to `klsurv summary`. `klsurv schema changes` says what the lines hold.
    """
    check(0.1 <= interval <= 86_400, f"interval must lie in 0.1…86400 seconds, not {interval}")
    check(until_idle is None or until_idle > 0, f"until-idle must be above 0 seconds, not {until_idle}")
    names, scoring = groups(by), Scoring(**scoring_of(options))
    selection = selection_of(options)
    if is_file(runs) or is_store(runs):
        raise click.UsageError(f"{clean(str(runs))} is no directory of run cells: watch what is being written")
    from klsurv.watch.sweep import Sweep

    sweep = Sweep(runs, selection=selection, scoring=scoring, by=names, cells=cells)

    def ended(looks: int) -> bool:
        return looks == count or (until_idle is not None and sweep.quiet >= until_idle)

    live = format is None and sys.stdout.isatty() and os.environ.get("TERM") != "dumb"
    if live:
        _draw(sweep, clean(str(runs)), interval=interval, ended=ended)
    else:
        _print(sweep, format or "csv", interval=interval, ended=ended)
    view = sweep.view()
    if not view.trajectories:
        chosen = "" if selection.alphas is None else " at the alphas asked for"
        read = {"ok", "partial"} & view.states.keys()
        nothing = f"no cell has a trajectory{chosen}" if read else "no cell could be used"
        if selection.where is not None and not view.states:
            nothing = f"no cell is left by where {selection.where!r}"
        raise NothingUsableError(view.waiting or nothing)


def _draw(sweep: Sweep, title: str, *, interval: float, ended: Callable[[int], bool]) -> None:
    from klsurv.output.live import display

    with display(title) as shown:
        drawn = 0.0

        def reading(done: int, total: int) -> None:
            nonlocal drawn
            if time.monotonic() - drawn >= _DRAWN_READING:
                shown.draw(sweep.view(), doing=f"reading {done} of {total}")
                drawn = time.monotonic()

        shown.draw(sweep.view(), doing="reading")
        for looks in counting(1):
            sweep.refresh(progress=reading)
            end = time.monotonic() + interval
            while True:
                doing = f"looks every {interval:g} s, last change {sweep.quiet:.0f} s ago, Ctrl-C ends"
                shown.draw(sweep.view(), doing=doing)
                if ended(looks):
                    return
                left = end - time.monotonic()
                if left <= 0:
                    break
                time.sleep(min(_DRAWN, left))


def _print(sweep: Sweep, format: str, *, interval: float, ended: Callable[[int], bool]) -> None:
    told: set[str] = set()
    waiting: str | None = None
    _write([], format, header=True)
    for looks in counting(1):
        changes = sweep.refresh()
        _write(changes, format, header=False)
        view = sweep.view()
        if view.waiting is not None and view.waiting != waiting:
            warn(f"waiting: {view.waiting}")
        waiting = view.waiting
        for change in changes:
            if change.state == "broken":
                kept = " (its last good data are kept)" if change.kept else ""
                warn(f"{change.cell} is broken: {change.reason}{kept}")
        for note in view.notes:
            if note not in told:
                told.add(note)
                warn(note)
        if ended(looks):
            return
        time.sleep(interval)


def _write(changes: list[Change], format: str, *, header: bool) -> None:
    from dataclasses import asdict

    import polars as pl

    from klsurv.schema import CHANGES

    table = pl.DataFrame([asdict(change) for change in changes], schema=CHANGES.schema)
    sys.stdout.write(table.write_csv(include_header=header) if format == "csv" else table.write_ndjson())
    sys.stdout.flush()
