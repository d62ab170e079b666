"""One cell, as far as a live table needs it. In: what was read. Out: scored trajectories without KL, and a state."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import polars as pl

from klsurv.exprs.death import event
from klsurv.frames.score import judge, measure
from klsurv.frames.smooth import early_tokens
from klsurv.ingest.cell import Cell
from klsurv.ingest.content import FRESH
from klsurv.ingest.discover import NEEDED, CellDir
from klsurv.ingest.stamp import Stamp
from klsurv.ingest.trajectories import trajectories
from klsurv.ingest.unchanged import unchanged
from klsurv.params import Scoring
from klsurv.schema import USABLE

State = Literal["ok", "partial", "in flight", "skipped", "broken", "vanished", "left out"]


@dataclass(frozen=True)
class Snapshot:
    """What a cell's files were just before they were read, and when that was (ns since 1970).

    None stands for a file that is not there or cannot be read: its rights can change while its time stays the same.
    """

    where: CellDir
    files: Mapping[str, Stamp | None]
    at_ns: int

    @classmethod
    def of(cls, where: CellDir) -> Snapshot:
        """That of a cell now."""
        now = time.time_ns()
        return cls(where, {name: where.stamp(name) if _readable(where, name) else None for name in NEEDED}, now)

    def still(self, where: CellDir) -> bool:
        """Whether nothing changed since."""
        return unchanged(where, self.files, read_ns=self.at_ns)

    @property
    def at_work(self) -> bool:
        """Whether a writer may be at work: a file had just been written then or now, or was written in between."""
        again = Snapshot.of(self.where)
        return self.fresh or again.fresh or again.files != self.files

    @property
    def fresh(self) -> bool:
        """Whether a file had just been written, so that its writer may be at work."""
        return any(file is not None and file.mtime_ns > self.at_ns - FRESH * 1e9 for file in self.files.values())


@dataclass(frozen=True, kw_only=True)
class Known:
    """A cell when it was last read.

    `lives` are its trajectories, scored, without KL; `n_events` counts those that died, `alphas` are its doses. `kept`:
    it cannot be used now, and these are of the last time that it could. `left out`: it is not among those asked for.
    """

    cell: str
    snapshot: Snapshot
    state: State
    reason: str | None = None
    kept: bool = False
    alphas: tuple[float, ...] = ()
    lives: pl.DataFrame | None = None
    n_events: int = 0

    @property
    def n(self) -> int:
        """Trajectories."""
        return 0 if self.lives is None else self.lives.height


def known(
    cell: Cell, snapshot: Snapshot, *, scoring: Scoring, alphas: tuple[float, ...] | None, before: Known | None
) -> Known:
    """What to keep of a cell that was read; of one that cannot be used, what `before` had of it."""
    state = _state(cell, snapshot)
    if cell.status in USABLE:
        lives, doses = _lives(cell, scoring), tuple(dose.alpha for dose in cell.doses)
        if alphas is not None:
            lives, doses = lives.filter(pl.col("alpha").is_in(alphas)), tuple(a for a in doses if a in alphas)
        died = lives.select(event().sum()).item()
        return Known(
            cell=cell.name,
            snapshot=snapshot,
            state=state,
            reason=cell.reason,
            alphas=doses,
            lives=lives,
            n_events=died,
        )
    if before is not None and before.lives is not None:
        return replace(before, snapshot=snapshot, state=state, reason=cell.reason, kept=True)
    return Known(cell=cell.name, snapshot=snapshot, state=state, reason=cell.reason)


def _readable(where: CellDir, name: str) -> bool:
    path = where.path / name
    return not isinstance(path, Path) or os.access(path, os.R_OK)


def _state(cell: Cell, snapshot: Snapshot) -> State:
    if cell.in_flight or (cell.status == "broken" and snapshot.at_work):
        # A file that was written this moment, or while it was read, is not finished, as far as one can tell.
        return "in flight"
    states: dict[str, State] = {"ok": "ok", "partial": "partial", "skipped": "skipped"}
    return states.get(cell.status, "broken")


def _lives(cell: Cell, scoring: Scoring) -> pl.DataFrame:
    rows = measure(trajectories(cell).lazy(), early=early_tokens(scoring)).drop("kl")
    return judge(rows, scoring=scoring).collect()
