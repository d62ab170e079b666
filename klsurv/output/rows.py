"""Rows as text. In: columns and rows. Out: a rich table on stdout, or Markdown; of text alone, csv and JSON too."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Sequence
from typing import Any, Literal

Format = Literal["table", "md", "csv", "json", "ndjson"]

_WIDE = 10_000


def resolved(format: Format | None) -> Format:
    """The format that was asked for; without one, a table on a terminal and csv elsewhere."""
    return format or ("table" if sys.stdout.isatty() else "csv")


def show_texts(rows: Sequence[dict[str, str]], *, format: Format | None, keys: int = 1) -> None:
    """Print rows of text alone to stdout, as `klsurv.output.show.show` prints a frame; there is one at least."""
    format = resolved(format)
    names, values = list(rows[0]), [list(row.values()) for row in rows]
    if format == "table":
        print_table(names, values, right=[False] * len(names), keys=keys)
    elif format == "md":
        sys.stdout.write(markdown(names, values, right=[False] * len(names)))
    elif format == "csv":
        sys.stdout.write("".join(f"{','.join(map(_quoted, row))}\n" for row in [names, *values]))
    else:
        lines = [json.dumps(row, ensure_ascii=False, separators=(",", ":")) for row in rows]
        sys.stdout.write(f"[{','.join(lines)}]\n" if format == "json" else "".join(f"{line}\n" for line in lines))


def markdown(names: Sequence[str], rows: Sequence[Sequence[Any]], *, right: Sequence[bool]) -> str:
    """A Markdown table; columns are aligned to the `right` or to the left."""
    head = [names, ["--:" if end else ":--" for end in right]]
    body = [[written(value).replace("|", "\\|") for value in row] for row in rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in [*head, *body])


def print_table(
    names: Sequence[str], rows: Sequence[Sequence[Any]], *, right: Sequence[bool], keys: int, caption: str = ""
) -> None:
    """Print a rich table; one too wide for the terminal goes on below, its first `keys` columns repeated."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    # Rich reads the width of a terminal itself; elsewhere nothing is gained by folding.
    console = Console(width=None if sys.stdout.isatty() else _WIDE, highlight=False)
    cells = [[written(value) for value in row] for row in rows]
    widths = [max(len(name), *(len(row[i]) for row in cells), 1) + 3 for i, name in enumerate(names)]
    first = list(range(min(keys, len(names))))
    blocks = [list(first)]
    for i in range(len(first), len(names)):
        if len(blocks[-1]) > len(first) and sum(widths[j] for j in [*blocks[-1], i]) - 3 > console.width:
            blocks.append(list(first))
        blocks[-1].append(i)
    for block in blocks:
        table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1), show_edge=False)
        for i in block:
            side: Literal["left", "right"] = "right" if right[i] else "left"
            table.add_column(Text(names[i]), justify=side, no_wrap=right[i], overflow="fold")
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


def _quoted(value: str) -> str:
    """In csv, as polars has it: quoted where it has to be, or is empty, as nothing at all would be null."""
    return value if value and not set(value) & set(',"\r\n') else '"' + value.replace('"', '""') + '"'
