"""The run cells that ship with klsurv. In: a directory. Out: two real cells in it (see README.md beside this file)."""

from __future__ import annotations

import tarfile
from importlib.resources import as_file, files
from pathlib import Path

from klsurv.errors import OutputError
from klsurv.names import clean


def unpack(directory: Path) -> list[Path]:
    """Unpack the cells into `directory`, made if need be; returns their directories.

    Raises:
        OutputError: the directory cannot be made or written.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with as_file(files("klsurv.data") / "cells.tar.xz") as packed, tarfile.open(packed) as archive:
            archive.extractall(directory, filter="data")
            return sorted({directory / member.name.split("/")[0] for member in archive})
    except OSError as error:
        raise OutputError(f"{clean(str(directory))} cannot be written: {error.strerror or error}") from error
