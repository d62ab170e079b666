"""What must not be read or written, and what is there no more by the time it is needed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from click.testing import CliRunner, Result

import klsurv
from klsurv.cli import cli
from klsurv.errors import KlsurvError, OutputError
from klsurv.ingest import content
from klsurv.output.files import TABLE_SUFFIXES
from klsurv.output.tables import write_table
from klsurv.schema import SUMMARY
from klsurv.store import write
from klsurv.store.put import put
from tests.faults.nobody import ROOT, user
from tests.faults.running import left
from tests.generated import quietly
from tests.ingest.handmade import rows, write_cell
from tests.produce.producing import add, writer
from tests.whole import whole


def run(*words: object) -> Result:
    """The command in this process."""
    return CliRunner().invoke(cli, [str(word) for word in words])


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> None:
    """All that is used is loaded: the other must not read where it lies."""
    tmp_path = tmp_path_factory.mktemp("loaded")
    write_cell(tmp_path / "runs", "a")
    for words in (
        ["check", tmp_path / "runs"],
        ["summary", tmp_path / "runs"],
        ["export", tmp_path / "runs", tmp_path / "a.parquet"],
        ["plot", "survival", tmp_path / "runs", "-o", tmp_path / "a.svg"],
        ["convert", tmp_path / "a.parquet", tmp_path / "cells"],
        ["ingest", tmp_path / "runs", tmp_path / "store", "--workers", 1],
        ["summary", tmp_path / "store"],
    ):
        assert run(*words).exit_code == 0
    for command in ("export", "demo"):
        assert run(command, tmp_path / "runs" / "a" / "calib.json" / "a.csv", "a").exit_code == 2


@pytest.fixture
def place(loaded: None) -> Iterator[Path]:
    """A directory of someone who is not the superuser, who this process is meanwhile, with runs in it."""
    if sys.platform == "win32":
        pytest.skip("needs modes that keep someone out")
    with user():
        made = Path(tempfile.mkdtemp())
        for name in ("a", "b"):
            write_cell(made / "runs", name)
        yield made
    for folder in [made, *made.rglob("*")]:
        if folder.is_dir():
            folder.chmod(0o700)
    shutil.rmtree(made)


def test_a_parquet_file_that_must_not_be_read_is_not_said_to_be_another(place: Path) -> None:
    file = place / "scored.parquet"
    assert run("export", place / "runs", file, "--table", "scored").exit_code == 0
    file.chmod(0)
    with pytest.raises(KlsurvError) as error:
        klsurv.scan(file).summary()
    assert str(error.value) == f"{file} cannot be read: Permission denied"


def test_a_cell_that_must_not_be_read_is_told_and_stops_no_other(place: Path) -> None:
    whole_store = run("ingest", place / "runs", place / "store", "--workers", 1)
    assert whole_store.exit_code == 0
    cell = place / "runs" / "b"
    for locked, reason in (
        (cell, "the directory cannot be read"),
        (cell / "pmass.json", "pmass.json: cannot be opened"),
    ):
        mode = locked.stat().st_mode
        locked.chmod(0)
        checked = run("check", place / "runs", "--format", "csv")
        assert checked.exit_code == 1
        assert f"b,broken,,,,,,,{reason}: Permission denied\n" in checked.stdout
        assert quietly(place / "runs").summary().get_column("n").to_list() == [2, 2]
        told = run("ingest", place / "runs", place / "store", "--workers", 1)
        assert told.exit_code == 0
        # A file that has its size and time is known, and need not be read.
        assert ("Permission denied (its last good data are kept)" in told.stderr) == (locked == cell)
        assert ("2 unchanged" in told.stderr) == (locked != cell)
        assert quietly(place / "store").summary().get_column("n").to_list() == [4, 4]
        locked.chmod(mode)


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["export", "RUNS", "LOCKED/a.csv"], 2, "not writable"),
        (["export", "RUNS", "LOCKED/a", "--partition-by", "cell"], 1, "Permission denied"),
        (["plot", "survival", "RUNS", "-o", "LOCKED/a.svg"], 2, "not writable"),
        (["convert", "RUNS", "LOCKED/a.parquet"], 2, "not writable"),
        (["convert", "TABLE", "LOCKED"], 1, "Permission denied"),
        (["ingest", "RUNS", "LOCKED/store"], 1, "Permission denied"),
        (["ingest", "RUNS", "LOCKED"], 1, "Permission denied"),
        (["demo", "LOCKED"], 2, "not writable"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_folder_that_must_not_be_written(place: Path, words: list[str], code: int, said: str) -> None:
    assert run("export", place / "runs", place / "a.parquet").exit_code == 0
    (place / "locked").mkdir(mode=0o500)
    named = {"RUNS": "runs", "LOCKED": "locked", "TABLE": "a.parquet"}
    for name, there in named.items():
        words = [word.replace(name, str(place / there)) for word in words]
    result = run(*words)
    assert result.exit_code in (1, code)
    assert said in " ".join((result.stderr + str(result.exception)).replace("│", "").split())
    assert isinstance(result.exception, SystemExit if code == 2 else OutputError)
    assert left(place / "locked") == {}


@pytest.mark.skipif(not ROOT, reason="only the superuser can leave a file that another must not replace")
def test_a_file_of_another_that_must_not_be_replaced(place: Path) -> None:
    with user(0):
        shared = place / "shared"
        shared.mkdir()
        shared.chmod(0o1777)
        (shared / "a.csv").write_text("earlier")
    result = run("export", place / "runs", shared / "a.csv")
    assert isinstance(result.exception, OutputError)
    assert str(result.exception) == f"{shared / 'a.csv'} cannot be written: Operation not permitted"
    assert left(shared) == {"a.csv": b"earlier"}


@pytest.mark.parametrize("last", [0, 2, 4, 6, 8])
def test_a_root_that_is_deleted_while_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, last: int) -> None:
    root, store = tmp_path / "runs", tmp_path / "store"
    for name in ("a", "b", "c"):
        write_cell(root, name)
    shutil.copytree(root, tmp_path / "copy")
    klsurv.update_store(root, store)
    read, count = content.read, 0

    def reading(*arguments: Any) -> Any:
        nonlocal count
        count += 1
        if count == last + 1:
            shutil.rmtree(root)
        return read(*arguments)

    monkeypatch.setattr(content, "read", reading)
    whole_cells = last // 3
    runs = quietly(root)
    assert runs.check().get_column("status").to_list() == ["ok"] * whole_cells + ["broken"] * (3 - whole_cells)
    if whole_cells:
        assert whole(runs).rows(named=True) == [row for name in "abc"[:whole_cells] for row in rows(name)]
    with pytest.raises(klsurv.NothingUsableError, match="does not exist"):
        klsurv.update_store(root, store, prune=True)
    shutil.move(tmp_path / "copy", root)
    for file in root.rglob("*.json"):
        os.utime(file)
    count = 0
    klsurv.update_store(root, store, prune=True)
    assert quietly(store).summary().get_column("n").to_list() == [6, 6]


def vanishing(table: pl.DataFrame, folder: Path) -> Iterator[pl.DataFrame]:
    shutil.rmtree(folder)
    yield table


@pytest.mark.parametrize("suffix", TABLE_SUFFIXES)
def test_a_folder_that_is_deleted_before_its_file_is_whole(tmp_path: Path, suffix: str) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    with pytest.raises(OutputError, match="cannot be written: No such file or directory"):
        write_table(
            vanishing(SUMMARY.schema.to_frame(), folder), folder / f"a{suffix}", table=SUMMARY, footer={"a": "b"}
        )
    assert left(tmp_path) == {}


def test_a_store_that_is_deleted_while_cells_go_into_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root, store = tmp_path / "runs", tmp_path / "store"
    write_cell(root, "a")

    def deleted(*arguments: Any, **options: Any) -> bool:
        shutil.rmtree(store)
        return put(*arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(write, "put", deleted)
        with pytest.raises(OutputError, match="store cannot be written: No such file or directory"):
            klsurv.update_store(root, store)
    assert not store.exists()
    assert klsurv.update_store(root, store).new == ["a"]


def test_what_a_killed_writer_left_may_stay_where_it_must_not_be_removed(place: Path) -> None:
    with writer(place / "c") as cell:
        add(cell)
    leftover = cell.path / ".pmass.json.0123.part"
    leftover.touch()
    cell.path.chmod(0o555)
    with writer(place / "c") as cell:
        assert cell.completed == (1.0,)
        with pytest.raises(OutputError, match=r"trajectory\.json cannot be written: Permission denied"):
            add(cell, 2.0)
    assert leftover.exists()


def test_a_cell_that_is_deleted_under_its_writer(tmp_path: Path) -> None:
    with writer(tmp_path / "a") as cell:
        add(cell, 0.0)
        shutil.rmtree(cell.path)
        with pytest.raises(KlsurvError, match="cannot be written: No such file or directory"):
            add(cell, 1.0)
    assert left(tmp_path) == {}


@pytest.mark.parametrize("words", [["summary", "RUNS"], ["export", "RUNS", "a.csv"], ["demo"], ["ingest", "RUNS", "s"]])
def test_a_working_directory_that_is_deleted(tmp_path: Path, words: list[str]) -> None:
    write_cell(tmp_path / "runs", "a")
    (tmp_path / "here").mkdir()
    words = [word.replace("RUNS", str(tmp_path / "runs")) for word in words]
    program = 'cd here && rmdir ../here && exec "$0" -P -m klsurv "$@"'
    result = subprocess.run(
        ["sh", "-c", program, sys.executable, *words],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "PYTHONPATH": str(Path(klsurv.__file__).parents[1])},
    )
    if words[0] == "summary":
        assert (result.returncode, result.stderr) == (0, "")
        assert result.stdout.startswith("alpha,n,")
    else:
        assert result.returncode == 1
        assert result.stderr.startswith("error: ") and result.stderr.endswith(": No such file or directory\n")
