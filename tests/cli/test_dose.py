from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from tests.cli.tables import COPIES, OPTIONS, SCORING, printed, quiet, told
from tests.conftest import Klsurv


@pytest.mark.parametrize(
    ("format", "options", "asked"),
    [
        ("json", ["--bootstrap", "200"], {"bootstrap": 200}),
        (
            "csv",
            ["--by", "method", "--tau", "20", "--seed", "5", "--level", "0.8", "--bootstrap", "100"],
            {"by": "method", "tau": 20, "seed": 5, "level": 0.8, "bootstrap": 100},
        ),
        ("ndjson", ["--event", "kl", "--bootstrap", "0", "--by", ""], {"event": "kl", "bootstrap": 0}),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_it_prints_what_the_library_returns(
    klsurv: Klsurv, real_cells: Path, format: str, options: list[str], asked: dict[str, Any]
) -> None:
    runs = quiet(real_cells)
    want = runs.dose(**SCORING, **asked)
    assert runs.warnings == [COPIES]
    printed(klsurv("dose", real_cells, *OPTIONS, *options, "--format", format), want, runs, format=format)


def test_what_it_saves_says_how_it_was_made(klsurv: Klsurv, real_cells: Path, tmp_path: Path) -> None:
    path = tmp_path / "dose.parquet"
    options = ["--by", "method", "--bootstrap", "200", "--alphas", "0.5,1,2"]
    result = klsurv("dose", real_cells, *OPTIONS, *options, "-o", path, "--format", "json")
    runs = quiet(real_cells, alphas=[0.5, 1, 2])
    want = runs.dose("method", bootstrap=200, **SCORING)
    printed(result, want, runs, saved=[path])
    assert_frame_equal(pl.read_parquet(path), want, check_exact=True)
    asked = {"by": "method", "alphas": [0.5, 1.0, 2.0], "bootstrap": 200, "seed": 0, "tau": None}
    told(path, "dose", event="death at the first fork with pmass < 0.3", options=asked, warnings=[])


def test_the_seed_moves_the_bands_and_nothing_else(real_cells: Path) -> None:
    runs = quiet(real_cells)
    one, other = (runs.dose(bootstrap=50, seed=seed, **SCORING) for seed in (0, 1))
    bands = [name for name in one.columns if name.endswith(("_low", "_high"))]
    assert_frame_equal(one.drop(bands), other.drop(bands), check_exact=True)
    assert not one.select(bands).equals(other.select(bands))


def test_without_a_trajectory_there_is_a_head_and_no_row(klsurv: Klsurv, real_cells: Path) -> None:
    result = klsurv("dose", real_cells, "--alphas", "7.5")
    assert (result.returncode, result.stdout.count("\n")) == (0, 1)
    assert result.stderr == "warning: no cell has alpha 7.5; there is 0.0, 0.25, 0.5, 1.0, 1.5, 2.0, 4.0\n"
