"""One cell as plain values. In: its directory. Out: a `Cell`, with a status, that can be sent between processes."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from klsurv.errors import CellError, SkippedCellError
from klsurv.ingest.calib import Calib, check_calib
from klsurv.ingest.check import Dose, check_doses, check_forks
from klsurv.ingest.discover import CALIB, NEEDED, PMASS, TRAJECTORY, CellDir, enter
from klsurv.ingest.parse import read_object
from klsurv.params import Metric


@dataclass(frozen=True, kw_only=True)
class Cell:
    """What was read of a cell: its facts as far as they are known, its forks (tokens) and doses, and how it went.

    `status` is ok, partial (usable, `reason` says what is left out), skipped (nothing to score, or not yet) or broken
    (a file is damaged); the last two have no doses.
    """

    name: str
    path: Path
    status: str
    reason: str | None
    calib: Calib | None = None
    forks: list[int] = field(default_factory=list)
    doses: list[Dose] = field(default_factory=list)


def load_cell(where: CellDir, *, metric: Metric) -> Cell:
    """Read one cell whole. It does not raise for anything that a cell may hold."""
    calib: Calib | None = None
    try:
        calib = _calib(where)
        pmass = read_object(where.path / PMASS)
        if pmass.get("computed", True) is False:
            raise SkippedCellError("is false: pmass was not measured", file=PMASS, field="computed")
        forks = check_forks(pmass)
        doses, notes = check_doses(read_object(where.path / TRAJECTORY), pmass, forks=forks, metric=metric)
        if not doses:
            raise SkippedCellError("; ".join(notes) or f"{PMASS}: {metric}: holds no alpha yet")
    except CellError as error:
        return _unusable(where, calib, error)
    notes = calib.notes + notes
    return Cell(
        name=where.name,
        path=where.path,
        status="partial" if notes else "ok",
        reason="; ".join(notes) or None,
        calib=calib,
        forks=forks,
        doses=doses,
    )


def load_facts(where: CellDir) -> Cell:
    """The cell as far as `calib.json` tells it, without its doses."""
    try:
        return Cell(name=where.name, path=where.path, status="ok", reason=None, calib=_calib(where))
    except CellError as error:
        return _unusable(where, None, error)


def _calib(where: CellDir) -> Calib:
    enter(where)
    missing = [name for name in NEEDED if not (where.path / name).is_symlink() and not (where.path / name).exists()]
    if missing:
        raise SkippedCellError("not there (yet)", file=", ".join(missing))
    return check_calib(read_object(where.path / CALIB))


def _unusable(where: CellDir, calib: Calib | None, error: CellError) -> Cell:
    status = "skipped" if isinstance(error, SkippedCellError) else "broken"
    return Cell(name=where.name, path=where.path, status=status, reason=error.reason, calib=calib)
