"""The way in. In: a run root, a cell, a store, a parquet file or a frame. Out: `Runs`, read when they are asked."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor
from typing import TYPE_CHECKING, Any

import polars as pl

from klsurv.errors import LayoutError, ParameterError, first_line
from klsurv.fanout import Progress
from klsurv.ingest.remote import Remote, expanded, is_file
from klsurv.names import clean
from klsurv.params import Metric, Selection
from klsurv.runs import Runs, Tell
from klsurv.source import Held, Source
from klsurv.store.marker import is_store
from klsurv.validate import executes, truth
from klsurv.where import condition

if TYPE_CHECKING:
    from klsurv.ingest.ahead import Ahead


def scan(
    source: Any,
    *,
    alphas: Sequence[float] | None = None,
    model_contains: str = "",
    where: str | None = None,
    metric: Metric = "pmass_eval",
    strict: bool = False,
    progress: Progress | None = None,
    tell: Tell | None = None,
    ahead: Ahead | None = None,
    executor: Executor | None = None,
) -> Runs:
    """Look at runs; nothing is read before it is asked for.

    Args:
        source: the path, or `s3://` url, of a run root, of one run cell, of a store or of a parquet file; or a frame
            (polars, pandas, pyarrow: anything with the Arrow PyCapsule interface) in the layout of the table `long` or
            `trajectories`. Of pandas every NaN arrives as null, which in the layout `long` says that a token has no
            KL or is no fork: measurements that failed (R9) are told apart in the other layout, or by polars, pyarrow.
        alphas: doses to keep; None keeps all. A dose that no cell has keeps an empty row and panel.
        model_contains: text that a cell's name must contain.
        where: an SQL condition over the table `cells`, such as `method = 'pca' AND seed < 3`.
        metric: `pmass_eval`, or `pmass` for the question-and-answer prompts, which have no KL.
        strict: raise for a cell that is not `ok` instead of leaving it out.
        progress: called with (cells read, all cells).
        tell: takes each warning; None warns with `KlsurvWarning`.
        ahead: the cells of `source`, where reading them has begun already.
        executor: looks at the KL of a store, some cells at a time, and computes the draws of `compare` and `dose`, in
            place of this process: any `concurrent.futures.Executor` whose processes see the store. Results are the
            same. Where it fails, its own error is raised.

    Raises:
        ParameterError: an argument is out of range, or `where` is no condition over `cells`.
        LayoutError: a frame of another library cannot be told in Arrow's columns.
        RemoteError: object storage cannot be reached, or there is no such bucket.
        TypeError: `source` is neither a path nor a frame.

    Examples:
        >>> import klsurv
        >>> runs = klsurv.scan("klsurv-demo", where="method = 'pca'", alphas=[0, 1, 4])
        >>> runs.alphas
        [0.0, 1.0, 4.0]
        >>> runs.cells()["cell"].to_list()
        ['SmolLM2-135M-Instruct_pca_s0_w96']
    """
    if where is not None:
        condition(where)
    if alphas is not None and (isinstance(alphas, (str, bytes)) or not isinstance(alphas, Iterable)):
        raise ParameterError(f"alphas must be a list of numbers, not {alphas!r}")
    strict = truth(strict, "strict")
    executes(executor)
    selection = Selection(
        alphas=None if alphas is None else tuple(alphas), model_contains=model_contains, where=where, metric=metric
    )
    load = _loader(source, selection, strict=strict, progress=progress, ahead=ahead)
    name = clean(str(source)) if isinstance(source, (str, os.PathLike, Remote)) else "a frame"
    return Runs(load, alphas=selection.alphas, metric=metric, tell=tell, executor=executor, name=name)


def _loader(
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
        try:
            return pl.DataFrame(source).lazy()
        except (ValueError, TypeError, NotImplementedError, pl.exceptions.PolarsError) as error:
            # As of a column of pandas that holds numbers and text: what its own library, or pyarrow, says of it.
            raise LayoutError(f"the {type(source).__name__} has no Arrow columns: {first_line(error)}") from None
    raise TypeError(f"cannot scan a {type(source).__name__}: expected a path or a frame with the Arrow interface")


def _only_cells(selection: Selection) -> None:
    if selection.metric != "pmass_eval":
        raise ParameterError("metric chooses between the prompt sets of run cells; a frame or parquet file has one")
