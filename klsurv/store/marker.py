"""Which directory is a store. In: a path. Out: whether it is one; nothing is loaded to tell."""

from __future__ import annotations

from klsurv.ingest.remote import Place

# Raised whenever the columns or the footer of its files change their meaning.
VERSION = 2
MARKER = "klsurv-store.json"


def is_store(path: Place) -> bool:
    """Whether there is a store at a path."""
    try:
        return (path / MARKER).is_file()
    except OSError:
        return False
