"""What a store holds. In: its directory. Out: the footer of each file, in order of the cells' names."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from klsurv.errors import LayoutError, NothingUsableError
from klsurv.names import clean
from klsurv.params import METRICS
from klsurv.store.layout import SUFFIX, Footer


@dataclass(frozen=True)
class Entry:
    """One cell of a store: its name, its file and the footer of that."""

    cell: str
    path: Path
    footer: Footer


def manifest(store: Path) -> tuple[list[Entry], list[Path]]:
    """The cells of a store, by name, and the files that cannot be read or were written by another version.

    Raises:
        NothingUsableError: the directory cannot be read.
    """
    try:
        paths = sorted(Path(entry.path) for entry in os.scandir(store) if entry.name.endswith(SUFFIX))
    except OSError as error:
        raise NothingUsableError(f"{clean(str(store))} cannot be read: {error.strerror}") from error
    found, others = [], []
    for path in paths:
        footer = _footer(path)
        if footer is not None:
            found.append(Entry(footer.cells[METRICS[0]]["cell"], path, footer))
        elif path.exists():
            others.append(path)
    return sorted(found, key=lambda entry: entry.cell), others


def checked(store: Path) -> list[Entry]:
    """The cells of a store that shall be read.

    Raises:
        LayoutError: a file was written by another version, or is damaged.
        NothingUsableError: it holds no cell.
    """
    entries, others = manifest(store)
    if others:
        raise LayoutError(
            f"{clean(str(store))}: {clean(others[0].name)} is damaged, or was written by another version of klsurv "
            f"({len(others)} such files): `klsurv ingest RUNS {clean(str(store))}` writes the store anew"
        )
    if not entries:
        raise NothingUsableError(f"{clean(str(store))} holds no cell yet: `klsurv ingest RUNS STORE` fills it")
    return entries


def _footer(path: Path) -> Footer | None:
    try:
        return Footer.of(pl.read_parquet_metadata(path))
    except (pl.exceptions.PolarsError, OSError):
        return None
