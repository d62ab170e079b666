"""One cell as plain values. In: its directory. Out: a `Cell`, with a status, that can be sent between processes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from klsurv.errors import CellError, InFlightError, LimitError, SkippedCellError
from klsurv.ingest.calib import Calib, check_calib
from klsurv.ingest.check import Dose, check_doses, check_forks
from klsurv.ingest.discover import CALIB, NEEDED, PMASS, TRAJECTORY, CellDir, enter
from klsurv.ingest.parse import Parsed, read_object
from klsurv.ingest.remote import Place
from klsurv.ingest.stamp import Stamp
from klsurv.params import Metric


@dataclass(frozen=True, kw_only=True)
class Cell:
    """What was read of a cell: its facts as far as they are known, its forks (tokens) and doses, and how it went.

    `status` is ok, partial (usable, `reason` says what is left out), skipped (nothing to score, or not yet) or broken
    (a file is damaged, or holds too much); the last two have no doses. `in_flight`: its producer is at work on it.
    `refused`: it holds more than a limit allows, and the limit may be another next time.
    """

    name: str
    path: Place
    status: str
    reason: str | None
    in_flight: bool = False
    refused: bool = False
    calib: Calib | None = None
    forks: list[int] = field(default_factory=list)
    doses: list[Dose] = field(default_factory=list)


class Files:
    """The JSON files of one cell, each read once."""

    def __init__(self, where: CellDir, *, digest: bool = False) -> None:
        self._where, self._digest = where, digest
        self._read: dict[str, Parsed] = {}

    @property
    def read(self) -> Iterable[Parsed]:
        """What was read so far."""
        return self._read.values()

    def object(self, name: str) -> Parsed:
        """What a file holds; raises as `read_object` does."""
        if name not in self._read:
            self._read[name] = read_object(self._where.path / name, digest=self._digest)
        return self._read[name]

    @property
    def stamps(self) -> dict[str, Stamp]:
        """Which bytes were read."""
        return {name: parsed.stamp for name, parsed in self._read.items()}


def load_cell(where: CellDir, *, metric: Metric, files: Files | None = None) -> Cell:
    """Read one cell whole. It does not raise for anything that a cell may hold."""
    calib: Calib | None = None
    files = files or Files(where)
    try:
        calib = _calib(where, files)
        pmass = files.object(PMASS)
        if not pmass.get("computed", True):
            raise SkippedCellError("is not true: pmass was not measured", file=PMASS, field="computed")
        forks = check_forks(pmass)
        doses, notes = check_doses(files.object(TRAJECTORY), pmass, forks=forks, metric=metric)
        if not doses:
            raise SkippedCellError("; ".join(notes) or f"{PMASS}: {metric}: holds no alpha yet")
    except CellError as error:
        return _unusable(where, calib, error)
    except MemoryError:
        return _unusable(where, calib, LimitError("does not fit into memory"))
    notes = calib.notes + notes
    return Cell(
        name=where.name,
        path=where.path,
        status="partial" if notes else "ok",
        reason="; ".join(notes) or None,
        refused=calib.refused,
        calib=calib,
        forks=forks,
        doses=doses,
    )


def load_facts(where: CellDir) -> Cell:
    """The cell as far as `calib.json` tells it, without its doses."""
    try:
        return Cell(name=where.name, path=where.path, status="ok", reason=None, calib=_calib(where, Files(where)))
    except CellError as error:
        return _unusable(where, None, error)


def _calib(where: CellDir, files: Files) -> Calib:
    enter(where)
    missing = [name for name in NEEDED if not where.holds(name)]
    if missing:
        raise InFlightError("not there (yet)", file=", ".join(missing))
    return check_calib(files.object(CALIB))


def _unusable(where: CellDir, calib: Calib | None, error: CellError) -> Cell:
    return Cell(
        name=where.name,
        path=where.path,
        status="skipped" if isinstance(error, SkippedCellError) else "broken",
        reason=error.reason,
        in_flight=isinstance(error, InFlightError),
        refused=isinstance(error, LimitError),
        calib=calib,
    )
