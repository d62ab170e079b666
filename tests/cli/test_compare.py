from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from tests.cli.tables import COPIES, OPTIONS, SCORING, printed, quiet, told
from tests.cli.terminal import on_terminal
from tests.conftest import Klsurv
from tests.ingest.handmade import write_cell


@pytest.mark.parametrize(
    ("format", "options", "asked"),
    [
        ("json", ["--bootstrap", "200"], {"bootstrap": 200}),
        (
            "csv",
            ["--at-alpha", "1", "--stratify", "prompt", "--test", "peto", "--tau", "50", "--seed", "3"],
            {"at_alpha": 1.0, "stratify": "prompt", "test": "peto", "tau": 50, "seed": 3},
        ),
        (
            "ndjson",
            ["--by", "alpha", "--test", "fh", "--rho", "1", "--gamma", "0.5", "--bootstrap", "0", "--level", "0.5"],
            {"by": "alpha", "test": "fh", "rho": 1.0, "gamma": 0.5, "bootstrap": 0, "level": 0.5},
        ),
        (
            "json",
            ["--trend", "alpha", "--event", "kl", "--kl-threshold", "0.5", "--bootstrap", "50"],
            {"trend": "alpha", "event": "kl", "kl_threshold": 0.5, "bootstrap": 50},
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_it_prints_what_the_library_returns(
    klsurv: Klsurv, real_cells: Path, format: str, options: list[str], asked: dict[str, Any]
) -> None:
    runs = quiet(real_cells)
    want = runs.compare(**SCORING, **asked)
    # Where groups throw doses together, that is said, and once.
    pooled = "at_alpha" not in asked and asked.get("by") != "alpha"
    assert sum("groups pool 7 doses" in said for said in runs.warnings) == pooled
    printed(klsurv("compare", real_cells, *OPTIONS, *options, "--format", format), want, runs, format=format)


def test_what_it_saves_says_how_it_was_made(klsurv: Klsurv, real_cells: Path, tmp_path: Path) -> None:
    path = tmp_path / "pairs.parquet"
    options = ["--at-alpha", "0", "--stratify", "prompt", "--bootstrap", "200", "--seed", "7"]
    result = klsurv("compare", real_cells, *OPTIONS, *options, "-o", path, "--format", "json")
    runs = quiet(real_cells)
    want = runs.compare(at_alpha=0, stratify="prompt", bootstrap=200, seed=7, **SCORING)
    # The two groups are copies.
    assert want.row(1, named=True)["rmst_diff"] == 0
    printed(result, want, runs, saved=[path])
    assert_frame_equal(pl.read_parquet(path), want, check_exact=True)
    asked = {"by": "method", "at_alpha": 0.0, "stratify": "prompt", "bootstrap": 200, "seed": 7, "level": 0.95}
    asked |= {"test": "logrank", "rho": 0.0, "gamma": 0.0, "trend": None, "tau": None}
    told(path, "compare", event="death at the first fork with pmass < 0.3", options=asked, warnings=[COPIES])


def test_one_group_has_no_pair(klsurv: Klsurv, tmp_path: Path) -> None:
    write_cell(tmp_path, "a")
    runs = quiet(tmp_path)
    want = runs.compare(roll=1)
    assert want.select("group_a", "statistic", "df").rows() == [(None, None, 0)]
    printed(klsurv("compare", tmp_path, "--roll", "1", "--format", "json"), want, runs)


def test_a_terminal_of_80_columns_names_the_groups_in_each_block(real_cells: Path) -> None:
    options = ["--at-alpha", "1", "--stratify", "prompt", "--bootstrap", "50"]
    code, text = on_terminal("compare", real_cells, *OPTIONS, *options, width=80)
    assert code == 0
    assert max(map(len, text.splitlines())) <= 80
    want = quiet(real_cells).compare(at_alpha=1, bootstrap=0, **SCORING)
    assert set(want.columns) <= set(text.split())
    blocks = text.split("test      group_a")[1:]
    assert len(blocks) > 1
    assert all("mean_diff   pca" in block for block in blocks)
    assert "statistic, p: within each value of prompt, as if independent there; rmst…: not." in text
