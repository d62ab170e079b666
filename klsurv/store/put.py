"""A file of a store, replaced whole. In: its rows and footer. Out: the file, on disk or in a bucket, or none of it."""

from __future__ import annotations

import io
import os
import secrets
from contextlib import suppress

import polars as pl

from klsurv import durable
from klsurv.errors import OutputError
from klsurv.ingest.remote import Place, Remote
from klsurv.names import clean
from klsurv.store.file import Footer
from klsurv.store.order import add_order
from klsurv.store.pin import Version, version_of
from klsurv.store.scratch import turn

# Values of KL that are worth a row group: to find one takes as long as to read so many.
_GROUP = 2**16


def put(table: pl.DataFrame, path: Place, *, footer: Footer, prompts: int, run: str, version: Version | None) -> bool:
    """Write a file of a store, whole or not at all; not where it is another than that `version` by now.

    `prompts`: of a dose, at most. `run` names the temporary file (see `klsurv.store.scratch`).

    Raises:
        OutputError: it cannot be written.
    """
    # In memory first, as polars does not say why a file could not be written.
    content = io.BytesIO()
    table.write_parquet(content, compression="lz4", row_group_size=_grouped(table, prompts), metadata=footer.written())
    if isinstance(path, Remote):
        return _upload(content.getvalue(), path, version)
    add_order(content, table)
    temporary = path.with_name(f".{run}-{secrets.token_hex(4)}.part")
    try:
        # Let go of at once: where an error holds on to it, Python complains of the buffer when it is thrown away.
        with content.getbuffer() as written:
            durable.write(temporary, written)
        with turn(path.parent):
            if version_of(path) != version:
                temporary.unlink()
                return False
            os.replace(temporary, path)
        durable.sync(path.parent)
        return True
    except OSError as error:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise OutputError(f"{clean(str(path.parent))} cannot be written: {error.strerror}") from error


def _upload(data: bytes, path: Remote, version: Version | None) -> bool:
    """The same in a bucket, where nothing is locked: of two that write at the same moment, the last one stays."""
    if version_of(path) != version:
        return False
    try:
        path.write(data)
    except OSError as error:
        raise OutputError(f"{clean(str(path.parent))} cannot be written: {error.strerror}") from error
    return True


def _grouped(table: pl.DataFrame, prompts: int) -> int:
    """Rows of a row group: one dose, about, so that it can be read by itself; several where they hold little."""
    values: int = table.select(pl.col("kl").list.len().sum()).item()
    return max(prompts, -(-_GROUP * table.height // max(values, 1)), 1)
