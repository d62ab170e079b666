"""Tables as text. In: a frame. Out: a rich table, Markdown, csv, JSON or ndjson on stdout."""

from __future__ import annotations

import sys

import polars as pl

from klsurv.as_json import as_json
from klsurv.output.rows import Format, markdown, print_table, resolved


def show(frame: pl.DataFrame, *, format: Format | None, keys: int = 1, caption: str = "") -> None:
    """Print a table to stdout; without a format, as a rich table on a terminal and as csv elsewhere.

    Only `table` and `md` round; the others hold floats in full, and JSON has null for what is not finite. A table too
    wide for the terminal goes on below, its first `keys` columns repeated.
    """
    format = resolved(format)
    if format == "table":
        right = [dtype.is_numeric() for dtype in frame.dtypes]
        print_table(frame.columns, frame.rows(), right=right, keys=keys, caption=caption)
    else:
        sys.stdout.write(text(frame, format))


def text(frame: pl.DataFrame, format: Format) -> str:
    """The frame in one of the formats that are plain text."""
    if format == "md":
        return markdown(frame.columns, frame.rows(), right=[dtype != pl.String for dtype in frame.dtypes])
    if format == "csv":
        return frame.with_columns(_joined(frame)).write_csv()
    finite = frame.with_columns(
        pl.when(pl.col(name).is_finite()).then(pl.col(name)).alias(name)
        for name, dtype in frame.schema.items()
        if dtype.is_float()
    )
    return as_json(finite) + "\n" if format == "json" else finite.write_ndjson()


def _joined(frame: pl.DataFrame) -> list[pl.Expr]:
    return [
        pl.col(name).list.eval(pl.element().cast(pl.String)).list.join(",")
        for name, dtype in frame.schema.items()
        if isinstance(dtype, pl.List)
    ]
