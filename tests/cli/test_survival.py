from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pytest
from polars.testing import assert_frame_equal

from tests.cli.tables import COPIES, OPTIONS, RECUR, SCORING, parsed, printed, quiet, told
from tests.cli.terminal import on_terminal
from tests.conftest import Klsurv
from tests.ingest.handmade import NAN, write_cell


@pytest.mark.parametrize(
    ("format", "options", "asked"),
    [
        ("json", [], {}),
        ("csv", ["--by", "cell", "--ci", "plain", "--level", "0.9"], {"by": "cell", "ci": "plain", "level": 0.9}),
        ("ndjson", ["--event", "kl", "--kl-threshold", "0.5"], {"event": "kl", "kl_threshold": 0.5}),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_it_prints_what_the_library_returns(
    klsurv: Klsurv, real_cells: Path, format: str, options: list[str], asked: dict[str, Any]
) -> None:
    runs = quiet(real_cells)
    want = runs.survival(**SCORING, **asked)
    pooled = asked.get("by") == "cell"
    recur = RECUR.format(*((7, "alpha") if pooled else (2, "method")))
    assert runs.warnings[pooled:] == [COPIES, recur] and all("pool 7 doses" in said for said in runs.warnings[:pooled])
    printed(klsurv("survival", real_cells, *OPTIONS, *options, "--format", format), want, runs, format=format)


@pytest.mark.parametrize(
    ("format", "options", "asked"),
    [
        ("ndjson", ["--by", "method", "--tau", "50", "--level", "0.5"], {"by": "method", "tau": 50, "level": 0.5}),
        ("csv", ["--event", "kl", "--ci", "log"], {"event": "kl", "ci": "log"}),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_its_summary_is_the_table_lifetimes(
    klsurv: Klsurv, real_cells: Path, format: str, options: list[str], asked: dict[str, Any]
) -> None:
    runs = quiet(real_cells)
    want = runs.lifetimes(**SCORING, **asked)
    result = klsurv("survival", real_cells, "--summary", *OPTIONS, *options, "--format", format)
    printed(result, want, runs, format=format)


def test_what_it_saves_is_what_it_prints_and_says_how_it_was_made(
    klsurv: Klsurv, real_cells: Path, tmp_path: Path
) -> None:
    paths = [tmp_path / f"table{suffix}" for suffix in (".parquet", ".arrow", ".csv", ".ndjson")]
    outputs = [word for path in paths for word in ("-o", path)]
    result = klsurv("survival", real_cells, *OPTIONS, "--by", "method,alpha", *outputs, "--format", "json")
    runs = quiet(real_cells)
    want = runs.survival("method,alpha", **SCORING)
    printed(result, want, runs, saved=paths)
    assert_frame_equal(pl.read_parquet(paths[0]), want, check_exact=True)
    assert_frame_equal(pl.DataFrame(pa.ipc.open_file(paths[1]).read_all()), want, check_exact=True)
    for path, format in zip(paths[2:], ("csv", "ndjson"), strict=True):
        assert_frame_equal(parsed(path.read_text(), format, want.schema), want, check_exact=True)
    options = {"by": "method,alpha", "ci": "log-log", "level": 0.95, "alphas": None, "where": None}
    event = "death at the first fork with pmass < 0.3"
    told(paths[0], "survival", event=event, options=options, warnings=[COPIES])


def test_the_event_that_was_chosen_is_said_in_the_file(klsurv: Klsurv, real_cells: Path, tmp_path: Path) -> None:
    path = tmp_path / "lives.parquet"
    options = ["--summary", "--event", "kl", "--kl-threshold", "0.25", "--alphas", "1", "--where", "method = 'pca'"]
    result = klsurv("survival", real_cells, *OPTIONS, *options, "-o", path)
    assert result.stderr == f"saved {path}\n"
    asked = {"event": "kl", "kl_threshold": 0.25, "alphas": [1.0], "where": "method = 'pca'"}
    told(path, "lifetimes", event="death at the first token with KL > 0.25 nat", options=asked, warnings=[])


def test_the_same_input_gives_the_same_bytes_whatever_the_threads(
    klsurv: Klsurv, real_cells: Path, tmp_path: Path
) -> None:
    seen = []
    for seed, threads in (("1", "1"), ("2", "2")):
        path = tmp_path / "table.parquet"
        environment = {**os.environ, "PYTHONHASHSEED": seed, "POLARS_MAX_THREADS": threads}
        result = klsurv("survival", real_cells, "--summary", "--by", "method,alpha", "-o", path, env=environment)
        seen.append((result.stdout, result.stderr, path.read_bytes()))
    assert seen[0] == seen[1]


def test_a_dose_that_no_cell_has_keeps_its_row_in_the_summary(klsurv: Klsurv, real_cells: Path) -> None:
    runs = quiet(real_cells, alphas=[1, 7.5])
    want = runs.lifetimes(**SCORING)
    assert want.select("alpha", "n", "median").rows() == [(1.0, 16, None), (7.5, 0, None)]
    printed(klsurv("survival", real_cells, "--summary", "--alphas", "1,7.5", *OPTIONS, "--format", "json"), want, runs)
    absent = "no cell has alpha 7.5; there is 0.0, 0.25, 0.5, 1.0, 1.5, 2.0, 4.0"
    assert runs.warnings == [absent, RECUR.format(2, "method")]


def test_what_must_be_known_of_the_groups_is_told_once_each(klsurv: Klsurv, tmp_path: Path) -> None:
    """Cells with other fork grids, failed measurements and few trajectories."""
    failed = {"0.0": [[1.0, NAN, 0.9, 0.9]] * 2, "1.0": [[0.9, 0.4, 0.4, 0.4]] * 2}
    write_cell(tmp_path, "a", pmass={"pmass_eval": failed})
    write_cell(tmp_path, "b", calib={"seed": 1}, pmass={"fork_points": [0, 3, 5, 8]})
    runs = quiet(tmp_path)
    want = runs.survival(roll=1)
    printed(klsurv("survival", tmp_path, "--roll", "1", "--format", "json"), want, runs)
    assert want.get_column("estimator").unique().to_list() == ["turnbull"]
    told = "\n".join(runs.warnings)
    for said in ("fork grids of the cells differ in alpha=0.0, alpha=1.0", "failed measurements", "fewer than 5"):
        assert told.count(said) == 1


@pytest.mark.parametrize("summary", [[], ["--summary"]], ids=["curve", "summary"])
def test_a_terminal_of_80_columns_shows_every_column_and_says_what_death_is(
    real_cells: Path, summary: list[str]
) -> None:
    code, text = on_terminal("survival", real_cells, *OPTIONS, *summary, "--level", "0.9", width=80)
    assert code == 0
    assert max(map(len, text.splitlines())) <= 80
    runs = quiet(real_cells)
    want = runs.lifetimes(**SCORING) if summary else runs.survival(**SCORING)
    assert set(want.columns) <= set(text.split())
    assert "90 % interval" in text
    assert "klsurv incidence" in text
    assert text.rstrip().endswith("death at the first fork with pmass < 0.3")
