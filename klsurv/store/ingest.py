"""A sweep into a store, as far as it changed. In: a run root and a store. Out: files, and what became of each cell.

Cells are read where the executor says: in this process, in others, on a cluster. Only paths and a few words travel.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from concurrent.futures import Executor, Future, as_completed
from dataclasses import dataclass, field

from klsurv.crew import Crew
from klsurv.errors import LayoutError, NothingUsableError, OutputError
from klsurv.fanout import Progress
from klsurv.ingest.discover import CellDir, discover
from klsurv.ingest.kept import keep
from klsurv.ingest.remote import Place, Remote, expanded, is_file
from klsurv.names import clean
from klsurv.store.file import Footer, file_of
from klsurv.store.manifest import manifest
from klsurv.store.marker import MARKER, VERSION, is_store
from klsurv.store.scratch import scratch
from klsurv.store.write import KEPT, Done, is_of, outcome, refresh
from klsurv.validate import check, executes, truth, whole


@dataclass(frozen=True, kw_only=True)
class Report:
    """What became of each cell, by name. Where it is not usable the reason is given; of `kept` ones good data remain.

    Those that vanished remain too, until they are pruned. `notes` are sentences: what else must be known of cells.
    """

    new: list[str] = field(default_factory=list)
    updated: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    in_flight: dict[str, str] = field(default_factory=dict)
    broken: dict[str, str] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    vanished: list[str] = field(default_factory=list)
    pruned: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        # What is kept, or has a note, is counted elsewhere too.
        counts = {name.replace("_", " "): len(value) for name, value in vars(self).items()}
        del counts["kept"], counts["notes"]
        return ", ".join(f"{n} {name}" for name, n in counts.items())


def ingest(
    runs: str | os.PathLike[str] | Remote,
    store: str | os.PathLike[str] | Remote,
    *,
    prune: bool = False,
    workers: int = 1,
    executor: Executor | None = None,
    progress: Progress | None = None,
) -> Report:
    """Bring a store up to date with a run root; it is made where there is none. Any number may run at once.

    Args:
        runs: the path, or `s3://` url, of a run root or of one run cell.
        store: the directory of the store, or its `s3://` url.
        prune: remove cells from the store that are no longer in `runs`.
        workers: processes that read cells.
        executor: reads them in place of `workers`: any `concurrent.futures.Executor` whose processes see both paths.
            Where it fails, its own error is raised, and what was done is in the store.
        progress: called with (cells done, all cells).

    A cell whose files have their size and time is not read again; those that changed within 2 s of when they were read
    are compared by digest. A cell that is being written or broken keeps the last good data that the store has of it.
    One of the same name in another place, as where `runs` was moved, replaces it; `notes` of the report tell it once.

    Raises:
        ParameterError: a path is none, or another argument is out of range.
        NothingUsableError: there is no run cell in `runs`.
        LayoutError: `store` is a directory with other things in it, or one of its files cannot be read.
        OutputError: the store cannot be written.
        RemoteError: object storage cannot be reached, or there is no such bucket.

    Examples:
        >>> import klsurv
        >>> print(klsurv.update_store("klsurv-demo", "store"))
        2 new, 0 updated, 0 unchanged, 0 in flight, 0 broken, 0 skipped, 0 vanished, 0 pruned
        >>> klsurv.scan("store").alphas
        [0.0, 0.25, 0.5, 1.0, 1.5, 2.0, 4.0]
    """
    prune, workers = truth(prune, "prune"), whole(workers, "workers")
    check(workers > 0, f"workers must be 1 or more, not {workers}")
    executes(executor)
    root, target = expanded(runs), expanded(store)
    found = _found(root)
    _make(target)
    try:
        with scratch(target) as run:
            return _ingest(found, target, run, prune=prune, workers=workers, executor=executor, progress=progress)
    except OSError as error:
        raise OutputError(f"{clean(str(target))} cannot be written: {error.strerror}") from error


def _ingest(
    found: list[CellDir],
    store: Place,
    run: str,
    *,
    prune: bool,
    workers: int,
    executor: Executor | None,
    progress: Progress | None,
) -> Report:
    entries, others = manifest(store)
    held = {entry.footer.cell: entry.footer for entry in entries}
    # What is read later may be another version, so that none is held open.
    entries.clear()
    stale, outcomes = [], []
    for cell in found:
        footer = held.get(cell.name)
        if footer is None or not is_of(cell, footer):
            stale.append(cell)
        else:
            outcomes.append(outcome(footer, "unchanged"))
    for done, became in enumerate(_refreshed(stale, store, run, workers, executor), 1):
        outcomes.append(became)
        if progress is not None:
            progress(done, len(stale))
    report = Report()
    # They were done in any order.
    for became in sorted(outcomes, key=lambda became: became.cell):
        _note(report, became, held)
    _clear(found, held, others, store, report, prune=prune)
    return report


def _refreshed(stale: list[CellDir], store: Place, run: str, workers: int, executor: Executor | None) -> Iterator[Done]:
    """What became of each cell, as they are done."""
    workers = min(workers, len(stale))
    if executor is None and workers < 2:
        try:
            for cell in stale:
                yield refresh(cell, store, run=run)
        finally:
            keep([])
        return
    crew = Crew(workers) if executor is None else None
    futures: list[Future[Done]] = []
    try:
        hands = crew if executor is None else executor
        assert hands is not None
        for cell in stale:
            futures.append(hands.submit(refresh, cell, store.absolute(), run=run))
        for future in as_completed(futures):
            yield future.result()
    finally:
        for future in futures:
            future.cancel()
        if crew is not None:
            crew.shutdown(cancel_futures=True)


def _note(report: Report, done: Done, held: dict[str, Footer]) -> None:
    if done.kept:
        report.kept.append(done.cell)
    report.notes.extend(done.notes)
    if done.state == "in flight":
        report.in_flight[done.cell] = _why(done)
    elif done.state == "broken":
        report.broken[done.cell] = _why(done)
    elif done.state == "skipped":
        report.skipped[done.cell] = _why(done)
    elif done.state == "unchanged":
        report.unchanged.append(done.cell)
    else:
        (report.updated if done.cell in held else report.new).append(done.cell)


def _why(done: Done) -> str:
    return f"{done.reason}" + (f" ({KEPT})" if done.kept else "")


def _clear(
    found: list[CellDir], held: dict[str, Footer], others: list[Place], store: Place, report: Report, *, prune: bool
) -> None:
    """Tell of what is in the store and not among the cells that were found, or remove it."""
    there = {file_of(store, cell.name) for cell in found}
    gone = {name: file_of(store, name) for name in sorted(held)} | {clean(path.name): path for path in others}
    gone = {name: path for name, path in gone.items() if path not in there}
    for path in gone.values() if prune else ():
        path.unlink(missing_ok=True)
    (report.pruned if prune else report.vanished).extend(gone)


def _found(root: Place) -> list[CellDir]:
    """The run cells at a path."""
    file = is_file(root)
    if file or is_store(root):
        kind = "a file" if file else "a store"
        raise NothingUsableError(f"{clean(str(root))} is {kind}: expected a run root or a run cell")
    return [cell.absolute() for cell in discover(root)]


def _make(store: Place) -> None:
    """The directory of a store, with the file that marks it as one."""
    name = clean(str(store))
    marker = json.dumps({"klsurv": "store", "version": VERSION}) + "\n"
    try:
        if isinstance(store, Remote):
            _make_in_bucket(store, marker)
            return
        store.mkdir(exist_ok=True)
        there = any(not entry.startswith(".") for entry in os.listdir(store))
        # Asked last, as another ingest may make it at the same time.
        if is_store(store):
            return
        if there:
            raise LayoutError(f"{name} is no store, and not empty: give a new directory")
        with scratch(store) as run:
            temporary = store / f".{run}-{MARKER}.part"
            temporary.write_text(marker)
            os.replace(temporary, store / MARKER)
    except OSError as error:
        raise OutputError(f"{name} cannot be made a store: {error.strerror}") from error


def _make_in_bucket(store: Remote, marker: str) -> None:
    if is_store(store):
        return
    if any(not name.startswith(".") and name != MARKER for name, _ in store.walk()):
        raise LayoutError(f"{clean(str(store))} is no store, and not empty: give a new prefix")
    (store / MARKER).write(marker.encode())
