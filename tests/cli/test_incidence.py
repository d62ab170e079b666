from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from tests.cli.tables import COPIES, OPTIONS, RECUR, SCORING, printed, quiet, told
from tests.conftest import Klsurv
from tests.ingest.handmade import write_cell


@pytest.mark.parametrize(
    ("format", "options", "asked"),
    [
        ("json", [], {}),
        ("csv", ["--by", "method,alpha"], {"by": "method,alpha"}),
        ("ndjson", ["--event", "kl", "--kl-threshold", "0.5"], {"event": "kl", "kl_threshold": 0.5}),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_it_prints_what_the_library_returns(
    klsurv: Klsurv, real_cells: Path, format: str, options: list[str], asked: dict[str, Any]
) -> None:
    runs = quiet(real_cells)
    want = runs.incidence(**SCORING, **asked)
    assert runs.warnings == [COPIES, *[RECUR.format(2, "method")] * ("by" not in asked)]
    printed(klsurv("incidence", real_cells, *OPTIONS, *options, "--format", format), want, runs, format=format)


def test_what_it_saves_says_how_it_was_made(klsurv: Klsurv, real_cells: Path, tmp_path: Path) -> None:
    path = tmp_path / "shares.parquet"
    result = klsurv("incidence", real_cells, *OPTIONS, "-o", path, "--format", "json")
    runs = quiet(real_cells)
    want = runs.incidence(**SCORING)
    printed(result, want, runs, saved=[path])
    assert_frame_equal(pl.read_parquet(path), want, check_exact=True)
    event = "death at the first fork with pmass < 0.3"
    warnings = [COPIES, RECUR.format(2, "method")]
    told(path, "incidence", event=event, options={"by": "alpha", "event": "pmass"}, warnings=warnings)


def test_a_group_that_mixes_fork_grids_is_left_out_with_a_warning(klsurv: Klsurv, tmp_path: Path) -> None:
    write_cell(tmp_path, "a")
    write_cell(tmp_path, "b", calib={"method": "other"}, pmass={"fork_points": [0, 3, 5, 8]})
    runs = quiet(tmp_path)
    assert runs.incidence(roll=1).is_empty()
    result = klsurv("incidence", tmp_path, "--roll", "1")
    assert (result.returncode, result.stdout.count("\n")) == (0, 1)
    assert result.stderr.count("fork grids of the cells differ") == 1
