from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

import klsurv
from klsurv.errors import CellError, LayoutError, OutputError
from tests.produce.converting import quiet, table
from tests.produce.producing import SAID, add, tables, trajectories, writer


def test_cells_that_are_there_are_not_written_over_unless_forced(tmp_path: Path) -> None:
    path = table(tmp_path, cell=["a", "a", "a", "b"], prompt=[0, 0, 0, 0])
    with writer(tmp_path / "cells" / "b", history=[{"coeff": 1.0}]) as cell:
        add(cell, 3.0, generations=SAID)
    with writer(tmp_path / "cells" / "c") as cell:
        add(cell)
    with pytest.raises(OutputError, match=r"has 1 of the cells already \(b\): force \(--force\) replaces them"):
        quiet(path, tmp_path / "cells")
    assert sorted(os.listdir(tmp_path / "cells")) == ["b", "c"]
    quiet(path, tmp_path / "cells", force=True)
    assert sorted(os.listdir(tmp_path / "cells")) == ["a", "b", "c"]
    assert sorted(os.listdir(tmp_path / "cells" / "b")) == ["calib.json", "pmass.json", "trajectory.json"]
    source = tables(tmp_path / "cells")[1]
    assert source.select("cell", "alpha").unique().sort("cell").rows() == [("a", 1.0), ("b", 1.0), ("c", 1.0)]


def test_a_conversion_that_fails_leaves_what_is_there(tmp_path: Path) -> None:
    path = table(tmp_path, cell=["a", "a", "a", "b"])
    with writer(tmp_path / "cells" / "a") as cell:
        add(cell, 3.0)
    before = tables(tmp_path / "cells")
    with pytest.raises(CellError, match=r"b: alpha 1\.0 has the prompts 1;"):
        quiet(path, tmp_path / "cells", force=True)
    assert os.listdir(tmp_path / "cells") == ["a"]
    for one, other in zip(before, tables(tmp_path / "cells"), strict=True):
        assert_frame_equal(one, other)


def test_a_link_is_replaced_and_what_it_leads_to_is_not(tmp_path: Path) -> None:
    with writer(tmp_path / "elsewhere") as cell:
        add(cell, 3.0)
    (tmp_path / "cells").mkdir()
    (tmp_path / "cells" / "frame").symlink_to(cell.path)
    quiet(table(tmp_path), tmp_path / "cells", force=True)
    assert not (tmp_path / "cells" / "frame").is_symlink()
    assert tables(cell.path)[0].item(0, "alphas").to_list() == [3.0]


def test_a_table_that_is_there_is_not_written_over_unless_forced(real_cells: Path, tmp_path: Path) -> None:
    (tmp_path / "long.parquet").write_text("mine")
    with pytest.raises(OutputError, match=r"long\.parquet is there already: force \(--force\) replaces it"):
        quiet(real_cells, tmp_path / "long.parquet")
    assert (tmp_path / "long.parquet").read_text() == "mine"
    quiet(real_cells, tmp_path / "long.parquet", force=True)
    assert pl.read_parquet(tmp_path / "long.parquet").height > 0


def test_a_target_that_cannot_be_is_told(real_cells: Path, tmp_path: Path) -> None:
    path = table(tmp_path)
    (tmp_path / "file").write_text("")
    with writer(tmp_path / "runs" / "a") as cell:
        add(cell)
    (tmp_path / "runs" / "frame").write_text("")
    for target, told in [
        (tmp_path / "file", "file is not a directory"),
        (cell.path, "a is a run cell; expected the directory"),
        (tmp_path / "runs", "frame is not a directory"),
        (tmp_path / "file" / "x", "x cannot be written: Not a directory"),
    ]:
        with pytest.raises(OutputError, match=told):
            quiet(path, target, force=True)
    with pytest.raises(OutputError, match="unknown suffix"):
        quiet(real_cells, tmp_path / "long.csv")
    with pytest.raises(LayoutError, match="is not a parquet file"):
        quiet(tmp_path / "file", tmp_path / "cells")


def test_a_cell_that_is_being_written_is_not_replaced(tmp_path: Path) -> None:
    with writer(tmp_path / "runs" / "c") as cell:
        add(cell)
        path = table(tmp_path, cell="c")
        with pytest.raises(OutputError, match="another CellWriter has it open"):
            quiet(path, tmp_path / "runs", force=True)
        add(cell, 2.0)
    assert klsurv.scan(tmp_path / "runs").alphas == [1.0, 2.0]
    assert quiet(path, tmp_path / "runs", force=True).cells == 1


