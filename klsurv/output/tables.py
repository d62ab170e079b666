"""Tables as files. In: a table, in pieces. Out: parquet, arrow, csv or ndjson, by suffix."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from klsurv.output.files import replacing
from klsurv.schema import Table


def write_table(pieces: Iterable[pl.DataFrame], path: Path, *, table: Table, footer: dict[str, str]) -> int:
    """Write the pieces one after the other, so that only one is in memory; returns the number of rows.

    Parquet and arrow files carry unit and meaning in the metadata of each field, and `footer` in that of the schema.

    Raises:
        OutputError: the file cannot be written.
    """
    arrow = _arrow_schema(table, footer)
    suffix = path.suffix.lower()
    rows = 0
    with replacing(path) as temporary, open(temporary, "wb") as file:
        if suffix == ".parquet":
            writer = pq.ParquetWriter(file, arrow, compression="zstd")
        elif suffix in (".arrow", ".feather"):
            writer = pa.ipc.new_file(file, arrow)
        else:
            writer = None
        # The header, or the schema, is written even where there is no row.
        for i, piece in enumerate(chain([table.schema.to_frame()], pieces)):
            if writer is not None:
                writer.write_table(piece.to_arrow(compat_level=pl.CompatLevel.oldest()).cast(arrow))
            elif suffix == ".csv":
                piece.write_csv(file, include_header=i == 0)
            else:
                piece.write_ndjson(file)
            rows += piece.height
        if writer is not None:
            writer.close()
    return rows


def _arrow_schema(table: Table, footer: dict[str, str]) -> pa.Schema:
    said = {column.name: {"unit": column.unit, "meaning": column.meaning} for column in table.columns}
    bare = table.schema.to_frame().to_arrow(compat_level=pl.CompatLevel.oldest()).schema
    return pa.schema([field.with_metadata(said.get(field.name)) for field in bare], metadata=footer)
