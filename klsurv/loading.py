"""How a source is read. In: a path or a frame, and what is wanted of it. Out: a function that reads it, when asked."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import polars as pl

from klsurv.errors import ParameterError
from klsurv.fanout import Progress
from klsurv.ingest.remote import Remote, expanded, is_file
from klsurv.params import Selection
from klsurv.source import Held, Source
from klsurv.store.marker import is_store

if TYPE_CHECKING:
    from klsurv.ingest.ahead import Ahead


def loader(
    source: Any, selection: Selection, *, strict: bool, progress: Progress | None, ahead: Ahead | None
) -> Callable[[], Source]:
    """How to read it. Only the code for this kind of source is loaded."""
    if isinstance(source, (str, os.PathLike, Remote)):
        path = expanded(source)
        if is_file(path):
            from klsurv.ingest.parquet import read_parquet

            _only_cells(selection)
            return lambda: Held(*read_parquet(path, selection=selection, strict=strict))
        if is_store(path):
            from klsurv.store.read import read_store

            return lambda: read_store(path, selection=selection, strict=strict)
        from klsurv.ingest.root import read_root

        return lambda: Held(*read_root(path, selection=selection, strict=strict, progress=progress, ahead=ahead))
    from klsurv.ingest.layout import read_frame

    frame = _frame(source)
    _only_cells(selection)
    return lambda: Held(*read_frame(frame, selection=selection))


def _frame(source: Any) -> pl.LazyFrame:
    if isinstance(source, pl.LazyFrame):
        return source
    if isinstance(source, pl.DataFrame):
        return source.lazy()
    if hasattr(source, "__arrow_c_stream__") or hasattr(source, "__arrow_c_array__"):
        return pl.DataFrame(source).lazy()
    raise TypeError(f"cannot scan a {type(source).__name__}: expected a path or a frame with the Arrow interface")


def _only_cells(selection: Selection) -> None:
    if selection.metric != "pmass_eval":
        raise ParameterError("metric chooses between the prompt sets of run cells; a frame or parquet file has one")
