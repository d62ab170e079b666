"""What a store holds. In: its directory. Out: the footer of each file, in order of the cells' names."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from klsurv.errors import LayoutError, NothingUsableError
from klsurv.ingest.content import unreadable
from klsurv.ingest.remote import Place, Remote
from klsurv.names import clean
from klsurv.store.bucket import Object, objects
from klsurv.store.file import Footer, file_of, is_name
from klsurv.store.pin import Pin


@dataclass(frozen=True)
class Entry:
    """One cell of a store: its file, in one version, and the footer of that."""

    file: Pin | Object
    footer: Footer


_Looked = tuple[Place, Pin | Object | None, Footer | None]


def manifest(store: Place) -> tuple[list[Entry], list[Place]]:
    """The cells of a store, by name, and those of its files that are damaged, of another version or of no cell.

    Raises:
        NothingUsableError: the directory cannot be read.
        LayoutError: a file cannot be read.
    """
    found: list[Entry] = []
    others: list[Place] = []
    looked_at = _in_bucket(store) if isinstance(store, Remote) else _in_directory(store)
    for path, file, footer in looked_at:
        if file is not None and footer is not None and file_of(store, footer.cell) == path:
            found.append(Entry(file, footer))
        else:
            others.append(path)
    return sorted(found, key=lambda entry: entry.footer.cell), others


def checked(store: Place) -> list[Entry]:
    """The cells of a store that shall be read.

    Raises:
        LayoutError: a file was written by another version, is damaged, or cannot be read.
        NothingUsableError: it holds no cell.
    """
    entries, others = manifest(store)
    name = clean(str(store))
    if others:
        more = f", and {len(others) - 1} more" if others[1:] else ""
        raise LayoutError(
            f"{name}: {clean(others[0].name)} is damaged, or was written by another version of klsurv{more}: "
            f"`klsurv ingest RUNS {name}` writes anew what is in RUNS, and removes the rest with --prune"
        )
    if not entries:
        raise NothingUsableError(f"{name} holds no cell yet: `klsurv ingest RUNS {name}` fills it")
    return entries


def _in_bucket(store: Remote) -> Iterator[_Looked]:
    try:
        for file, footer in objects(store):
            yield file.at, file, footer
    except OSError as error:
        raise NothingUsableError(f"{clean(str(store))} cannot be read: {error.strerror}") from error


def _in_directory(store: Path) -> Iterator[_Looked]:
    try:
        paths = sorted(Path(entry.path) for entry in os.scandir(store) if is_name(entry.name))
    except OSError as error:
        raise NothingUsableError(f"{clean(str(store))} cannot be read: {error.strerror}") from error
    for path in paths:
        try:
            file = Pin(path)
            footer = Footer.read(file.path)
        except FileNotFoundError:
            # Pruned meanwhile, or a link that leads nowhere.
            if path.is_symlink():
                yield path, None, None
            continue
        except OSError as error:
            raise unreadable(path, error) from None
        yield path, file, footer
