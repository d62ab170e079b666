"""The run cells that ship with klsurv. In: a directory. Out: two real cells in it (see README.md beside this file)."""

from __future__ import annotations

import os
import shutil
import tarfile
from importlib.resources import as_file, files
from pathlib import Path

from klsurv.errors import OutputError
from klsurv.interrupts import uninterrupted
from klsurv.names import clean


def unpack(directory: Path) -> list[Path]:
    """Unpack the cells into `directory`, made if need be, all of them or none; returns their directories.

    Raises:
        OutputError: the directory cannot be made or written.
    """
    made = not os.path.lexists(directory)
    # A reader of the directory passes over a name that begins with _.
    staging = directory / f"_unpacking.{os.urandom(4).hex()}"
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with as_file(files("klsurv.data") / "cells.tar.xz") as packed, tarfile.open(packed) as archive:
            # Python before 3.11.4 has no filters, and does not look at this.
            archive.extraction_filter = getattr(tarfile, "data_filter", lambda member, path: member)
            archive.extractall(staging)
        with uninterrupted():
            for path in sorted(staging.rglob("*")):
                place = directory / path.relative_to(staging)
                if path.is_dir():
                    place.mkdir(exist_ok=True)
                else:
                    path.replace(place)
        return sorted(directory / path.name for path in staging.iterdir())
    except OSError as error:
        raise OutputError(f"{clean(str(directory))} cannot be written: {error.strerror or error}") from error
    finally:
        with uninterrupted():
            shutil.rmtree(staging, ignore_errors=True)
            if made and directory.is_dir() and not any(directory.iterdir()):
                directory.rmdir()
