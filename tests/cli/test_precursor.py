from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from klsurv.schema import STATISTICS
from tests.cli.tables import OPTIONS, SCORING, printed, quiet, told
from tests.cli.terminal import on_terminal
from tests.conftest import Klsurv

# Enough deaths after the first tokens for the hazard model.
MODEL: dict[str, Any] = {"threshold": 0.5, "roll": 5, "calib_tokens": 6}
MODEL_OPTIONS = ["--threshold", "0.5", "--roll", "5", "--calib-tokens", "6"]


@pytest.mark.parametrize(
    ("format", "options", "asked"),
    [
        ("json", ["--bootstrap", "200"], {"bootstrap": 200}),
        (
            "csv",
            ["--by", "method", "--lags", "5", "--bootstrap", "50", "--seed", "2", "--level", "0.8"],
            {"by": "method", "lags": 5, "bootstrap": 50, "seed": 2, "level": 0.8},
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_it_prints_the_study_that_the_library_returns(
    klsurv: Klsurv, real_cells: Path, format: str, options: list[str], asked: dict[str, Any]
) -> None:
    runs = quiet(real_cells)
    want = runs.study(**SCORING, **asked)
    assert want.filter(pl.col("n_deaths") > 1).height > 0
    together = "groups hold several values of method: one with higher KL and more deaths looks like a precursor"
    assert runs.warnings == [
        *[f"{together}; tell them apart by method (klsurv precursor --by), or choose one (--where)"]
        * ("by" not in asked),
        "33 of 39 deaths are at token 0, before any KL, and are left out of what precedes a death",
    ]
    printed(klsurv("precursor", real_cells, *OPTIONS, *options, "--format", format), want, runs, format=format)


def test_it_prints_the_hazard_ratios_that_the_library_returns(klsurv: Klsurv, real_cells: Path) -> None:
    runs = quiet(real_cells)
    want = runs.hazard("method", level=0.5, **MODEL)
    assert want.get_column("n_events").sum() > 0
    options = ["--table", "hazard", "--by", "method", "--level", "0.5", "--format", "json"]
    printed(klsurv("precursor", real_cells, *MODEL_OPTIONS, *options), want, runs)


@pytest.mark.parametrize(
    ("format", "options", "asked"),
    [
        ("json", ["--bootstrap", "100"], {"bootstrap": 100}),
        (
            "csv",
            ["--by", "method", "--landmarks", "30,10,30", "--bootstrap", "0"],
            {"by": "method", "landmarks": [10, 30], "bootstrap": 0},
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_it_prints_the_concordances_that_the_library_returns(
    klsurv: Klsurv, real_cells: Path, format: str, options: list[str], asked: dict[str, Any]
) -> None:
    runs = quiet(real_cells)
    want = runs.landmark(**MODEL, **asked)
    assert want.get_column("n_pairs").sum() > 0
    result = klsurv("precursor", real_cells, "--table", "landmark", *MODEL_OPTIONS, *options, "--format", format)
    printed(result, want, runs, format=format)


def test_what_it_saves_says_how_it_was_made(klsurv: Klsurv, real_cells: Path, tmp_path: Path) -> None:
    path = tmp_path / "study.parquet"
    options = ["--lags", "3", "--bootstrap", "200", "--where", "method = 'pca'", "--alphas", "0.5,1"]
    result = klsurv("precursor", real_cells, *OPTIONS, *options, "-o", path, "--format", "json")
    runs = quiet(real_cells, where="method = 'pca'", alphas=[0.5, 1])
    want = runs.study(lags=3, bootstrap=200, **SCORING)
    printed(result, want, runs, saved=[path])
    assert_frame_equal(pl.read_parquet(path), want, check_exact=True)
    asked = {"by": "", "lags": 3, "bootstrap": 200, "seed": 0, "where": "method = 'pca'", "landmarks": None}
    told(path, "study", event="death at the first fork with pmass < 0.3", options=asked, warnings=runs.warnings)
    assert [message[:30] for message in runs.warnings] == ["7 of 9 deaths are at token 0, "]


@pytest.mark.parametrize(("table", "alpha", "first"), [("study", 7.5, "measure"), ("hazard", 0, "covariate")])
def test_without_a_steered_trajectory_there_is_a_head_and_no_row(
    klsurv: Klsurv, real_cells: Path, table: str, alpha: float, first: str
) -> None:
    result = klsurv("precursor", real_cells, "--table", table, "--alphas", alpha)
    assert (result.returncode, result.stdout.count("\n")) == (0, 1)
    assert result.stdout.startswith(first)
    assert "Traceback" not in result.stderr


@pytest.fixture
def without_statsmodels(tmp_path: Path) -> dict[str, str]:
    """An environment in which statsmodels cannot be imported."""
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.modules['statsmodels'] = None\n")
    return {**os.environ, "PYTHONPATH": str(tmp_path)}


def test_without_statsmodels_the_hazard_model_says_what_it_needs(
    klsurv: Klsurv, real_cells: Path, without_statsmodels: dict[str, str]
) -> None:
    result = klsurv("precursor", real_cells, "--table", "hazard", *MODEL_OPTIONS, env=without_statsmodels)
    assert (result.returncode, result.stdout) == (2, "")
    assert "the hazard model needs statsmodels: pip install 'klsurv[hazard]'" in result.stderr
    assert "Traceback" not in result.stderr


def test_without_statsmodels_all_other_tables_are_there(real_cells: Path, without_statsmodels: dict[str, str]) -> None:
    others = [name for name in STATISTICS if name != "hazard"]
    code = (
        "import sys, klsurv; runs = klsurv.scan(sys.argv[1], tell=lambda _: None); "
        "print(*(getattr(runs, name)().width for name in sys.argv[2:]))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code, str(real_cells), *others], capture_output=True, text=True, env=without_statsmodels
    )
    assert result.returncode == 0, result.stderr[-500:]
    assert len(result.stdout.split()) == len(others)


def test_a_terminal_of_80_columns_says_how_the_study_is_to_be_read(real_cells: Path) -> None:
    code, text = on_terminal("precursor", real_cells, *OPTIONS, "--lags", "3", "--bootstrap", "20", width=80)
    assert code == 0
    assert max(map(len, text.splitlines())) <= 80
    assert set(quiet(real_cells).study(lags=3, bootstrap=0, **SCORING).columns) <= set(text.split())
    assert "compare died with alive, not one lag with another" in text
    assert text.rstrip().endswith("death at the first fork with pmass < 0.3")
