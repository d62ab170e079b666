"""Standard streams that may be closed, full or no longer read. In: what the shell gave. Out: streams that fail well."""

from __future__ import annotations

import io
import os
import sys
from typing import Any


class _Heedless(io.FileIO):
    """A file that takes what cannot be written as written."""

    def write(self, data: Any) -> int:
        try:
            return super().write(data) or 0
        except OSError:
            return len(data)


def open_streams() -> None:
    """Let stdout fail when it is written to, if it was closed from the start, and stderr never.

    What is said on stderr is said beside the work, which goes on where no one can hear it.
    """
    if sys.stdout is None:
        # One that is only for reading, in its place: 0 bytes can be written to it.
        sys.stdout = open(os.open(os.devnull, os.O_RDONLY), "w", encoding="utf-8")
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")
    elif not sys.stderr.isatty():
        raw: Any = _Heedless(sys.stderr.fileno(), "wb", closefd=False)
        sys.stderr = io.TextIOWrapper(raw, sys.stderr.encoding, sys.stderr.errors, write_through=True)


def silence() -> None:
    """Let what is left in stdout go nowhere: it cannot be written, and Python would say so once more at the end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
