from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from tests.cli.tables import COPIES, OPTIONS, footer, printed, quiet, told
from tests.cli.terminal import on_terminal
from tests.conftest import Klsurv
from tests.ingest.handmade import write_cell


@pytest.mark.parametrize(
    ("format", "options", "asked"),
    [
        ("json", [], {}),
        (
            "csv",
            ["--by", "method,alpha", "--from", "0.2", "--to", "0.4", "--steps", "3", "--consecutive", "2"],
            {"by": "method,alpha", "start": 0.2, "stop": 0.4, "steps": 3, "consecutive": 2},
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_it_prints_what_the_library_returns(
    klsurv: Klsurv, real_cells: Path, format: str, options: list[str], asked: dict[str, Any]
) -> None:
    runs = quiet(real_cells)
    want = runs.threshold(**asked)
    assert runs.warnings == [COPIES]
    # The threshold of the scoring changes nothing.
    printed(klsurv("threshold", real_cells, *OPTIONS, *options, "--format", format), want, runs, format=format)


def test_it_says_that_the_threshold_is_the_row_s(klsurv: Klsurv, real_cells: Path, tmp_path: Path) -> None:
    path = tmp_path / "sweep.parquet"
    result = klsurv("threshold", real_cells, *OPTIONS, "--steps", "5", "-o", path, "--format", "json")
    runs = quiet(real_cells)
    want = runs.threshold(steps=5)
    printed(result, want, runs, saved=[path])
    assert_frame_equal(pl.read_parquet(path), want, check_exact=True)
    asked = {"by": "alpha", "start": 0.05, "stop": 0.99, "steps": 5, "consecutive": 1}
    event = "death at the first fork with pmass < the row's threshold"
    told(path, "threshold", event=event, options=asked, warnings=[COPIES])


def test_consecutive_forks_are_said_too_and_the_default_threshold_is_not(real_cells: Path, tmp_path: Path) -> None:
    path = tmp_path / "sweep.parquet"
    options = ["--steps", "2", "--consecutive", "3", "--alphas", "1", "-o", path]
    code, text = on_terminal("threshold", real_cells, *options, width=80)
    event = "death at the last of 3 measured forks in a row with pmass < the row's threshold"
    assert (code, footer(path)["klsurv.event"]) == (0, event)
    assert text.rstrip().endswith(event)
    assert max(map(len, text.splitlines())) <= 80
    assert "pmass < 0.8" not in text


def test_a_group_that_mixes_fork_grids_is_left_out_with_a_warning(klsurv: Klsurv, tmp_path: Path) -> None:
    write_cell(tmp_path, "a")
    write_cell(tmp_path, "b", pmass={"fork_points": [0, 3, 5, 8]})
    result = klsurv("threshold", tmp_path, "--roll", "1")
    assert (result.returncode, result.stdout) == (0, "alpha,threshold,n,n_events,survival_end,median,recovery\n")
    assert result.stderr.count("fork grids of the cells differ") == 1
