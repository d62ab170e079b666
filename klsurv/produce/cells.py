"""Run cells from tables. In: the tables `cells` and `source`. Out: a directory of cells, all of them or none."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from klsurv.errors import CellError, OutputError, ParameterError
from klsurv.fanout import Progress
from klsurv.ingest.discover import NEEDED
from klsurv.interrupts import uninterrupted
from klsurv.names import as_written, clean, some
from klsurv.produce.lock import locked
from klsurv.produce.writer import CellWriter

_LONGEST_NAME = 255
# In the staging folder: what was there and is being replaced.
_OLD = "_old"


def write_cells(
    cells: pl.DataFrame, source: pl.DataFrame, target: Path, *, read: Path, force: bool, progress: Progress | None
) -> None:
    """Write the trajectories, `read` from a file, as run cells into `target`, where they appear when the last is there.

    Raises:
        OutputError: one of the cells is there already and not `force`, or would take the file along, or they cannot be
            written.
        CellError: a cell cannot be a run cell: its name, prompts, forks or facts do not fit the format.
    """
    parts = {name: part for (name,), part in source.partition_by("cell", as_dict=True, maintain_order=True).items()}
    directories = {name: _directory(name) for name in parts}
    _check_free(target, directories.values(), force=force)
    _check_outside(read, target, directories.values())
    made = not os.path.exists(target)
    staging = None
    try:
        target.mkdir(parents=True, exist_ok=True)
        # A reader of the target passes over a name that begins with _.
        with uninterrupted():
            staging = Path(tempfile.mkdtemp(prefix="_convert.", dir=target))
        for done, (name, part) in enumerate(parts.items(), 1):
            facts = cells.filter(pl.col("cell") == name).row(0, named=True)
            _write(staging / directories[name], part, name=name, facts=facts)
            if progress is not None:
                progress(done, len(parts))
        with uninterrupted():
            _swap(staging, target, list(directories.values()))
    except OSError as error:
        raise OutputError(f"{clean(str(target))} cannot be written: {error.strerror or error}") from error
    finally:
        with uninterrupted():
            if staging is not None and not _holds_old(staging):
                shutil.rmtree(staging, ignore_errors=True)
            if made and os.path.isdir(target) and not any(target.iterdir()):
                target.rmdir()


def _write(path: Path, part: pl.DataFrame, *, name: str, facts: dict[str, Any]) -> None:
    # What lies past gen_len was found to be padding.
    part = part.with_columns(pl.col("kl").list.head("gen_len"))
    doses = part.partition_by("alpha", as_dict=True, maintain_order=True)
    for alpha in facts["alphas"] or []:
        if (alpha,) not in doses:
            raise CellError(f"alpha {alpha} has no prompt, which a run cell cannot say", cell=name)
    forks = part.get_column("fork").list.explode(keep_nulls=False, empty_as_null=False).unique().sort().to_list()
    try:
        writer = CellWriter(
            path,
            model=_text(facts["model"], name, "model"),
            method=_text(facts["method"], name, "method"),
            seed=facts["seed"],
            layer=facts["layer"],
            window=part.get_column("window")[0],
            target_kl=facts["target_kl"],
            c_star=facts["c_star"],
            fork_points=forks,
            same_prompts=False,
        )
        with writer:
            for (alpha,), dose in doses.items():
                prompts = dose.get_column("prompt").to_list()
                if prompts != list(range(len(prompts))):
                    raise CellError(
                        f"alpha {alpha} has the prompts {some(prompts, 5)}; in a run cell they count 0, 1, 2, …",
                        cell=name,
                    )
                writer.add(
                    alpha,
                    kl=[row.to_numpy() for row in dose.get_column("kl")],
                    pmass=[_on_grid(row, forks, name=name) for row in dose.iter_rows(named=True)],
                    gen_len=dose.get_column("gen_len").to_numpy(),
                )
    except ParameterError as error:
        raise CellError(str(error).removeprefix(f"{name}: "), cell=name) from None


def _on_grid(row: dict[str, Any], forks: list[int], *, name: str) -> np.ndarray[Any, Any]:
    """The pmass of a trajectory at every fork of its cell; NaN at those past its end that it does not have."""
    pmass = dict(zip(row["fork"], row["pmass"], strict=True))
    for fork in forks:
        if fork <= row["gen_len"] and fork not in pmass:
            raise CellError(
                f"alpha {row['alpha']}, prompt {row['prompt']} has no fork {fork}, which others of the cell have: "
                "a run cell has one list of forks, and pmass NaN where a measurement failed",
                cell=name,
            )
    return np.array([pmass.get(fork) for fork in forks], dtype=np.float64)


def _directory(name: str) -> str:
    """The name of the directory that is read as the cell of this name."""
    directory = as_written(name)
    if clean(directory) != name:
        raise CellError("no directory gives a cell of this name: a backslash stands alone in it", cell=name)
    if directory in ("", ".", "..") or "/" in directory or "\0" in directory:
        raise CellError("cannot be the name of a directory", cell=name)
    if directory.startswith("_"):
        raise CellError("readers pass over a directory whose name begins with _", cell=name)
    if len(os.fsencode(directory)) > _LONGEST_NAME:
        raise CellError(f"is too long for the name of a directory, by {_LONGEST_NAME} bytes", cell=name)
    return directory


def _text(value: str | None, name: str, field: str) -> str | None:
    written = None if value is None else as_written(value)
    if written is not None and clean(written) != value:
        raise CellError("no text is read as this one: a backslash stands alone in it", cell=name, field=field)
    return written


def _check_free(target: Path, directories: Iterable[str], *, force: bool) -> None:
    shown = clean(str(target))
    if os.path.exists(target) and not os.path.isdir(target):
        raise OutputError(f"{shown} is not a directory")
    if any(os.path.lexists(target / name) for name in NEEDED):
        raise OutputError(f"{shown} is a run cell; expected the directory that its cells shall be in")
    taken = [directory for directory in directories if os.path.lexists(target / directory)]
    if blocked := [directory for directory in taken if not (target / directory).is_dir()]:
        raise OutputError(f"{clean(str(target / blocked[0]))} is not a directory")
    if taken and not force:
        names = some([*map(clean, taken)], 5)
        raise OutputError(f"{shown} has {len(taken)} of the cells already ({names}): force (--force) replaces them")


def _check_outside(read: Path, target: Path, directories: Iterable[str]) -> None:
    file, root = Path(os.path.realpath(read)), Path(os.path.realpath(target))
    within = file.relative_to(root).parts if file.is_relative_to(root) else ()
    if within and within[0] in directories:
        raise OutputError(
            f"{clean(str(read))} is in a cell that would be replaced, with all that is in it: move the file away"
        )


def _swap(staging: Path, target: Path, directories: list[str]) -> None:
    """Put the new directories in their places, and what was there aside: all of them or none.

    Raises:
        OutputError: one of those that are there is being written by another, or what was there cannot be put back.
    """
    taken = {directory for directory in directories if os.path.lexists(target / directory)}
    aside = staging / _OLD
    done: list[tuple[Path, Path]] = []
    with locked([target / directory for directory in directories if directory in taken]):
        aside.mkdir()
        try:
            for directory in directories:
                place = target / directory
                moves = [(place, aside / directory)] if directory in taken else []
                for old, new in (*moves, (staging / directory, place)):
                    old.rename(new)
                    done.append((old, new))
        except BaseException as error:
            for old, new in reversed(done):
                with suppress(OSError):
                    new.rename(old)
            if _holds_old(staging):
                raise OutputError(
                    f"{clean(str(target))} cannot be written, nor can all that was there be put back: "
                    f"the rest is in {clean(str(aside))}"
                ) from error
            raise
        shutil.rmtree(aside, ignore_errors=True)


def _holds_old(staging: Path) -> bool:
    """Whether there is anything in it that could not be put back."""
    aside = staging / _OLD
    return os.path.isdir(aside) and any(aside.iterdir())
