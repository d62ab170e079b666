"""Which directories are run cells. In: a path. Out: their directories and clean names, sorted."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from klsurv.errors import CellError, NothingUsableError
from klsurv.names import clean

CALIB, TRAJECTORY, PMASS = "calib.json", "trajectory.json", "pmass.json"
NEEDED = (CALIB, TRAJECTORY, PMASS)


@dataclass(frozen=True)
class CellDir:
    """A directory that is taken for a run cell, and the name it has in every table."""

    name: str
    path: Path

    def absolute(self) -> CellDir:
        """The same, to be found from another directory."""
        return CellDir(self.name, self.path.absolute())


def discover(path: Path, *, name_contains: str = "") -> list[CellDir]:
    """The run cells at `path`: itself if it is one, else its sub-directories that hold a cell's file, by name.

    Sub-directories whose names begin with `_` are staging folders and passed over; links to directories are followed.

    Raises:
        NothingUsableError: there is no such directory, it holds no run cell, or no name contains `name_contains`.
    """
    try:
        if not path.is_dir():
            found = "is not a directory" if path.exists() else "does not exist"
            raise NothingUsableError(f"{clean(str(path))} {found}: expected a run root, a run cell or a parquet file")
        entries = [Path(entry.path) for entry in os.scandir(path) if not entry.name.startswith("_")]
    except OSError as error:
        raise NothingUsableError(f"{clean(str(path))} cannot be read: {error.strerror}") from error
    if _is_cell(path):
        cells = [CellDir(clean(path.resolve().name if path.name in ("", "..") else path.name), path)]
    else:
        cells = sorted(
            (CellDir(clean(entry.name), entry) for entry in entries if _is_cell(entry)), key=lambda cell: cell.name
        )
    if not cells:
        raise NothingUsableError(
            f"no run cell in {clean(str(path))}: no sub-directory holds {', '.join(NEEDED[:-1])} or {NEEDED[-1]}"
        )
    chosen = [cell for cell in cells if name_contains in cell.name]
    if not chosen:
        raise NothingUsableError(
            f"none of the {len(cells)} cells in {clean(str(path))} has a name that contains {name_contains!r}"
        )
    return chosen


def enter(cell: CellDir) -> None:
    """Make sure that the cell's directory can be entered.

    Raises:
        CellError: it is a link that leads nowhere, or must not be read.
    """
    try:
        os.scandir(cell.path).close()
    except OSError as error:
        raise CellError(f"the directory cannot be read: {error.strerror}", cell=cell.name) from error


def _is_cell(path: Path) -> bool:
    try:
        if path.is_symlink() and not path.exists():
            return True
        return path.is_dir() and any(os.path.lexists(path / name) for name in NEEDED)
    except PermissionError:
        return True
