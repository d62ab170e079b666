from __future__ import annotations

import json
from io import StringIO
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

import klsurv as package
from tests.conftest import Klsurv
from tests.ingest.handmade import INF, NAN, write_cell, write_file


@pytest.fixture
def mixed(tmp_path: Path) -> Path:
    """A root with a cell of each status."""
    write_cell(
        tmp_path,
        "ok",
        trajectory={"per_prompt_per_t_kl": {"1.0": [[0.5, NAN, INF, 0.5, 0.5], [-0.5, 0.5]]}},
        pmass={"pmass_eval": {"1.0": [[0.9, NAN, 0.9, NAN], [0.9]]}, "gen_lens_eval": {"1.0": [5, 2]}},
    )
    write_cell(tmp_path, "partial", calib={"seed": ...})
    write_cell(tmp_path, "skipped", pmass={"computed": False})
    write_file(write_cell(tmp_path, "broken") / "trajectory.json", '{"per_prompt')
    return tmp_path


def test_cells_that_are_all_ok_exit_with_0(klsurv: Klsurv, real_cells: Path) -> None:
    result = klsurv("check", real_cells, "--format", "json")
    assert (result.returncode, result.stderr) == (0, "")
    assert [row["status"] for row in json.loads(result.stdout)] == ["ok", "ok"]


@pytest.mark.parametrize("format", ["json", "ndjson", "csv"])
def test_it_prints_what_the_library_returns_and_exits_with_1_where_a_cell_is_broken(
    klsurv: Klsurv, mixed: Path, format: str
) -> None:
    result = klsurv("check", mixed, "--format", format)
    assert (result.returncode, result.stderr) == (1, "")
    want = package.scan(mixed, tell=lambda _: None).check()
    if format == "csv":
        read = pl.read_csv(StringIO(result.stdout), schema=want.schema)
    else:
        rows = json.loads(result.stdout) if format == "json" else list(map(json.loads, result.stdout.splitlines()))
        read = pl.DataFrame(rows, schema=want.schema)
    assert_frame_equal(read, want)
    counts = {row["cell"]: row for row in want.to_dicts()}
    assert [counts[name]["status"] for name in counts] == list(counts)
    assert {name: counts["ok"][name] for name in ("n_kl_failed", "n_kl_negative", "n_pmass_failed")} == {
        "n_kl_failed": 2,
        "n_kl_negative": 1,
        "n_pmass_failed": 2,
    }
    assert counts["broken"]["n_trajectories"] is None


def test_a_cell_that_is_only_skipped_or_partial_is_no_failure_but_with_strict(klsurv: Klsurv, mixed: Path) -> None:
    for file in (mixed / "broken").iterdir():
        file.unlink()
    relaxed = klsurv("check", mixed, "--format", "json")
    assert relaxed.returncode == 0
    strict = klsurv("check", mixed, "--strict")
    assert strict.returncode == 1
    assert "partial: calib.json: seed: missing" in strict.stderr


@pytest.mark.parametrize("kind", ["root", "store", "file"])
def test_strict_shows_every_cell_before_it_fails(klsurv: Klsurv, mixed: Path, tmp_path: Path, kind: str) -> None:
    source = mixed
    if kind == "store":
        source = tmp_path / "store"
        package.update_store(mixed, source)
    elif kind == "file":
        source = tmp_path / "long.parquet"
        klsurv("export", mixed, source, "--table", "long")
    relaxed = klsurv("check", source, "--format", "csv")
    strict = klsurv("check", source, "--format", "csv", "--strict")
    assert (strict.returncode, strict.stdout) == (1, relaxed.stdout)
    assert [line.split(",")[0] for line in strict.stdout.splitlines()[1:]] == ["broken", "ok", "partial", "skipped"]
    assert strict.stderr.startswith("error: broken: trajectory.json: is not JSON")
    assert strict.stderr.count("\n") == 1


@pytest.mark.parametrize("format", ["table", "md", "csv"])
def test_every_reason_is_shown_in_full(klsurv: Klsurv, mixed: Path, format: str) -> None:
    result = klsurv("check", mixed, "--format", format)
    for reason in package.scan(mixed, tell=lambda _: None).cells().get_column("reason").drop_nulls():
        assert reason in result.stdout.replace('""', '"')


def test_one_broken_cell_named_itself_exits_with_1(klsurv: Klsurv, mixed: Path) -> None:
    result = klsurv("check", mixed / "broken")
    assert (result.returncode, result.stderr) == (1, "")
    assert "trajectory.json: is not JSON" in result.stdout


def test_a_parquet_file_is_checked_too(klsurv: Klsurv, real_cells: Path, tmp_path: Path) -> None:
    assert klsurv("export", real_cells, tmp_path / "a.parquet").returncode == 0
    result = klsurv("check", tmp_path / "a.parquet")
    assert (result.returncode, result.stdout) == (0, klsurv("check", real_cells).stdout)


def test_a_reason_that_quotes_a_file_is_escaped(klsurv: Klsurv, tmp_path: Path) -> None:
    write_cell(tmp_path, "[red]", trajectory={"per_prompt_per_t_kl": {"\x1b[31m[/x]": []}})
    for format in ("table", "md", "csv", "json"):
        result = klsurv("check", tmp_path, "--format", format)
        assert (result.returncode, result.stderr) == (1, "")
        assert "\x1b" not in result.stdout
        assert "[red]" in result.stdout and "[/x]" in result.stdout
