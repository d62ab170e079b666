"""A sweep on the terminal while it runs. In: views of it. Out: a screen that is redrawn, and gone at the end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

import polars as pl
from rich.box import SIMPLE_HEAD
from rich.cells import cell_len, set_cell_size
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from klsurv.errors import OutputError
from klsurv.output.rows import written
from klsurv.watch.known import Known
from klsurv.watch.view import Change, View

T = TypeVar("T")

# What a narrow terminal does without, the first first.
_DISPENSABLE = ("n_skipped", "n_censored", "n_died", "tau", "n_running", "n_eos", "n_failed", "rmst")
_STYLES = {"broken": "bold red", "in flight": "yellow", "vanished": "red", "skipped": "dim", "ok": "green"}
_STATE = max(map(len, _STYLES))
_LATEST, _NOTES = 5, 2
_CAPTION = "n_events + n_eos + n_running = n; median, rmst: tokens; KL: `klsurv summary`"
# Rich puts two spaces and a divider between columns.
_GAP = 3


class Display:
    """The screen. What it showed last stays on the terminal when it is gone."""

    def __init__(self, title: str, live: Live) -> None:
        self._title, self._live = title, live
        self.last: RenderableType | None = None

    def draw(self, view: View, *, doing: str) -> None:
        """Show a state of the sweep; `doing` is what klsurv is at.

        Raises:
            OutputError: the terminal is gone, which rich does not say.
        """
        if not self._live.console.is_terminal:
            raise OutputError("the terminal is gone")
        size = self._live.console.size
        self.last = screen(view, title=self._title, doing=doing, width=size.width, height=size.height)
        self._live.update(self.last, refresh=True)


@contextmanager
def display(title: str) -> Iterator[Display]:
    """A screen of its own on the terminal; however it ends, the terminal is as it was, and the cursor shown."""
    console = Console(highlight=False, markup=False)
    live = Live(console=console, screen=True, auto_refresh=False, redirect_stdout=False, redirect_stderr=False)
    shown = Display(title, live)
    try:
        live.start()
        yield shown
    finally:
        live.stop()
        if shown.last is not None and console.is_terminal:
            console.print(shown.last)


def screen(view: View, *, title: str, doing: str, width: int, height: int) -> Group:
    """A state of a sweep in no more lines than `height`: first what it comes to, then what is wrong, then the latest.

    Every line is as it stands: nothing wraps, and what does not fit is cut, or counted.
    """
    lines: list[RenderableType] = [_title(title, doing, width), *_totals(view), Text("")]
    room = height - len(lines)
    notes = [_line((note, "dim")) for note in view.notes[:_NOTES]]
    heads = 2 + len(notes)
    n, troubles = view.table.height, len(view.troubles)
    # A third is for what is wrong, and more where the table leaves room.
    for_troubles = min(troubles + 1, max(room // 3, room - heads - n)) if troubles else 0
    for_rows = room - heads - for_troubles
    if n and for_rows > 0:
        rows, rest = _fold(range(n), for_rows)
        lines += [_table(view.table, rows=rows, width=width), *_more(rest, "groups"), *notes]
        room -= heads + min(n, for_rows)
    if troubles and for_troubles > 1:
        cells, rest = _fold(view.troubles, for_troubles - 1)
        wide = _widest([cell.cell for cell in cells], width)
        lines += [Text(""), *(_trouble(cell, wide) for cell in cells), *_more(rest, "cells that are not ok")]
        room -= 1 + len(cells) + bool(rest)
    for_latest = min(_LATEST, room - 1, len(view.latest))
    if for_latest > 0:
        latest = view.latest[-for_latest:]
        wide = _widest([change.cell for change in latest], width)
        lines += [Text(""), *(_change(change, wide) for change in latest)]
        room -= 1 + for_latest
    if n and room > 1:
        lines += [Text(""), _line((_CAPTION, "dim"))]
    return Group(*lines[: max(height, 1)])


def _title(title: str, doing: str, width: int) -> Text:
    left = Text(set_cell_size(title, max(min(cell_len(title), width - cell_len(doing) - 2), 8)), style="bold")
    gap = max(width - left.cell_len - cell_len(doing), 1)
    return _line(left, (" " * gap, ""), (doing, "dim"))


def _totals(view: View) -> list[Text]:
    n = sum(view.states.values())
    states = [(f"{k} {state}", _STYLES.get(state, "")) for state, k in sorted(view.states.items())]
    cells: list[Text | tuple[str, str]] = [(_count(n, "cell"), "bold"), (": " if states else "", "")]
    for i, state in enumerate(states):
        cells += [(", " if i else "", ""), state]
    lines = [_line(*cells)]
    if view.waiting is not None:
        lines.append(_line(("waiting: ", "yellow"), (view.waiting, "")))
    done = f"{view.alphas:,}"
    if view.alphas_of is not None and view.alphas_of > view.alphas:
        done = f"{view.alphas:,} of {view.alphas_of:,}"
        expected = f", if each of {view.cells_of:,} cells gets {view.doses}"
    else:
        expected = ""
    left = view.minutes
    end = "" if left is None else f": about {_span(60 * left)} left at this rate"
    lines.append(_line((f"{done} {'alpha' if done == '1' else 'alphas'}", "bold"), (expected + end, "")))
    speed = "no rate yet"
    if view.rates is not None:
        rates = view.rates
        speed = (
            f"{_rate(rates.alphas)} alphas, {_rate(rates.trajectories)} trajectories a minute "
            f"over the last {_span(rates.over)}"
        )
    lines.append(_line((_count(view.trajectories, "trajectory", "trajectories"), "bold"), (f"; {speed}", "")))
    return lines


def _table(frame: pl.DataFrame, *, rows: Sequence[int], width: int) -> Table:
    kept = frame.columns
    body = {name: [written(value) for value in frame.get_column(name)] for name in kept}
    widths = {name: max(cell_len(name), *map(cell_len, body[name])) for name in kept}
    for name in _DISPENSABLE:
        if sum(widths[column] + _GAP for column in kept) - _GAP > width:
            kept = [column for column in kept if column != name]
    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1), show_edge=False)
    for name in kept:
        right = frame.schema[name].is_numeric()
        table.add_column(Text(name), justify="right" if right else "left", no_wrap=True, overflow="ellipsis")
    for i in rows:
        # Text, because a string would be read as markup: a cell may be called [red].
        table.add_row(*(Text(body[name][i]) for name in kept))
    return table


def _trouble(cell: Known, wide: int) -> Text:
    kept = f"{_count(len(cell.alphas), 'alpha')} kept; " if cell.kept else ""
    style = _STYLES.get(cell.state, "")
    return _line((f"{cell.state:{_STATE}}  ", style), (_name(cell.cell, wide), ""), (f"  {kept}{cell.reason}", "dim"))


def _change(change: Change, wide: int) -> Text:
    style = _STYLES.get(change.state, "")
    said = f"  {_count(change.alphas, 'alpha')}, {change.trajectories:,} trajectories, {change.n_events:,} dead"
    said = "" if change.state == "vanished" else said + (" (kept)" if change.kept else "")
    return _line(
        (f"{change.time[11:19]} UTC  ", "dim"),
        (_name(change.cell, wide), ""),
        (f"  {change.state}", style),
        (said, ""),
    )


def _widest(names: Sequence[str], width: int) -> int:
    """The width for names: that of the longest, or a third of the line."""
    return min(max(map(cell_len, names), default=0), max(width // 3, 16))


def _name(name: str, wide: int) -> str:
    """A name in so many columns. Its end tells it from others, so that the middle goes."""
    if cell_len(name) <= wide:
        return set_cell_size(name, wide)
    half = (wide - 1) // 2
    return set_cell_size(f"{set_cell_size(name, half)}…{name[-half:]}", wide)


def _more(n: int, of: str) -> list[Text]:
    return [_line((f"… and {n:,} more {of}", "dim"))] if n else []


def _line(*parts: Text | tuple[str, str]) -> Text:
    line = Text(no_wrap=True, overflow="ellipsis", end="\n")
    for part in parts:
        line.append_text(part if isinstance(part, Text) else Text(*part))
    return line


def _fold(items: Sequence[T], room: int) -> tuple[Sequence[T], int]:
    """Those that there is room for, and how many there is none for: they take a line too."""
    if len(items) <= room:
        return items, 0
    return items[: max(room - 1, 0)], len(items) - max(room - 1, 0)


def _count(n: int, one: str, many: str | None = None) -> str:
    return f"{n:,} {one if n == 1 else many or one + 's'}"


def _rate(x: float) -> str:
    return f"{x:,.0f}" if x >= 100 else f"{x:.2g}"


def _span(seconds: float) -> str:
    """A time in the unit that suits it."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
