"""Files and folders that are either whole or not there. In: a path and what to write. Out: that, by rename."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from klsurv.errors import OutputError
from klsurv.interrupts import uninterrupted
from klsurv.names import clean
from klsurv.validate import check_on_disk

PICTURE_SUFFIXES = (".png", ".svg", ".pdf", ".html", ".json")
TABLE_SUFFIXES = (".parquet", ".arrow", ".feather", ".csv", ".ndjson")


def check_target(path: Path, suffixes: tuple[str, ...]) -> None:
    """Make sure, before any work is done, that `path` has one of the suffixes and can be written.

    Raises:
        OutputError: it has another suffix, is a directory, or its folder is missing or not writable.
        ParameterError: it is in a bucket.
    """
    check_on_disk(path)
    name = clean(str(path))
    if path.suffix.lower() not in suffixes:
        raise OutputError(f"{name}: unknown suffix {clean(path.suffix)!r}: choose one of {' '.join(suffixes)}")
    if os.path.isdir(path):
        raise OutputError(f"{name}: is a directory")
    if not os.path.isdir(path.parent):
        raise OutputError(f"{name}: there is no folder {clean(str(path.parent))}")
    if not os.access(path.parent, os.W_OK):
        raise OutputError(f"{name}: its folder is not writable")
    try:
        os.path.lexists(path) or path.stat()
    except FileNotFoundError:
        pass
    except OSError as error:
        raise OutputError(f"{name}: {error.strerror}") from error


@contextmanager
def replacing(path: Path, *, folder: bool = False) -> Iterator[Path]:
    """A temporary file, or folder, that takes the place of `path` when the block ends well, and vanishes when not.

    Raises:
        OutputError: it cannot be written, as on a full disk, or a folder would replace something.
    """
    name = clean(str(path))
    if folder:
        check_on_disk(path)
    # Named before it is there, so that an interruption at any point finds it.
    temporary = path.with_name(f".{path.name[:60]}.{os.urandom(4).hex()}.part")
    try:
        if folder:
            if path.exists() and (not path.is_dir() or any(path.iterdir())):
                raise OutputError(f"{name} is there already, and not empty: give a new directory")
            temporary.mkdir()
        else:
            temporary.touch(exist_ok=False)
        yield temporary
        temporary.replace(path)
    except OSError as error:
        raise OutputError(f"{name} cannot be written: {error.strerror or error}") from error
    finally:
        with uninterrupted():
            if folder:
                # Loads three libraries of archives.
                from shutil import rmtree

                rmtree(temporary, ignore_errors=True)
            else:
                with suppress(OSError):
                    temporary.unlink(missing_ok=True)
