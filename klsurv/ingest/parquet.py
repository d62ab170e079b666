"""Parquet files. In: the path of one that klsurv or anyone wrote. Out: the tables `cells` and `source`."""

from __future__ import annotations

from io import BytesIO, StringIO
from pathlib import Path

import polars as pl

from klsurv.errors import LayoutError, first_line
from klsurv.ingest.content import unreadable
from klsurv.ingest.layout import read_frame
from klsurv.ingest.remote import Place, Remote
from klsurv.ingest.sound import check_ok
from klsurv.names import clean
from klsurv.params import Selection
from klsurv.schema import (
    BY_CELL,
    CELLS,
    FACTS,
    FOOTER_CELLS,
    FOOTER_EMPTY,
    FOOTER_FACTS,
    FOOTER_ROWS,
    FOOTER_TABLE,
    KEY,
    SOURCE,
    TRAJECTORIES,
)

# What a file of rows per token says of each trajectory: what rows cannot, how many there are and how many have a pmass.
_ROWS = {
    **{name: TRAJECTORIES.schema[name] for name in (*KEY, "gen_len", "fork")},
    "n_rows": pl.Int64(),
    "n_pmass": pl.Int64(),
}
_EMPTY = {"cell": pl.String(), "empty": CELLS.schema["alphas"]}
_FACTS = {name: SOURCE.schema[name] for name in (*KEY, *FACTS)}


def read_parquet(
    path: Place, *, selection: Selection, strict: bool = False, cut: bool = True
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The tables `cells` and `source` of a parquet file that klsurv wrote, or that has the columns of a layout.

    Raises:
        LayoutError: it cannot be read, is no parquet file, one of several, or its columns are in neither layout.
        NothingUsableError: no cell is left by the selection.
        CellError: a cell was not `ok` when the file was written, and `strict`.
    """
    try:
        data = None
        if isinstance(path, Remote):
            data = _fetched(path)
        else:
            # Python says why a file cannot be opened in the words of all other messages.
            open(path, "rb").close()
        footer = pl.read_parquet_metadata(_opened(path, data))
        told = {
            name: pl.read_json(StringIO(footer[key]), schema=schema)
            for name, key, schema in (
                ("cells", FOOTER_CELLS, CELLS.schema),
                ("rows", FOOTER_ROWS, _ROWS),
                ("empty", FOOTER_EMPTY, _EMPTY),
                ("facts", FOOTER_FACTS, _FACTS),
            )
            if key in footer
        }
        frame = pl.scan_parquet(_opened(path, data), glob=False)
        frame.collect_schema()
    except OSError as error:
        raise unreadable(path, error) from None
    except pl.exceptions.PolarsError as error:
        raise LayoutError(f"{clean(str(path))} is not a parquet file (no other is read): {first_line(error)}") from None
    if "cells" in told and told["cells"].get_column("cell").has_nulls():
        raise LayoutError(f"{clean(str(path))} is damaged: its metadata has a cell without a name")
    if footer.get(FOOTER_TABLE) in BY_CELL and FOOTER_CELLS not in footer:
        raise LayoutError(
            f"{clean(str(path))} is one part of a table that was exported by columns (--partition-by): "
            "what all rows have in common is not in it; export without --partition-by what klsurv shall read"
        )
    try:
        cells, source = read_frame(frame, selection=selection, cut=cut, **told)
    except LayoutError as error:
        held = f" holds the table {footer[FOOTER_TABLE]}" if FOOTER_TABLE in footer else ""
        raise LayoutError(f"{clean(str(path))}{held}: {error}") from None
    if strict:
        check_ok(cells)
    return cells, source


def _fetched(path: Remote) -> bytes:
    data = path.read(path.stat())
    if data is None:
        raise LayoutError(f"{clean(str(path))} was replaced while it was read: run it again")
    return data


def _opened(path: Place, data: bytes | None) -> Path | BytesIO:
    return BytesIO(data or b"") if isinstance(path, Remote) else path
