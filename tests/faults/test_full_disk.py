"""A disk that is full: every command that writes says so, and what was there stays as it was."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import klsurv
from klsurv.cli import cli
from klsurv.errors import OutputError
from klsurv.output.files import PICTURE_SUFFIXES, TABLE_SUFFIXES
from tests.faults.running import left
from tests.ingest.handmade import write_cell
from tests.produce.producing import add, writer

SIZE = 20_480


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of some kilobytes with an earlier file on it."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = shutil.which("mount") and subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(place)], capture_output=True, check=False
    )
    if not mounted or mounted.returncode:
        pytest.skip("a small disk can only be mounted by the superuser")
    try:
        yield place
    finally:
        subprocess.run(["umount", str(place)], check=True)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Cells whose tables and figures are larger than the disk."""
    root = tmp_path_factory.mktemp("full") / "runs"
    for i in range(6):
        kl = {str(alpha): [[(i + t) % 7 / 8 + alpha for t in range(200)]] * 2 for alpha in (0.0, 1.0)}
        write_cell(
            root,
            f"cell_{i}",
            calib={"seed": i, "window": 200},
            trajectory={"per_prompt_per_t_kl": kl},
            pmass={"gen_lens_eval": {"0.0": [200, 150], "1.0": [200, 170]}},
        )
    return root


def filled(disk: Path, name: str, *, spare: int = 0) -> dict[str, bytes | None]:
    """Put an earlier file there, and fill the disk but for so many pages; returns all that is on it."""
    if name:
        (disk / name).write_bytes(b"earlier")
    with open(disk / "rest", "wb", buffering=0) as file:
        try:
            while True:
                file.write(b"x" * 4096)
        except OSError:
            file.truncate(file.tell() - 4096 * spare)
    return left(disk)


def run(*words: object) -> Result:
    """The command in this process."""
    return CliRunner().invoke(cli, [str(word) for word in words], standalone_mode=False)


def full(result: Result, disk: Path, before: dict[str, bytes | None], name: str) -> None:
    """It failed with the reason, for which `main` leaves with 1, and nothing on the disk is another."""
    assert isinstance(result.exception, OutputError), result.exception
    assert f"{disk / name} cannot be" in str(result.exception)
    assert "No space left on device" in str(result.exception)
    assert left(disk) == before


@pytest.mark.parametrize("suffix", TABLE_SUFFIXES)
def test_an_export(root: Path, disk: Path, suffix: str) -> None:
    before = filled(disk, f"a{suffix}", spare=1)
    full(run("export", root, disk / f"a{suffix}"), disk, before, f"a{suffix}")


def test_an_export_in_parts(root: Path, disk: Path) -> None:
    before = filled(disk, "", spare=1)
    full(run("export", root, disk / "a", "--partition-by", "cell,alpha"), disk, before, "a")


@pytest.mark.parametrize("suffix", PICTURE_SUFFIXES)
def test_a_figure(root: Path, disk: Path, suffix: str) -> None:
    before = filled(disk, f"a{suffix}")
    full(run("plot", "spaghetti", root, "-o", disk / f"a{suffix}"), disk, before, f"a{suffix}")


def test_the_table_beside_a_figure(root: Path, disk: Path) -> None:
    before = filled(disk, "a.md")
    result = run("plot", "spaghetti", root, "-o", disk / "a.svg", "--summary", disk / "a.md")
    full(result, disk, before, "a.md")


def test_a_report(root: Path, disk: Path) -> None:
    before = filled(disk, "a.html", spare=1)
    full(run("report", root, "-o", disk / "a.html"), disk, before, "a.html")


@pytest.mark.parametrize("suffix", TABLE_SUFFIXES)
def test_a_table_of_statistics(root: Path, disk: Path, suffix: str) -> None:
    before = filled(disk, f"a{suffix}")
    result = run("survival", root, "-o", disk / f"a{suffix}")
    full(result, disk, before, f"a{suffix}")
    assert result.stdout == ""


def test_cells_of_a_table_and_a_table_of_cells(root: Path, disk: Path, tmp_path: Path) -> None:
    assert run("convert", root, tmp_path / "long.parquet").exception is None
    before = filled(disk, "a.parquet", spare=2)
    full(run("convert", root, disk / "a.parquet", "--force"), disk, before, "a.parquet")
    result = run("convert", tmp_path / "long.parquet", disk)
    assert isinstance(result.exception, OutputError) and "No space left" in str(result.exception)
    assert left(disk) == before


def test_the_demo(disk: Path) -> None:
    before = filled(disk, "", spare=2)
    full(run("demo", disk / "demo"), disk, before, "demo")
    full(run("demo", disk), disk, before, "")


@pytest.mark.parametrize("workers", [1, 2])
def test_an_ingest_keeps_what_the_store_has_and_is_completed_where_there_is_room(
    root: Path, disk: Path, tmp_path: Path, workers: int
) -> None:
    before = filled(disk, "")
    # The directory may be there, which is no store yet and may be given again.
    result = run("ingest", root, disk / "store", "--workers", workers)
    full(result, disk, before | {"store": None}, "store")
    (disk / "rest").unlink()
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "cell_0").symlink_to(root / "cell_0")
    klsurv.update_store(tmp_path / "one", disk / "store")
    before = filled(disk, "")
    full(run("ingest", root, disk / "store", "--workers", workers), disk, before, "store")
    (disk / "rest").unlink()
    shutil.move(disk / "store", tmp_path / "store")
    klsurv.update_store(root, tmp_path / "store")
    assert klsurv.scan(tmp_path / "store").summary().equals(klsurv.scan(root).summary())


def test_a_cell_that_is_written_while_the_sweep_runs(disk: Path) -> None:
    with writer(disk / "a") as cell:
        add(cell, 0.0)
        before = filled(disk, "")
        with pytest.raises(OutputError, match="cannot be written: No space left on device"):
            add(cell, 1.0)
        assert (left(disk), cell.completed) == (before, (0.0,))
        (disk / "rest").unlink()
        add(cell, 1.0)
        assert cell.completed == (0.0, 1.0)


def test_a_new_cell_for_which_there_is_no_room(disk: Path) -> None:
    filled(disk, "")
    with pytest.raises(OutputError, match="cannot be"):
        writer(disk / "a")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_progress_that_cannot_be_told_stops_nothing(root: Path, tmp_path: Path) -> None:
    program = [sys.executable, "-m", "klsurv", "export", str(root), str(tmp_path / "a.csv")]
    with open("/dev/full", "w") as dead:
        result = subprocess.run(program, stdout=subprocess.PIPE, stderr=dead, timeout=60, check=False)
    assert (result.returncode, result.stdout) == (0, b"")
    assert (tmp_path / "a.csv").stat().st_size > SIZE
