"""What can go wrong, in one tree. In: where and why. Out: one sentence that says both."""

from __future__ import annotations

import sys
import warnings
from typing import Self


class KlsurvError(Exception):
    """Root of every error that klsurv raises on purpose."""


class ParameterError(KlsurvError, ValueError):
    """A parameter is out of its range, or asks for something that does not exist."""


class CellError(KlsurvError):
    """A run cell, or one of its files, cannot be used.

    Attributes name where: `cell` (directory name), `file` (in the cell, or None for the directory itself),
    `field` (path inside the file, such as `pmass_eval["1.0"][3]`, or None), and `cause` (what was found).
    """

    def __init__(self, cause: str, *, cell: str = "", file: str | None = None, field: str | None = None) -> None:
        self.cell, self.file, self.field, self.cause = cell, file, field, cause
        super().__init__(": ".join(part for part in (cell, file, field, cause) if part))

    @property
    def reason(self) -> str:
        """The message without the cell's name: file, field, cause."""
        return ": ".join(part for part in (self.file, self.field, self.cause) if part)

    def of_cell(self, name: str) -> Self:
        """The same error, of the cell of that name."""
        return type(self)(self.cause, cell=name, file=self.file, field=self.field)

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (type(self), self.cause, self.cell, self.file, self.field)


class SkippedCellError(CellError):
    """A run cell has nothing to score, or not yet; none of its files is damaged."""


class InFlightError(SkippedCellError):
    """A file changes while it is being read: its producer is still at work."""


class LimitError(CellError):
    """A run cell holds more than is read, so that it does not fill the memory (`klsurv.limits`)."""


class NothingUsableError(KlsurvError):
    """No cell, or no trajectory, is left to answer with."""


class LayoutError(KlsurvError):
    """A frame or a parquet file is in none of the layouts that klsurv reads."""


class OutputError(KlsurvError):
    """A result cannot be written where it was asked for."""


class ClusterError(KlsurvError):
    """A cluster cannot be reached, or was lost; what it had done until then is kept."""


class RemoteError(KlsurvError):
    """Object storage cannot be reached, or there is no such bucket."""


class KlsurvWarning(UserWarning):
    """Something was left out, or is not what it seems; the result is right for what is left."""


def warn(message: str) -> None:
    """Warn with `KlsurvWarning`, at the line that called klsurv and not at one within it."""
    level, depth, frame = 2, 1, sys._getframe()
    while frame := frame.f_back:  # type: ignore[assignment]
        depth += 1
        if frame.f_globals.get("__name__", "").startswith("klsurv."):
            level = depth + 1
    warnings.warn(message, KlsurvWarning, stacklevel=level)


def first_line(error: BaseException) -> str:
    """What a library's error says in its first line, as the next ones may go on for pages; its name if it is silent."""
    return (str(error).splitlines() or [type(error).__name__])[0]


def _rebuild(kind: type[CellError], cause: str, cell: str, file: str | None, field: str | None) -> CellError:
    return kind(cause, cell=cell, file=file, field=field)
