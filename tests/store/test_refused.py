"""What an ingest refuses, and what it leaves as it was: damaged files, other directories, a full disk."""

from __future__ import annotations

import json
import re
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import klsurv
from klsurv.errors import LayoutError, OutputError
from klsurv.store.file import Footer
from tests.conftest import Klsurv
from tests.ingest.handmade import write_cell
from tests.store.asked import file_in, left, same, summary, text, told
from tests.store.changed import counts, later, of_kl


def as_version(path: Path, version: int) -> None:
    """A file of a store as another version of klsurv wrote it."""
    footer = json.loads(pl.read_parquet_metadata(path)["klsurv.store"])
    table = pl.read_parquet(path)
    table.write_parquet(path, metadata={"klsurv.store": json.dumps({**footer, "version": version})})


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-5])


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def garbage(path: Path) -> None:
    path.write_bytes(b"PAR1 this is nothing of the kind PAR1")


def foreign(path: Path) -> None:
    pl.DataFrame({"a": [1]}).write_parquet(path)


def odd(path: Path) -> None:
    pl.DataFrame({"a": [1]}).write_parquet(path, metadata={"klsurv.store": '{"version": 1, "early": 128, "cells": []}'})


def nameless(path: Path) -> None:
    text = pl.read_parquet_metadata(path)["klsurv.store"].replace("status", "sta.us")
    pl.read_parquet(path).write_parquet(path, metadata={"klsurv.store": text})


@pytest.mark.parametrize("spoil", [lambda path: as_version(path, 0), cut, emptied, garbage, foreign, odd, nameless])
def test_a_file_that_is_damaged_or_of_another_version_is_refused_until_an_ingest(
    root: Path, store: Path, spoil: Callable[[Path], None]
) -> None:
    klsurv.update_store(root, store)
    spoil(file_in(store, "b"))
    with pytest.raises(
        LayoutError, match=re.escape(f"klsurv: `klsurv ingest RUNS {store}` writes anew what is in RUNS")
    ):
        klsurv.scan(store).summary()
    assert counts(klsurv.update_store(root, store)) == {"new": 1, "unchanged": 2}
    same(told(store), told(root))


def test_of_several_files_that_are_damaged_the_first_is_named_and_the_others_are_counted(
    root: Path, store: Path
) -> None:
    klsurv.update_store(root, store)
    for cell in ("a", "c"):
        cut(file_in(store, cell))
    first = min(file_in(store, cell).name for cell in ("a", "c"))
    with pytest.raises(
        LayoutError, match=f"{first} is damaged, or was written by another version of klsurv, and 1 more: "
    ):
        klsurv.scan(store).summary()


@pytest.mark.parametrize("kind", ["unknown", "copy"])
def test_a_file_of_no_cell_by_a_name_as_they_have_is_refused_until_it_is_pruned(
    root: Path, store: Path, kind: str
) -> None:
    klsurv.update_store(root, store)
    path = store / f"{'0123456789ab' * 2}.parquet"
    path.write_bytes(file_in(store, "a").read_bytes() if kind == "copy" else b"nothing")
    with pytest.raises(LayoutError, match="--prune"):
        klsurv.scan(store).summary()
    assert klsurv.update_store(root, store).vanished == [path.name]
    assert klsurv.update_store(root, store, prune=True).pruned == [path.name]
    same(told(store), told(root))


def test_what_has_another_name_than_its_files_is_not_the_stores_and_left_alone(root: Path, store: Path) -> None:
    klsurv.update_store(root, store)
    mine = [store / name for name in ("scored.parquet", f"{'A' * 24}.parquet", f"{'0' * 25}.parquet", "part=1.parquet")]
    for path in mine:
        foreign(path)
    (store / "copy.parquet").write_bytes(file_in(store, "a").read_bytes())
    (store / "partitions.parquet").mkdir()
    (store / "nowhere.parquet").symlink_to("nowhere")
    before = sorted(store.iterdir())
    same(told(store), told(root))
    assert counts(klsurv.update_store(root, store)) == {"unchanged": 3}
    assert counts(klsurv.update_store(root, store, prune=True)) == {"unchanged": 3}
    assert sorted(store.iterdir()) == before


