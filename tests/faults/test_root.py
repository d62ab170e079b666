"""A run root to which anything is done, in any order, against a plain model of what is in it.

KLSURV_FAULT_EXAMPLES=500 does it longer, and differently each time.
"""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

import klsurv
from klsurv.errors import NothingUsableError
from klsurv.params import Scoring
from tests.faults.nobody import user
from tests.faults.roots import ALPHAS, FILES, WINDOW, Row, cells, content
from tests.generated import quietly
from tests.test_oracle import COUNTS, told
from tests.whole import whole

EXAMPLES = int(os.environ.get("KLSURV_FAULT_EXAMPLES", "0"))
SCORING = Scoring(roll=1, window=WINDOW)

names = st.sampled_from(["a", "b", "c", "é ü", "_d"])
files = st.sampled_from(FILES)
versions = st.integers(0, 30)


class Root(RuleBasedStateMachine):
    """The root, a store of it, and what the store must have kept."""

    steps = 0

    def __init__(self, oracle: ModuleType) -> None:
        super().__init__()
        self.oracle, self.time = oracle, 1_000_000_000
        self.kept: dict[str, list[Row]] = {}
        self.ingested = False
        self.user = user()
        self.user.__enter__()
        self.base = Path(tempfile.mkdtemp())
        self.root, self.store = self.base / "runs", self.base / "store"
        self.root.mkdir()

    def teardown(self) -> None:
        try:
            self.scan()
            self.ingest(prune=False)
        finally:
            unlock(self.root)
            shutil.rmtree(self.base)
            self.user.__exit__(None, None, None)

    def put(self, path: Path, data: bytes, mode: str = "wb") -> None:
        """Write in place, through links, as far as that can be done; sometimes long ago, and never twice at a time."""
        if path.exists() and not path.is_file():
            return
        with open(path, mode) as file:
            file.write(data)
        self.time += 1
        if self.time % 3:
            os.utime(path, (self.time, self.time))

    @rule(name=names, version=versions)
    def write(self, name: str, version: int) -> None:
        with impossible():
            remove(self.root / name)
            (self.root / name).mkdir()
            for file in FILES:
                self.put(self.root / name / file, content(file, version))

    @rule(name=names, file=files, version=versions)
    def rewrite(self, name: str, file: str, version: int) -> None:
        with impossible():
            self.put(self.root / name / file, content(file, version))

    @rule(name=names, file=files, part=st.floats(0, 1, exclude_max=True))
    def truncate(self, name: str, file: str, part: float) -> None:
        with impossible():
            path = self.root / name / file
            self.put(path, path.read_bytes()[: int(path.stat().st_size * part)] if path.is_file() else b"")

    @rule(name=names, file=files, garbage=st.sampled_from([b" \n", b"}", b"\0", b"NaN", b"\xff", b'{"a": 1}', b","]))
    def append(self, name: str, file: str, garbage: bytes) -> None:
        with impossible():
            self.put(self.root / name / file, garbage, "ab")

    @rule(name=names, file=st.one_of(st.none(), files))
    def delete(self, name: str, file: str | None) -> None:
        with impossible():
            remove(self.root / name / file if file else self.root / name)

    @rule(name=names, file=st.one_of(st.none(), files), other=names, nowhere=st.booleans())
    def link(self, name: str, file: str | None, other: str, nowhere: bool) -> None:
        with impossible():
            path = self.root / name / file if file else self.root / name
            target = Path("nowhere") if nowhere else Path("..", other, file) if file else Path(other)
            remove(path)
            path.symlink_to(target)

    @rule(name=names, file=st.one_of(st.none(), files), other=names)
    def rename(self, name: str, file: str | None, other: str) -> None:
        with impossible():
            if file is None:
                (self.root / name).rename(self.root / other)
            else:
                (self.root / name / file).replace(self.root / other / file)

    @rule(name=names, file=st.one_of(st.none(), files), mode=st.sampled_from([0, 0o100, 0o400, 0o600, 0o700]))
    def chmod(self, name: str, file: str | None, mode: int) -> None:
        with impossible():
            (self.root / name / file if file else self.root / name).chmod(mode)

    @rule(name=names, file=st.one_of(st.none(), files), kind=st.sampled_from(["fifo", "directory", "socket", "file"]))
    def make(self, name: str, file: str | None, kind: str) -> None:
        with impossible():
            path = self.root / name / file if file else self.root / name
            remove(path)
            if kind == "fifo":
                os.mkfifo(path)
            elif kind == "directory":
                path.mkdir()
            elif kind == "file":
                path.write_text("text")
            else:
                with socket.socket(socket.AF_UNIX) as listening:
                    listening.bind(str(path))

    @rule()
    def scan(self) -> None:
        """What is read is what the plain loops read, counted as the oracle counts it; every directory is told of."""
        Root.steps += 1
        found = cells(self.root)
        good = [row for rows in found.values() for row in rows]
        runs = quietly(self.root)
        if not listed(self.root):
            with pytest.raises(NothingUsableError, match="no run cell in"):
                runs.check()
            return
        table = runs.check()
        assert table.get_column("cell").to_list() == listed(self.root)
        for cell, status, reason in table.select("cell", "status", "reason").rows():
            assert (status in ("ok", "partial")) == bool(found[cell]), (cell, status, reason)
            assert status == "ok" or reason
        if not good:
            with pytest.raises(NothingUsableError, match="none of the"):
                runs.summary()
            return
        self.counted(runs, good)

    @rule(prune=st.booleans())
    def ingest(self, prune: bool) -> None:
        """The store holds every good cell, and of those that went bad what was good last."""
        Root.steps += 1
        found = cells(self.root)
        if not listed(self.root):
            with pytest.raises(NothingUsableError, match="no run cell in"):
                klsurv.update_store(self.root, self.store, prune=prune)
            return
        there = listed(self.root)
        klsurv.update_store(self.root, self.store, prune=prune)
        self.ingested = True
        if prune:
            self.kept = {name: rows for name, rows in self.kept.items() if name in there}
        self.kept |= {name: rows for name, rows in found.items() if rows}
        kept = [row for _, rows in sorted(self.kept.items()) for row in rows]
        if kept:
            self.counted(quietly(self.store), kept)
        else:
            with pytest.raises(NothingUsableError, match="none of the"):
                quietly(self.store).summary()
        report = klsurv.update_store(self.root, self.store)
        assert not report.new and not any(found[name] for name in report.updated)
        assert all(name[0] != "." for name in os.listdir(self.store))

    @precondition(lambda self: self.ingested)
    @rule()
    def lock_the_root(self) -> None:
        """Nothing can be read, and the store stays as it was."""
        self.root.chmod(0)
        try:
            if os.access(self.root, os.R_OK):
                return
            with pytest.raises(NothingUsableError, match="Permission denied"):
                quietly(self.root).cells()
            with pytest.raises(NothingUsableError, match="Permission denied"):
                klsurv.update_store(self.root, self.store, prune=True)
        finally:
            self.root.chmod(0o700)

    def counted(self, runs: klsurv.Runs, want: list[Row]) -> None:
        """Every trajectory is there with its values, and all are counted as the oracle counts them."""
        # KL is compared as far as the generation went, and what pads it is not.
        table = whole(runs).select("cell", "alpha", "prompt", "method", "seed", "gen_len", "kl", "pmass")
        assert list(map(shown, table.rows())) == list(map(shown, want))
        root = Path(tempfile.mkdtemp(dir=self.base))
        for name in {row[0] for row in want}:
            plain(root / name, [row for row in want if row[0] == name])
        answer = told(self.oracle, root, list(ALPHAS), scoring=SCORING)
        shutil.rmtree(root)
        table = runs.summary(roll=SCORING.roll, window=SCORING.window)
        for alpha in {row[1] for row in want}:
            counts = table.filter(alpha=alpha).select(COUNTS).row(0, named=True)
            assert counts == {name: answer["alphas"][str(alpha)][name] for name in COUNTS}, alpha


