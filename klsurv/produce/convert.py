"""Run cells and long tables, one from the other. In: either. Out: the other, with nothing lost unsaid."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from klsurv.errors import CellError, NothingUsableError, OutputError, warn
from klsurv.exports import export
from klsurv.fanout import Progress
from klsurv.ingest.parquet import read_parquet
from klsurv.loading import scan
from klsurv.names import clean
from klsurv.output.files import check_target
from klsurv.params import Selection
from klsurv.produce.beside import beside
from klsurv.produce.cells import write_cells
from klsurv.produce.table import check_table
from klsurv.validate import check_on_disk, truth


@dataclass(frozen=True, kw_only=True)
class Converted:
    """How much was written."""

    cells: int
    trajectories: int


def convert(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    *,
    force: bool = False,
    strict: bool = False,
    progress: Progress | None = None,
    tell: Callable[[str], None] | None = None,
) -> Converted:
    """Run cells from a parquet file, or a parquet file in the layout `long` from run cells.

    A parquet file becomes a directory with a run cell for each of its cells. It has the columns of the table `long`,
    or of `trajectories`; those that another team may add or leave out are told in docs/producers.md. Run cells become
    the table `long` with their facts in its footer. Both ways and back, `klsurv.scan` reads the same: KL, pmass, forks,
    gen_len and facts, what is NaN, infinite or missing included. What else a cell holds (generations, history, the
    question-and-answer prompts) and further columns of a table have no place in the other; they are told of.

    Args:
        source: a parquet file; or a run root or one run cell.
        target: the directory for the cells, made if need be; or the parquet file.
        force: replace the cells, or the file, that are there already.
        strict: raise where a cell of the source would be left out.
        progress: called with (cells done, all cells).
        tell: takes each warning; None warns with `KlsurvWarning`.

    Raises:
        ParameterError: a path is none, or in a bucket, or another argument is out of range.
        OutputError: the target cannot be written, or it is there already and not `force`.
        LayoutError: the file is in none of the layouts, or holds what run cells cannot.
        CellError: a cell cannot be carried over, or is not `ok`, and `strict`.
        NothingUsableError: there is nothing to convert.
    """
    tell, force, strict = tell or warn, truth(force, "force"), truth(strict, "strict")
    for path in (source, target):
        check_on_disk(path)
    source, target = (Path(os.path.expanduser(path)) for path in (source, target))
    if not os.path.exists(source):
        raise NothingUsableError(
            f"{clean(str(source))} does not exist: expected a parquet file, a run root or a run cell"
        )
    if os.path.isfile(source):
        return _to_cells(source, target, force=force, strict=strict, progress=progress, tell=tell)
    if not os.path.isdir(source):
        raise NothingUsableError(f"{clean(str(source))} is neither a file nor a directory")
    check_target(target, (".parquet",))
    if os.path.lexists(target) and not force:
        raise OutputError(f"{clean(str(target))} is there already: force (--force) replaces it")
    runs = scan(source, strict=strict, progress=progress, tell=tell)
    export(runs, target, name="long")
    if message := beside(runs.cells()):
        tell(message)
    rollouts = runs.rollouts()
    return Converted(cells=rollouts.get_column("cell").n_unique(), trajectories=rollouts.height)


def _to_cells(
    path: Path,
    target: Path,
    *,
    force: bool,
    strict: bool,
    progress: Progress | None,
    tell: Callable[[str], None],
) -> Converted:
    # KL past the length is told of, not lost.
    cells, source = read_parquet(path, selection=Selection(), cut=False)
    absent = cells.join(source, on="cell", how="anti").select("cell", "status", "reason").rows()
    for name, status, reason in absent:
        if strict:
            raise CellError(reason or status, cell=name)
        tell(f"{name} is {status}, and left out: {reason}")
    cells, messages = check_table(path, cells, source)
    for message in messages:
        tell(message)
    write_cells(cells, source, target, read=path, force=force, progress=progress)
    return Converted(cells=source.get_column("cell").n_unique(), trajectories=source.height)
