"""A sweep, look after look. In: a run root, which may not be there yet. Out: what changed, and the state of it all."""

from __future__ import annotations

import os
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import polars as pl

from klsurv.analysis.base import TURNBULL
from klsurv.analysis.survival import outcomes
from klsurv.errors import NothingUsableError, RemoteError
from klsurv.fanout import Progress
from klsurv.frames.counts import each_dose
from klsurv.frames.grids import mixed
from klsurv.ingest.cell import Cell, load_facts
from klsurv.ingest.discover import CellDir, discover
from klsurv.ingest.remote import Place
from klsurv.ingest.root import is_early, wanted
from klsurv.ingest.workers import load_cells
from klsurv.limits import limits
from klsurv.params import Scoring, Selection
from klsurv.schema import GROUP_COLUMNS, SUMMARY, typed
from klsurv.stats import caveats
from klsurv.watch.known import Known, Snapshot, known
from klsurv.watch.pace import Pace
from klsurv.watch.view import Change, View
from klsurv.where import condition

# Of the table `summary`, what takes no KL; kept in memory, KL would grow with the sweep.
COLUMNS = [name for name in SUMMARY.names if not name.startswith("kl_")]
_LATEST = 20


class Sweep:
    """What is known of a sweep. Of each cell, its trajectories are kept without KL: memory does not grow with looks.

    Args:
        path: of a run root or a run cell.
        selection: which cells and doses.
        scoring: how they are scored.
        by: columns that make the groups.
        cells: how many cells there will be; None: as many as there are.
        clock: seconds, never going back.
    """

    def __init__(
        self,
        path: Place,
        *,
        selection: Selection,
        scoring: Scoring,
        by: Sequence[str],
        cells: int | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._path, self._selection, self._scoring, self._by = path, selection, scoring, tuple(by)
        self._keep = None if selection.where is None else condition(selection.where)
        self._cells, self._clock = cells, clock
        self._known: dict[str, Known] = {}
        self._latest: deque[Change] = deque(maxlen=_LATEST)
        self._pace = Pace()
        self._waiting: str | None = None
        self._moved = clock()
        self._began = False
        self._table, self._notes = self._summary()

    def refresh(self, *, progress: Progress | None = None) -> list[Change]:
        """Look at every cell and read those whose files changed; what is not to be used does not raise.

        `progress` is called with the number of cells read and the number of those to read.
        """
        found = self._discover()
        changes: list[Change] = []
        looked = False
        if found is not None:
            there = {where.name for where in found}
            for name in [name for name in self._known if name not in there]:
                looked, self._moved = True, self._clock()
                changes += self._changed(self._known.pop(name), None)
            try:
                for now in self._read(found, progress):
                    old = self._known.get(now.cell)
                    if old is None or old.snapshot.files != now.snapshot.files:
                        self._moved = self._clock()
                    looked, self._known[now.cell] = True, now
                    changes += self._changed(old, now)
            except RemoteError as error:
                # The rest is read when the bucket can be reached again.
                self._waiting = str(error)
        if looked:
            self._table, self._notes = self._summary()
        if self._began:
            self._latest.extend(changes)
        self._began = True
        self._pace.tick(self._clock())
        return changes

    @property
    def quiet(self) -> float:
        """Seconds since a file last changed, or since the beginning."""
        return self._clock() - self._moved

    def view(self) -> View:
        """The state of it all."""
        wanted = [cell for cell in self._known.values() if cell.state != "left out"]
        done = sum(len(cell.alphas) for cell in wanted)
        alphas = self._selection.alphas
        doses = max((len(cell.alphas) for cell in wanted), default=0) if alphas is None else len(alphas)
        n = max(len(wanted), self._cells or 0)
        order = {state: i for i, state in enumerate(("broken", "in flight", "skipped", "partial"))}
        troubles = [cell for cell in wanted if cell.state in order]
        return View(
            waiting=self._waiting,
            states=dict(Counter(cell.state for cell in wanted)),
            cells_of=n,
            alphas=done,
            alphas_of=n * doses if doses and n else None,
            doses=doses or None,
            trajectories=sum(cell.n for cell in wanted),
            rates=self._pace.rates(self._clock()),
            table=self._table,
            notes=self._notes,
            troubles=sorted(troubles, key=lambda cell: (order[cell.state], cell.cell)),
            latest=list(self._latest),
        )

    def _discover(self) -> list[CellDir] | None:
        """The cells there are; None where the place is not there, so that nothing is known of any."""
        try:
            found = discover(self._path, name_contains=self._selection.model_contains)
        except (NothingUsableError, RemoteError) as error:
            self._waiting = str(error)
            return [] if _is_empty(self._path) else None
        self._waiting = None
        return found

    def _read(self, found: list[CellDir], progress: Progress | None) -> Iterator[Known]:
        """Those cells whose files changed."""
        snapshots, stale = {}, []
        for where in found:
            old = self._known.get(where.name)
            if old is not None and old.snapshot.still(where):
                continue
            snapshot = Snapshot.of(where)
            if self._keep is not None and is_early(self._keep) and not wanted(load_facts(where), self._keep):
                yield Known(cell=where.name, snapshot=snapshot, state="left out")
                continue
            snapshots[where.name] = snapshot
            stale.append(where)
        for done, cell in enumerate(load_cells(stale, metric=self._selection.metric), 1):
            if progress is not None:
                progress(done, len(stale))
            yield self._judged(cell, snapshots[cell.name])

    def _judged(self, cell: Cell, snapshot: Snapshot) -> Known:
        if self._keep is not None and not wanted(cell, self._keep):
            return Known(cell=cell.name, snapshot=snapshot, state="left out")
        before = self._known.get(cell.name)
        return known(cell, snapshot, scoring=self._scoring, alphas=self._selection.alphas, before=before)

    def _changed(self, old: Known | None, now: Known | None) -> list[Change]:
        """The change from one state to the next, if it is one; the reason alone is none."""
        if _told(old) == _told(now):
            return []
        if old is not None and now is not None:
            self._pace.add(alphas=len(now.alphas) - len(old.alphas), trajectories=now.n - old.n)
        elif now is not None and self._began:
            # What was there when one began to look was not done since.
            self._pace.add(alphas=len(now.alphas), trajectories=now.n)
        shown = now or old
        assert shown is not None
        return [
            Change(
                time=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
                cell=shown.cell,
                state="vanished" if now is None else now.state,
                alphas=len(now.alphas) if now else 0,
                trajectories=now.n if now else 0,
                n_events=now.n_events if now else 0,
                kept=now.kept if now else False,
                reason=now.reason if now else None,
            )
        ]

    def _summary(self) -> tuple[pl.DataFrame, list[str]]:
        """The table `summary` without KL, and what must be known of it."""
        cells = sorted(self._known.values(), key=lambda cell: cell.cell)
        parts = [cell.lives for cell in cells if cell.lives is not None]
        if not parts:
            groups = [GROUP_COLUMNS[name] for name in self._by]
            return typed([*groups, *SUMMARY.columns]).to_frame().select(*self._by, *COLUMNS), []
        lives = pl.concat(parts)
        table = outcomes(lives, self._by)
        doses = self._selection.alphas or sorted({alpha for cell in cells for alpha in cell.alphas})
        table = each_dose(table.lazy(), by=self._by, alphas=doses).collect()
        notes = caveats.of_grids(mixed(lives.lazy(), by=self._by).collect(), by=self._by, consequence=TURNBULL)
        return table.select(*self._by, *COLUMNS), notes


def _told(cell: Known | None) -> tuple[object, ...] | None:
    """What of a cell is worth telling when it changes."""
    if cell is None or cell.state == "left out":
        return None
    return cell.state, cell.kept, cell.alphas, cell.n, cell.n_events


def _is_empty(path: Place) -> bool:
    """Of a place in which no cell was found: whether it is there and was looked through, so that none is in it."""
    if not isinstance(path, Path):
        return False
    try:
        with os.scandir(path) as listed:
            return sum(1 for _ in listed) <= limits().cells
    except OSError:
        return False