def test_data_that_are_damaged_behind_a_good_footer_are_told(root: Path, store: Path) -> None:
    klsurv.update_store(root, store)
    path = file_in(store, "b")
    want = told(store)
    spoilt(path)
    with pytest.raises(LayoutError, match="damaged") as error:
        klsurv.scan(store).summary()
    assert str(error.value).startswith(f"the store is damaged: {path}, the file of b, cannot be read (")
    assert str(error.value).endswith(f"): delete it, and `klsurv ingest RUNS {store}` writes it anew")
    path.unlink()
    assert klsurv.update_store(root, store).new == ["b"]
    same(told(store), want)


def test_kl_that_is_not_what_was_ingested_is_told_by_check(root: Path, store: Path) -> None:
    klsurv.update_store(root, store)
    path = file_in(store, "b")
    want = checked(store)
    rows, footer = pl.read_parquet(path), pl.read_parquet_metadata(path)
    last = pl.col("kl").list.head(pl.col("kl").list.len() - 1).list.concat(pl.col("kl").list.last() + 1e-12)
    # As a disk may do: what is there can be read, and has another value.
    rows.with_columns(pl.when(alpha=1.0, prompt=1).then(last).otherwise("kl").alias("kl")).write_parquet(
        path, metadata=footer
    )
    assert counts(klsurv.update_store(root, store)) == {"unchanged": 3}
    with pytest.raises(
        LayoutError, match=r"the file of b, cannot be read \(its KL is not what was ingested\): delete it"
    ):
        checked(store)
    assert checked(store, alphas=[0.0]) == checked(root, alphas=[0.0])
    path.unlink()
    klsurv.update_store(root, store)
    assert checked(store) == want


def checked(source: Path, **selection: Any) -> str:
    """The table `check`."""
    return text(klsurv.scan(source, tell=lambda _: None, **selection).check())


def spoilt(path: Path) -> None:
    """Overwrite what comes first in a file, and not its footer."""
    data = path.read_bytes()
    path.write_bytes(data[:4] + b"\xff" * 900 + data[904:])


def test_a_prompt_set_that_is_to_be_kept_and_is_damaged_is_told(root: Path, store: Path) -> None:
    asked = {"pmass": {"1.0": [[0.9, 0.5, 0.9, 0.9]]}, "gen_lens_qa": {"1.0": [8]}}
    cell = write_cell(root, "q", pmass=asked)
    klsurv.update_store(root, store)
    path = file_in(store, "q")
    spoilt(path)
    before = path.read_bytes()
    later(cell / "pmass.json", json.dumps({**json.loads((cell / "pmass.json").read_text()), "pmass": {}}))
    with pytest.raises(LayoutError, match=re.escape(f"{path}, the file of q, cannot be read")):
        klsurv.update_store(root, store)
    assert path.read_bytes() == before


def test_a_directory_with_other_things_in_it_is_left_alone(root: Path, tmp_path: Path, klsurv: Klsurv) -> None:
    for target in (root, root / "a", tmp_path / "mine"):
        (tmp_path / "mine").mkdir(exist_ok=True)
        (tmp_path / "mine" / "thesis.txt").write_text("")
        before = sorted(target.rglob("*"))
        refused = klsurv("ingest", root, target)
        assert (refused.returncode, refused.stdout) == (1, "")
        assert refused.stderr == f"error: {target} is no store, and not empty: give a new directory\n"
        assert sorted(target.rglob("*")) == before


def test_a_store_within_the_runs_is_not_taken_for_a_cell(root: Path) -> None:
    want = told(root)
    store = root / "store"
    assert counts(klsurv.update_store(root, store)) == {"new": 3}
    assert counts(klsurv.update_store(root, store)) == {"unchanged": 3}
    same(told(root), want)
    same(told(store), want)


def test_what_is_no_run_root_is_refused_and_no_store_is_made(root: Path, tmp_path: Path, klsurv: Klsurv) -> None:
    klsurv("ingest", root, tmp_path / "other")
    file = next((tmp_path / "other").glob("*.parquet"))
    for runs, why in (
        (file, "is a file: expected a run root or a run cell"),
        (tmp_path / "other", "is a store: expected a run root or a run cell"),
        (tmp_path / "nowhere", "does not exist"),
    ):
        refused = klsurv("ingest", runs, tmp_path / "store")
        assert refused.returncode == 1 and f"{runs} {why}" in refused.stderr and "Traceback" not in refused.stderr
        assert not (tmp_path / "store").exists()


