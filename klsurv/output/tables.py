"""Tables as files. In: a table, in pieces. Out: parquet, arrow, csv or ndjson, by suffix."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import nullcontext
from itertools import chain
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.dataset as pads
import pyarrow.parquet as pq

from klsurv.output.files import replacing
from klsurv.schema import Table

# As many as a sweep may have cells and doses.
_MOST_PARTITIONS = 1_000_000


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
        with writer or nullcontext():
            # The header, or the schema, is written even where there is no row.
            for i, piece in enumerate(chain([table.schema.to_frame()], pieces)):
                if writer is not None:
                    writer.write_table(_arrow(piece, arrow))
                elif suffix == ".csv":
                    piece.write_csv(file, include_header=i == 0)
                else:
                    piece.write_ndjson(file)
                rows += piece.height
    return rows


def write_partitions(
    pieces: Iterable[pl.DataFrame], path: Path, *, table: Table, footer: dict[str, str], by: Sequence[str]
) -> int:
    """Write the pieces as parquet files in a new directory, in folders named `column=value`; returns the rows.

    `table` has the columns `by` too, which are then in the names of the folders (percent-encoded; a null is
    `__HIVE_DEFAULT_PARTITION__`) and no longer in the files: pyarrow, duckdb, polars and spark put them back.

    Raises:
        OutputError: the directory is there and not empty, or cannot be written.
    """
    arrow = _arrow_schema(table, footer)
    rows = 0

    def batches() -> Iterator[pa.RecordBatch]:
        nonlocal rows
        for piece in pieces:
            rows += piece.height
            yield from _arrow(piece, arrow).to_batches()

    with replacing(path, folder=True) as temporary:
        pads.write_dataset(
            pa.RecordBatchReader.from_batches(arrow, batches()),
            temporary,
            format="parquet",
            file_options=pads.ParquetFileFormat().make_write_options(compression="zstd"),
            partitioning=pads.partitioning(pa.schema([arrow.field(name) for name in by]), flavor="hive"),
            basename_template="part-{i}.parquet",
            # In one thread, so that the same rows give the same files.
            use_threads=False,
            max_partitions=_MOST_PARTITIONS,
            existing_data_behavior="overwrite_or_ignore",
        )
    return rows


def _arrow(piece: pl.DataFrame, schema: pa.Schema) -> pa.Table:
    # In one chunk: into how many polars computes it is up to chance, and would show in a file.
    return piece.rechunk().to_arrow(compat_level=pl.CompatLevel.oldest()).cast(schema)


def _arrow_schema(table: Table, footer: dict[str, str]) -> pa.Schema:
    said = {column.name: {"unit": column.unit, "meaning": column.meaning} for column in table.columns}
    bare = table.schema.to_frame().to_arrow(compat_level=pl.CompatLevel.oldest()).schema
    return pa.schema([field.with_metadata(said.get(field.name)) for field in bare], metadata=footer)
