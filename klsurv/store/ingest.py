"""A sweep into a store, as far as it changed. In: a run root and a store. Out: files, and what became of each cell.

Cells are read where the executor says: in this process, in others, on a cluster. Only paths and a few words travel.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, as_completed
from dataclasses import dataclass, field
from pathlib import Path

from klsurv.errors import LayoutError, OutputError
from klsurv.ingest.crew import Crew
from klsurv.ingest.discover import NEEDED, CellDir, discover
from klsurv.ingest.unchanged import unchanged
from klsurv.names import clean
from klsurv.store.manifest import Entry, manifest
from klsurv.store.marker import MARKER, VERSION, is_store
from klsurv.store.scratch import scratch
from klsurv.store.write import Done, refresh

Progress = Callable[[int, int], None]


@dataclass(frozen=True, kw_only=True)
class Report:
    """What became of each cell, by name. `in_flight` and `broken` give the reason; `vanished` ones are kept."""

    new: list[str] = field(default_factory=list)
    updated: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    in_flight: dict[str, str] = field(default_factory=dict)
    broken: dict[str, str] = field(default_factory=dict)
    vanished: list[str] = field(default_factory=list)
    pruned: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        counts = {name.replace("_", " "): len(value) for name, value in vars(self).items()}
        return ", ".join(f"{n} {name}" for name, n in counts.items())


def ingest(
    runs: str | os.PathLike[str],
    store: str | os.PathLike[str],
    *,
    prune: bool = False,
    workers: int = 1,
    executor: Executor | None = None,
    progress: Progress | None = None,
) -> Report:
    """Bring a store up to date with a run root; it is made where there is none. Any number may run at once.

    Args:
        runs: the path of a run root or of one run cell.
        store: the directory of the store.
        prune: remove cells from the store that are no longer in `runs`.
        workers: processes that read cells.
        executor: reads them in place of `workers`: any `concurrent.futures.Executor` whose processes see both paths.
        progress: called with (cells done, all cells).

    A cell whose files have their size and time is not read again; those that changed within 2 s of when they were read
    are compared by digest. A cell that is being written or broken keeps the last good data that the store has of it.

    Raises:
        NothingUsableError: there is no run cell in `runs`.
        LayoutError: `store` is a directory with other things in it.
        OutputError: the store cannot be written.
    """
    root, target = Path(runs), Path(store)
    found = discover(root)
    _make(target)
    try:
        with scratch(target) as run:
            return _ingest(found, target, run, prune=prune, workers=workers, executor=executor, progress=progress)
    except OSError as error:
        raise OutputError(f"{clean(str(target))} cannot be written: {error.strerror}") from error


def _ingest(
    found: list[CellDir],
    store: Path,
    run: str,
    *,
    prune: bool,
    workers: int,
    executor: Executor | None,
    progress: Progress | None,
) -> Report:
    held = {entry.cell: entry for entry in manifest(store)[0]}
    report = Report()
    stale = [cell for cell in found if not _unchanged(cell, held.get(cell.name))]
    report.unchanged.extend(sorted({cell.name for cell in found} - {cell.name for cell in stale}))
    for done, outcome in enumerate(_refreshed(stale, held, store, run, workers, executor), 1):
        _note(report, outcome, held)
        if progress is not None:
            progress(done, len(stale))
    gone = sorted(held.keys() - {cell.name for cell in found})
    for cell in gone:
        if prune:
            held[cell].path.unlink(missing_ok=True)
    (report.pruned if prune else report.vanished).extend(gone)
    for names in (report.new, report.updated):
        names.sort()
    return report


def _refreshed(
    stale: list[CellDir], held: dict[str, Entry], store: Path, run: str, workers: int, executor: Executor | None
) -> Iterator[Done]:
    """What became of each cell, as they are done."""

    def usable(cell: CellDir) -> frozenset[str]:
        return frozenset(held[cell.name].footer.usable) if cell.name in held else frozenset()

    workers = min(workers, len(stale))
    if executor is None and workers < 2:
        for cell in stale:
            yield refresh(cell, store, usable=usable(cell), run=run)
        return
    crew = Crew(workers) if executor is None else None
    try:
        hands = executor or crew
        assert hands is not None
        futures: list[Future[Done]] = [
            hands.submit(refresh, cell.absolute(), store.absolute(), usable=usable(cell), run=run) for cell in stale
        ]
        for future in as_completed(futures):
            yield future.result()
    finally:
        if crew is not None:
            crew.shutdown(cancel_futures=True)


def _note(report: Report, done: Done, held: dict[str, Entry]) -> None:
    if done.state == "in flight":
        report.in_flight[done.cell] = _why(done)
    elif done.state == "broken":
        report.broken[done.cell] = _why(done)
    else:
        (report.updated if done.cell in held else report.new).append(done.cell)


def _why(done: Done) -> str:
    return f"{done.reason}" + (" (its last good data are kept)" if done.kept else "")


def _unchanged(cell: CellDir, entry: Entry | None) -> bool:
    """Whether the files of a cell are those that were read, all three of them."""
    if entry is None or set(entry.footer.stamps) != set(NEEDED):
        return False
    return unchanged(cell, entry.footer.stamps, read_ns=entry.footer.read_ns)


def _make(store: Path) -> None:
    """The directory of a store, with the file that marks it as one."""
    name = clean(str(store))
    if is_store(store):
        return
    try:
        store.mkdir(exist_ok=True)
        if any(not entry.name.startswith(".") for entry in os.scandir(store)):
            raise LayoutError(f"{name} is no store, and not empty: give a new directory")
        marker = store / MARKER
        temporary = marker.with_name(f".{MARKER}.{os.getpid()}.part")
        temporary.write_text(json.dumps({"klsurv": "store", "version": VERSION}) + "\n")
        os.replace(temporary, marker)
    except OSError as error:
        raise OutputError(f"{name} cannot be made a store: {error.strerror}") from error