@pytest.mark.parametrize("store", ["file", "no/such", "file/store"])
def test_a_store_that_cannot_be_made_is_told(root: Path, tmp_path: Path, store: str) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be made a store"):
        klsurv.update_store(root, tmp_path / store)


# The superuser may read and write where no one may, unless that is given up.
WITHOUT_PRIVILEGES = """if True:
    import ctypes, sys
    import klsurv
    root, store = sys.argv[1:]
    assert ctypes.CDLL(None).capset((ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()) == 0
    try:
        klsurv.update_store(root, store)
    except klsurv.KlsurvError as error:
        print(error)
    try:
        print(klsurv.scan(store).summary().get_column("n").to_list())
    except klsurv.KlsurvError as error:
        print(error)
"""


def without_privileges(root: Path, store: Path) -> list[str]:
    """What an ingest and a summary say where modes count."""
    command = [sys.executable, "-c", WITHOUT_PRIVILEGES, str(root), str(store)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert result.stderr == ""
    return result.stdout.splitlines()


def test_a_store_that_must_not_be_written_is_told_and_can_be_read(root: Path, store: Path) -> None:
    klsurv.update_store(root, store)
    later(root / "a" / "trajectory.json", of_kl(2.5))
    store.chmod(0o555)
    lines = without_privileges(root, store)
    store.chmod(0o755)
    assert lines == [f"{store} cannot be written: Permission denied", "[6, 6]"]


def test_a_file_that_must_not_be_read_is_told_and_not_replaced(root: Path, store: Path) -> None:
    klsurv.update_store(root, store)
    want = summary(store)
    later(root / "b" / "trajectory.json", "{")
    path = file_in(store, "b")
    before = path.read_bytes()
    path.chmod(0)
    assert without_privileges(root, store) == [f"{path} cannot be read: Permission denied"] * 2
    path.chmod(0o644)
    assert (path.read_bytes(), summary(store)) == (before, want)
    assert klsurv.update_store(root, store).broken["b"].endswith("(its last good data are kept)")


def test_a_file_that_cannot_be_read_any_more_when_its_cell_is_to_be_written_is_not_replaced(
    root: Path, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    klsurv.update_store(root, store)
    want = summary(store)
    later(root / "b" / "trajectory.json", "{")
    path = file_in(store, "b")
    really = Footer.read

    def failing(at: str | Path) -> Footer | None:
        if at == path:
            raise OSError(5, "Input/output error")
        return really(at)

    monkeypatch.setattr(Footer, "read", failing)
    with pytest.raises(LayoutError, match=re.escape(f"{path} cannot be read: Input/output error")):
        klsurv.update_store(root, store)
    assert summary(store) == want


def test_a_directory_by_the_name_of_a_cells_file_is_told(root: Path, store: Path) -> None:
    klsurv.update_store(root, store)
    path = file_in(store, "b")
    path.unlink()
    path.mkdir()
    for ask in (lambda: klsurv.update_store(root, store, prune=True), lambda: klsurv.scan(store).cells()):
        with pytest.raises(LayoutError, match=re.escape(f"{path} cannot be read: Is a directory")):
            ask()


@pytest.mark.parametrize("workers", [1, 2])
def test_a_full_disk_is_told_and_leaves_nothing_half_written(root: Path, store: Path, workers: int) -> None:
    klsurv.update_store(root, store)
    before = summary(store)
    for name in "ab":
        later(root / name / "trajectory.json", of_kl(2.5))

    def full() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))

    command = [sys.executable, "-m", "klsurv", "ingest", str(root), str(store), "--workers", str(workers)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60, preexec_fn=full)
    assert (result.returncode, result.stderr) == (1, f"error: {store} cannot be written: File too large\n")
    assert left(store) == []
    assert summary(store) == before
    assert klsurv.update_store(root, store).updated == ["a", "b"]


def test_what_could_not_be_written_is_let_go_of(root: Path, store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    held: list[Any] = []

    def full(path: Path, data: Any) -> None:
        held.append(data)
        raise OSError(28, "No space left on device")

    klsurv.update_store(root, store)
    later(root / "a" / "trajectory.json", of_kl(2.5))
    monkeypatch.setattr("klsurv.durable.write", full)
    with pytest.raises(OutputError, match="cannot be written: No space left on device"):
        klsurv.update_store(root, store)
    # Python would complain of it, at any later time.
    with pytest.raises(ValueError, match="released"):
        held[0][0]
