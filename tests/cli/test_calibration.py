from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from tests.cli.tables import OPTIONS, printed, quiet, told
from tests.cli.terminal import on_terminal
from tests.conftest import Klsurv
from tests.ingest.handmade import write_cell, write_file

STEPS = '[{"coeff": 6.4, "kl_mean": 0.1, "kl_p50": 0.1, "kl_p90": 0.2, "kl_p95": NaN, "kl_max": 0.3, "n_pos": 9}]'


@pytest.mark.parametrize(
    ("table", "format", "options", "asked"),
    [
        ("calibration", "csv", ["--level", "0.5"], {"level": 0.5}),
        ("heldout", "ndjson", [], {}),
        ("bisection", "csv", [], {}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_it_prints_what_the_library_returns(
    klsurv: Klsurv, real_cells: Path, table: str, format: str, options: list[str], asked: dict[str, Any]
) -> None:
    runs = quiet(real_cells)
    want = getattr(runs, table)(**asked)
    assert runs.warnings == []
    result = klsurv("calibration", real_cells, "--table", table, *options, "--format", format)
    printed(result, want, runs, format=format)


def test_what_it_saves_speaks_of_no_death_and_is_no_run(klsurv: Klsurv, real_cells: Path, tmp_path: Path) -> None:
    path = tmp_path / "table.parquet"
    result = klsurv("calibration", real_cells, *OPTIONS, "-o", path, "--format", "json")
    runs = quiet(real_cells)
    want = runs.calibration()
    printed(result, want, runs, saved=[path])
    assert_frame_equal(pl.read_parquet(path), want, check_exact=True)
    told(path, "calibration", event=None, options={"level": 0.95, "strict": False}, warnings=[])
    refused = klsurv("survival", path)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "holds the table calibration" in refused.stderr and "Traceback" not in refused.stderr


def test_nor_does_a_terminal_of_80_columns_which_shows_every_column(real_cells: Path) -> None:
    code, text = on_terminal("calibration", real_cells, width=80)
    assert code == 0
    assert max(map(len, text.splitlines())) <= 80
    assert set(quiet(real_cells).calibration().columns) <= set(text.split())
    assert "death" not in text


def test_a_bisection_that_cannot_be_read_is_told_and_the_others_are_shown(klsurv: Klsurv, tmp_path: Path) -> None:
    for name, text in (("a", "no json"), ("b", STEPS.replace("6.4", '"x"')), ("c", STEPS)):
        write_file(write_cell(tmp_path, name) / "history.json", text)
    write_cell(tmp_path, "d")
    runs = quiet(tmp_path)
    want = runs.bisection()
    assert want.select("cell", "step", "coeff", "n_pos").rows() == [("c", 0, 6.4, 9)]
    assert [said.split(":")[0] for said in runs.warnings] == ["a", "b"]
    result = klsurv("calibration", tmp_path, "--table", "bisection", "--format", "json")
    assert '"kl_p95":null' in result.stdout
    assert result.stderr.splitlines() == [f"warning: {said}" for said in runs.warnings]


def test_seeds_that_are_copies_are_told_and_have_a_spread(klsurv: Klsurv, tmp_path: Path) -> None:
    for seed in (0, 1, 2):
        write_cell(tmp_path, f"s{seed}", calib={"seed": seed, "c_star": 5.0 + seed})
    runs = quiet(tmp_path)
    want = runs.calibration(roll=1)
    row = want.row(0, named=True)
    assert (row["n_cells"], row["n_seeds"], row["c_star_mean"], row["c_star_std"]) == (3, 3, 6.0, 1.0)
    assert "s0 and s1 and s2 hold the same 2 trajectories" in runs.warnings[0]
    printed(klsurv("calibration", tmp_path, "--roll", "1", "--format", "json"), want, runs)
