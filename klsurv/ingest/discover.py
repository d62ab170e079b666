"""Which directories are run cells. In: a path. Out: their directories and clean names, sorted."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from klsurv.errors import CellError, NothingUsableError
from klsurv.ingest.content import stamp
from klsurv.ingest.remote import Place, Remote, place
from klsurv.ingest.stamp import Stamp
from klsurv.limits import check_limits, limits
from klsurv.names import as_written, clean

T = TypeVar("T")

CALIB, TRAJECTORY, PMASS = "calib.json", "trajectory.json", "pmass.json"
NEEDED = (CALIB, TRAJECTORY, PMASS)
# What a cell may have beside them.
GENS, HISTORY = "gens.jsonl", "history.json"


@dataclass(frozen=True)
class CellDir:
    """A directory that is taken for a run cell, and the name it has in every table.

    `listed`: the objects in it, where it is in a bucket and they were listed to find it.
    """

    name: str
    path: Place
    listed: Mapping[str, Stamp] | None = field(default=None, compare=False, repr=False)

    @classmethod
    def of_row(cls, cell: str, path: str) -> CellDir:
        """That of a row of the table `cells`, in which its path is escaped."""
        return cls(cell, place(as_written(path)))

    def absolute(self) -> CellDir:
        """The same, to be found from another directory."""
        return CellDir(self.name, self.path.absolute(), self.listed)

    def stamp(self, file: str) -> Stamp | None:
        """The stamp of a file, without its digest; None where it has none."""
        return stamp(self.path / file) if self.listed is None else self.listed.get(file)

    def holds(self, file: str) -> bool:
        """Whether there is anything of a name in it."""
        if self.listed is not None:
            return file in self.listed
        path = self.path / file
        return path.exists() if isinstance(path, Remote) else os.path.lexists(path)


def discover(path: Place, *, name_contains: str = "") -> list[CellDir]:
    """The run cells at `path`: itself if it is one, else its sub-directories that hold a cell's file, by name.

    Sub-directories whose names begin with `_` are staging folders and passed over; links to directories are followed.
    In a bucket, a directory is what keys begin with, up to a slash.

    Raises:
        NothingUsableError: there is no such directory, it holds no run cell, or no name contains `name_contains`.
        ParameterError: the environment sets a limit that is none.
        RemoteError: the bucket cannot be listed.
    """
    check_limits()
    cells = _in_bucket(path) if isinstance(path, Remote) else _in_directory(path)
    if not cells:
        what = f"no sub-directory holds {', '.join(NEEDED[:-1])} or {NEEDED[-1]}"
        # As `klsurv export --partition-by` makes them; no deeper, for it may be the root of a disk.
        if not isinstance(path, Remote) and any(next(Path(path).glob(name), None) for name in ("*.parquet", "*=*")):
            what += ". Of parquet files give one, or a store that `klsurv ingest` made"
        raise NothingUsableError(f"no run cell in {clean(str(path))}: {what}")
    chosen = [cell for cell in cells if name_contains in cell.name]
    if not chosen:
        raise NothingUsableError(
            f"none of the {len(cells)} cells in {clean(str(path))} has a name that contains {name_contains!r}"
        )
    return chosen


def _in_directory(path: Path) -> list[CellDir]:
    try:
        if not path.is_dir():
            found = "is not a directory" if path.exists() else "does not exist"
            raise NothingUsableError(f"{clean(str(path))} {found}: expected a run root, a run cell or a parquet file")
        with os.scandir(path) as listed:
            entries = [Path(entry.path) for entry in _few(listed, path) if not entry.name.startswith("_")]
    except OSError as error:
        raise NothingUsableError(f"{clean(str(path))} cannot be read: {error.strerror}") from error
    if _is_cell(path):
        return [CellDir(clean(path.resolve().name if path.name in ("", "..") else path.name), path)]
    return sorted(
        (CellDir(clean(entry.name), entry) for entry in entries if _is_cell(entry)), key=lambda cell: cell.name
    )


def _in_bucket(path: Remote) -> list[CellDir]:
    folders: dict[str, dict[str, Stamp]] = {}
    try:
        for name, seen in _few(path.walk(), path):
            folder, _, file = name.rpartition("/")
            folders.setdefault(folder, {})[file] = seen
    except OSError as error:
        raise NothingUsableError(f"{clean(str(path))} cannot be read: {error.strerror}") from error
    if not folders:
        raise NothingUsableError(
            f"{clean(str(path))} does not exist (no object is below it): "
            "expected a run root, a run cell or a parquet file"
        )
    cells = {folder: files for folder, files in folders.items() if not files.keys().isdisjoint(NEEDED)}
    if "" in cells:
        return [CellDir(clean(path.name), path, cells[""])]
    return sorted(
        (
            CellDir(clean(folder), path / folder, files)
            for folder, files in cells.items()
            if "/" not in folder and not folder.startswith("_")
        ),
        key=lambda cell: cell.name,
    )


def _few(found: Iterable[T], path: Place) -> Iterator[T]:
    """What is found there, until it is too much."""
    most = limits().cells
    for i, item in enumerate(found):
        if i == most:
            raise NothingUsableError(
                f"{clean(str(path))} holds more than {most:,} entries: "
                "name a directory of run cells only, or raise KLSURV_MAX_CELLS"
            )
        yield item


def enter(cell: CellDir) -> None:
    """Make sure that the cell's directory can be entered.

    Raises:
        CellError: it is a link that leads nowhere, or cannot be read.
    """
    if isinstance(cell.path, Remote):
        return
    try:
        os.scandir(cell.path).close()
        # To list a directory and to open what is in it are two permissions.
        os.stat(os.path.join(cell.path, "."))
    except OSError as error:
        raise CellError(f"the directory cannot be read: {error.strerror}", cell=cell.name) from error


def _is_cell(path: Path) -> bool:
    """Whether a directory has a cell's file, or may have: one that cannot be looked into is told of."""
    try:
        if path.is_symlink() and not path.exists():
            return True
        return path.is_dir() and any(_is_there(path / name) for name in NEEDED)
    except PermissionError:
        return True


def _is_there(path: Path) -> bool:
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True