def shown(row: Row) -> Row:
    """A row that can be compared: KL as far as the generation went."""
    return (*row[:6], list(row[6][: row[5]]), list(row[7]))


def plain(cell: Path, rows: list[Row]) -> None:
    """A cell of its own that holds these trajectories, for the oracle to read."""
    import json

    cell.mkdir()
    kl: dict[str, Any] = {}
    pmass: dict[str, Any] = {}
    lengths: dict[str, Any] = {}
    for _, alpha, _, _, _, gen_len, kls, masses in rows:
        kl.setdefault(str(alpha), []).append(kls)
        pmass.setdefault(str(alpha), []).append([float("nan") if x is None else x for x in masses])
        lengths.setdefault(str(alpha), []).append(gen_len)
    parts = (
        {},
        {"per_prompt_per_t_kl": kl},
        {"fork_points": [0, 2, 4, 6], "pmass_eval": pmass, "gen_lens_eval": lengths},
    )
    for file, part in zip(FILES, parts, strict=True):
        (cell / file).write_text(json.dumps(part))


class impossible:  # noqa: N801
    """A change that the state of the root does not allow is none."""

    def __enter__(self) -> None: ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> bool:
        return isinstance(error, OSError)


def listed(root: Path) -> list[str]:
    """The names that must be told of: what holds one of a cell's files, or may, and links that lead nowhere."""
    told = []
    for entry in root.iterdir():
        if entry.name.startswith("_"):
            continue
        try:
            mode = entry.stat().st_mode
        except OSError:
            told.append(entry.name)
            continue
        with user(0):
            holds = entry.is_dir() and any(os.path.lexists(entry / file) for file in FILES)
        closed = entry.is_dir() and not os.access(entry, os.X_OK, effective_ids=True)
        if mode and (holds or closed):
            told.append(entry.name)
    return sorted(told)


def remove(path: Path) -> None:
    """Remove whatever is there."""
    unlock(path)
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def unlock(path: Path) -> None:
    """Let directories be entered again."""
    if path.is_dir() and not path.is_symlink():
        path.chmod(0o700)
        for entry in os.scandir(path):
            if entry.is_dir(follow_symlinks=False):
                unlock(Path(entry.path))


def test_nothing_that_is_done_to_a_root_crashes_or_is_counted_wrong(
    oracle: ModuleType, real_cells: Path, tmp_path: Path
) -> None:
    # As the superuser, so that no library is loaded where the other must not read.
    klsurv.update_store(real_cells, tmp_path / "store")
    for source in (real_cells, tmp_path / "store"):
        quietly(source).check()
        quietly(source).summary()
        whole(quietly(source))
    klsurv.update_store(real_cells, tmp_path / "store", prune=True)
    told(oracle, real_cells, [0.0, 1.0], scoring=SCORING)
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        lambda: Root(oracle),
        settings=settings(
            max_examples=EXAMPLES or 12,
            stateful_step_count=50 if EXAMPLES else 30,
            derandomize=not EXAMPLES,
            database=None,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
    if EXAMPLES:
        print(f"{Root.steps} scans and ingests")  # noqa: T201
