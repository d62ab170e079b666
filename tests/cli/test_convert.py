from __future__ import annotations

import os
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from tests.conftest import Klsurv
from tests.ingest.handmade import write_cell
from tests.produce.producing import tables


def test_runs_become_a_table_and_the_table_becomes_the_same_runs(
    klsurv: Klsurv, real_cells: Path, tmp_path: Path
) -> None:
    there = klsurv("convert", real_cells, tmp_path / "long.parquet")
    assert (there.returncode, there.stdout) == (0, "")
    assert there.stderr.splitlines() == [
        "warning: left behind, as a long table has no place for it (cells): "
        "gens.jsonl (2), history.json (2), results.csv (2)",
        f"2 cells, 112 trajectories in {tmp_path / 'long.parquet'}",
    ]
    back = klsurv("convert", tmp_path / "long.parquet", tmp_path / "cells")
    assert (back.returncode, back.stdout) == (0, "")
    assert back.stderr == f"2 cells, 112 trajectories in {tmp_path / 'cells'}\n"
    assert_frame_equal(tables(tmp_path / "cells")[1], tables(real_cells)[1], check_exact=True)


def test_the_table_is_the_one_that_export_writes(klsurv: Klsurv, real_cells: Path, tmp_path: Path) -> None:
    klsurv("convert", real_cells, tmp_path / "converted.parquet")
    klsurv("export", real_cells, tmp_path / "exported.parquet", "--table", "long")
    converted, exported = (tmp_path / f"{name}.parquet" for name in ("converted", "exported"))
    assert_frame_equal(pl.read_parquet(converted), pl.read_parquet(exported), check_exact=True)


def test_what_is_there_is_written_over_only_with_force(klsurv: Klsurv, tmp_path: Path) -> None:
    write_cell(tmp_path / "runs", "a")
    klsurv("convert", tmp_path / "runs", tmp_path / "long.parquet")
    for source, target in [("runs", "long.parquet"), ("long.parquet", "runs")]:
        refused = klsurv("convert", tmp_path / source, tmp_path / target)
        assert (refused.returncode, refused.stdout) == (1, "")
        assert "already" in refused.stderr and "--force" in refused.stderr
        done = klsurv("convert", tmp_path / source, tmp_path / target, "--force")
        assert (done.returncode, done.stderr) == (0, f"1 cells, 4 trajectories in {tmp_path / target}\n")


def test_strict_fails_where_a_cell_would_be_left_out(klsurv: Klsurv, tmp_path: Path) -> None:
    write_cell(tmp_path / "runs", "bad", calib={"window": "x"})
    write_cell(tmp_path / "runs", "good")
    strict = klsurv("convert", tmp_path / "runs", tmp_path / "long.parquet", "--strict")
    assert strict.returncode == 1 and "error: bad: calib.json: window" in strict.stderr
    assert not (tmp_path / "long.parquet").exists()
    lax = klsurv("convert", tmp_path / "runs", tmp_path / "long.parquet")
    assert lax.returncode == 0 and "warning: bad is broken" in lax.stderr


@pytest.mark.parametrize(
    ("source", "target", "code", "told"),
    [
        ("nope", "long.parquet", 1, "nope does not exist"),
        ("nope.parquet", "cells", 1, "nope.parquet does not exist"),
        ("x" * 5000, "cells", 1, "does not exist"),
        ("runs", "long.csv", 2, "unknown suffix '.csv': choose one of .parquet"),
        ("runs", "cells", 2, "unknown suffix ''"),
        ("runs", "nope/long.parquet", 2, "there is no folder"),
        ("text.txt", "cells", 1, "is not a parquet file"),
        ("few.parquet", "cells", 1, "column pmass is missing"),
        ("gap.parquet", "cells", 1, "lacks a token"),
        ("odd.parquet", "cells", 1, "frame: alpha 1.0 has the prompts 3; in a run cell they count 0, 1, 2"),
        ("long.parquet", "text.txt", 1, "text.txt is not a directory"),
        ("long.parquet", "runs/a", 1, "a is a run cell"),
        ("long.parquet", "x" * 5000, 1, "cannot be written: File name too long"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_what_cannot_be_converted_is_told_and_nothing_is_left(
    klsurv: Klsurv, tmp_path: Path, source: str, target: str, code: int, told: str
) -> None:
    write_cell(tmp_path / "runs", "a")
    (tmp_path / "text.txt").write_text("text")
    good = {"alpha": [1.0, 1.0], "prompt": [0, 0], "t": [0, 1], "kl": [0.1, 0.2], "pmass": [0.9, 0.8]}
    changed = {"long": {}, "odd": {"prompt": [3, 3]}, "gap": {"t": [0, 2]}}
    for name, columns in changed.items():
        pl.DataFrame({**good, **columns}).write_parquet(tmp_path / f"{name}.parquet")
    pl.DataFrame(good).drop("pmass").write_parquet(tmp_path / "few.parquet")
    before = sorted(os.listdir(tmp_path))
    result = klsurv("convert", source, target, cwd=tmp_path)
    assert (result.returncode, result.stdout) == (code, "")
    assert "Traceback" not in result.stderr and told in " ".join(result.stderr.split())
    assert sorted(os.listdir(tmp_path)) == before
