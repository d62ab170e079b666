"""Tables as text. In: a frame. Out: a rich table, Markdown, csv, JSON or ndjson on stdout."""

from __future__ import annotations

import math
import sys
from typing import Any, Literal

import polars as pl

Format = Literal["table", "md", "csv", "json", "ndjson"]

_WIDE = 10_000


def show(frame: pl.DataFrame, *, format: Format | None, keys: int = 1, caption: str = "") -> None:
    """Print a table to stdout; without a format, as a rich table on a terminal and as csv elsewhere.

    Only `table` and `md` round; the others hold floats in full, and JSON has null for what is not finite. A table too
    wide for the terminal goes on below, its first `keys` columns repeated.
    """
    chosen = format or ("table" if sys.stdout.isatty() else "csv")
    if chosen == "table":
        _table(frame, keys=keys, caption=caption)
    else:
        sys.stdout.write(text(frame, chosen))


def text(frame: pl.DataFrame, format: Format) -> str:
    """The frame in one of the formats that are plain text."""
    if format == "md":
        head = [frame.columns, [":--" if dtype == pl.String else "--:" for dtype in frame.dtypes]]
        body = [[written(value).replace("|", "\\|") for value in row] for row in frame.rows()]
        return "".join(f"| {' | '.join(line)} |\n" for line in [*head, *body])
    if format == "csv":
        return frame.with_columns(_joined(frame)).write_csv()
    finite = frame.with_columns(
        pl.when(pl.col(name).is_finite()).then(pl.col(name)).alias(name)
        for name, dtype in frame.schema.items()
        if dtype.is_float()
    )
    return finite.write_json() + "\n" if format == "json" else finite.write_ndjson()


def _table(frame: pl.DataFrame, *, keys: int, caption: str) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    # Rich reads the width of a terminal itself; elsewhere nothing is gained by folding.
    console = Console(width=None if sys.stdout.isatty() else _WIDE, highlight=False)
    cells = [[written(value) for value in row] for row in frame.rows()]
    widths = [max(len(name), *(len(row[i]) for row in cells), 1) + 3 for i, name in enumerate(frame.columns)]
    first = list(range(min(keys, frame.width)))
    blocks = [list(first)]
    for i in range(len(first), frame.width):
        if len(blocks[-1]) > len(first) and sum(widths[j] for j in [*blocks[-1], i]) - 3 > console.width:
            blocks.append(list(first))
        blocks[-1].append(i)
    for block in blocks:
        table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1), show_edge=False)
        for i in block:
            right = frame.dtypes[i].is_numeric()
            table.add_column(
                Text(frame.columns[i]), justify="right" if right else "left", no_wrap=right, overflow="fold"
            )
        for row in cells:
            # Text, because a string would be read as markup: a cell may be called [red].
            table.add_row(*(Text(row[i]) for i in block))
        console.print(table)
    if caption:
        console.print(Text(caption, style="dim"))


def written(value: Any) -> str:
    """A value as a table shows it: floats rounded, a dash for null."""
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:.4g}" if math.isfinite(value) else str(value)
    if isinstance(value, list):
        return ", ".join(map(written, value))
    return str(value)


def _joined(frame: pl.DataFrame) -> list[pl.Expr]:
    return [
        pl.col(name).list.eval(pl.element().cast(pl.String)).list.join(",")
        for name, dtype in frame.schema.items()
        if isinstance(dtype, pl.List)
    ]