@pytest.fixture
def three(tmp_path: Path) -> tuple[Path, Path]:
    """A table of the cells a, b, c and d, and a root that has the first three already, with generations."""
    for name in "abc":
        with writer(tmp_path / "runs" / name) as cell:
            add(cell, 3.0, generations=SAID)
    return table(tmp_path, cell=list("abcd"), prompt=[0] * 4, t=[0] * 4), tmp_path / "runs"


def entries(root: Path) -> dict[str, bytes | None]:
    """All that is in a directory."""
    return {str(path.relative_to(root)): path.read_bytes() if path.is_file() else None for path in root.rglob("*")}


def test_none_is_replaced_where_one_of_them_is_being_written(three: tuple[Path, Path]) -> None:
    path, runs = three
    before = entries(runs)
    with writer(runs / "c"), pytest.raises(OutputError, match="c: another CellWriter has it open"):
        quiet(path, runs, force=True)
    assert entries(runs) == before
    assert quiet(path, runs, force=True).cells == 4
    assert sorted(os.listdir(runs)) == list("abcd")


@pytest.mark.parametrize("last", range(7))
def test_what_was_replaced_is_put_back_where_a_later_one_cannot_be(
    three: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, last: int
) -> None:
    path, runs = three
    before = entries(runs)
    failing(monkeypatch, after=last, once=True)
    with pytest.raises(OutputError, match="runs cannot be written: No space left on device"):
        quiet(path, runs, force=True)
    assert entries(runs) == before


def test_what_can_not_be_put_back_is_left_and_said_where(
    three: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    path, runs = three
    failing(monkeypatch, after=3, once=False)
    with pytest.raises(OutputError, match=r"nor can all that was there be put back: the rest is in (.*)") as told:
        quiet(path, runs, force=True)
    rest = Path(str(told.value).rpartition(" is in ")[2])
    assert sorted(os.listdir(rest)) == ["a", "b"]
    assert all((rest / name / "gens.jsonl").is_file() for name in "ab")


def failing(monkeypatch: pytest.MonkeyPatch, *, after: int, once: bool) -> None:
    """Let so many directories be moved, and not the next, or no further one."""
    really, seen = Path.rename, iter(range(10**6))

    def rename(self: Path, target: Path) -> Path:
        if self.is_dir() and ((n := next(seen)) == after or (n > after and not once)):
            raise OSError(28, "No space left on device")
        return really(self, target)

    monkeypatch.setattr(Path, "rename", rename)


def test_two_links_to_one_cell_are_both_replaced(tmp_path: Path) -> None:
    with writer(tmp_path / "elsewhere") as cell:
        add(cell, 3.0)
    (tmp_path / "runs").mkdir()
    for name in "ab":
        (tmp_path / "runs" / name).symlink_to(cell.path)
    path = table(tmp_path, cell=["a", "b", "b", "b"], prompt=[0, 0, 1, 2], t=[0] * 4, pmass=[0.9] * 4)
    quiet(path, tmp_path / "runs", force=True)
    assert tables(cell.path)[0].item(0, "alphas").to_list() == [3.0]
    assert not any((tmp_path / "runs" / name).is_symlink() for name in "ab")


MANY = """if True:
    import resource, sys
    resource.setrlimit(resource.RLIMIT_NOFILE, (300, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    import klsurv
    print(klsurv.convert(*sys.argv[1:], force=True).cells)
"""


def test_more_cells_than_files_may_be_open_are_replaced(tmp_path: Path) -> None:
    doses = {"alpha": [1.0, 1.0], "prompt": [0, 0], "t": [0, 1], "kl": [0.1, 0.2], "pmass": [0.9, 0.8]}
    cells = pl.DataFrame({"cell": [f"c{i}" for i in range(320)]})
    cells.join(pl.DataFrame(doses), how="cross").write_parquet(tmp_path / "long.parquet")
    quiet(tmp_path / "long.parquet", tmp_path / "runs")
    command = [sys.executable, "-c", MANY, str(tmp_path / "long.parquet"), str(tmp_path / "runs")]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (result.stdout, result.stderr) == ("320\n", "")


def test_a_file_in_a_cell_that_would_be_replaced_is_not_lost_with_it(tmp_path: Path) -> None:
    with writer(tmp_path / "cells" / "a") as cell:
        add(cell)
    quiet(tmp_path / "cells", cell.path / "long.parquet")
    (tmp_path / "link").symlink_to("cells")
    for target in ("cells", "link"):
        with pytest.raises(OutputError, match=r"long\.parquet is in a cell that would be replaced"):
            quiet(cell.path / "long.parquet", tmp_path / target, force=True)
    (cell.path / "long.parquet").rename(tmp_path / "cells" / "long.parquet")
    quiet(tmp_path / "cells" / "long.parquet", tmp_path / "cells", force=True)
    assert (tmp_path / "cells" / "long.parquet").is_file()
    assert len(trajectories(tmp_path / "cells")) == 2
