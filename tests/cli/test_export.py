from __future__ import annotations

import json
import signal
from pathlib import Path

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from polars.testing import assert_frame_equal

import klsurv as package
from klsurv.schema import GROUP_COLUMNS, STATISTICS, TABLES
from tests.cli.tables import OPTIONS, SCORING, quiet, told
from tests.conftest import Klsurv, apart
from tests.ingest.handmade import INF, NAN, write_cell


def table_of(root: Path, table: str) -> pl.DataFrame:
    runs = package.scan(root)
    if table == "cells":
        return runs.cells()
    if table == "summary":
        return runs.summary(["method", "alpha"], **SCORING)
    if table == "long":
        return runs.long().collect()
    frame: pl.LazyFrame = getattr(runs, table)(**SCORING)
    return frame.collect()


def exported(klsurv: Klsurv, root: Path, path: Path, table: str) -> None:
    by = ["--by", "method,alpha"] if table == "summary" else []
    result = klsurv("export", root, path, "--table", table, *by, *OPTIONS)
    assert (result.returncode, result.stdout) == (0, "")
    assert result.stderr == f"{table_of(root, table).height} rows of {table} in {path}\n"


@pytest.mark.parametrize("table", ["cells", "trajectories", "long", "scored", "summary"])
def test_parquet_is_what_the_library_returns_to_every_reader(
    klsurv: Klsurv, real_cells: Path, tmp_path: Path, table: str
) -> None:
    path = tmp_path / "table.parquet"
    exported(klsurv, real_cells, path, table)
    want = table_of(real_cells, table)
    assert_frame_equal(pl.read_parquet(path), want, check_exact=True)
    assert_frame_equal(pl.DataFrame(pq.read_table(path)), want, check_exact=True)
    assert_frame_equal(pl.DataFrame(duckdb.read_parquet(str(path)).to_arrow_table()), want, check_exact=True)
    assert pd.read_parquet(path).shape == want.shape
    assert_frame_equal(
        pl.from_pandas(pd.read_parquet(path), schema_overrides=dict(want.schema)), want, check_exact=True
    )


@pytest.mark.parametrize("table", ["cells", "trajectories", "long", "scored", "summary"])
def test_parquet_says_what_each_column_means(klsurv: Klsurv, real_cells: Path, tmp_path: Path, table: str) -> None:
    path = tmp_path / "table.parquet"
    exported(klsurv, real_cells, path, table)
    schema = pq.read_schema(path)
    columns = {**GROUP_COLUMNS, **{column.name: column for column in TABLES[table].columns}}
    for field in schema:
        assert field.metadata[b"unit"].decode() == columns[field.name].unit
        assert field.metadata[b"meaning"].decode() == columns[field.name].meaning
    assert schema.metadata[b"klsurv.table"] == table.encode()
    assert b"threshold=0.3" in schema.metadata[b"klsurv.scoring"]


@pytest.mark.parametrize("suffix", [".arrow", ".feather", ".ndjson", ".csv"])
@pytest.mark.parametrize("table", ["scored", "trajectories", "summary"])
def test_other_formats_hold_the_same_rows(
    klsurv: Klsurv, real_cells: Path, tmp_path: Path, table: str, suffix: str
) -> None:
    path = tmp_path / f"table{suffix}"
    want = table_of(real_cells, table)
    if suffix == ".csv" and table == "trajectories":
        result = klsurv("export", real_cells, path, "--table", table)
        assert (result.returncode, path.exists()) == (2, False)
        assert "csv cannot hold the lists" in result.stderr
        return
    exported(klsurv, real_cells, path, table)
    if suffix == ".csv":
        read = pl.read_csv(path, schema=want.schema)
    elif suffix == ".ndjson":
        read = pl.read_ndjson(path, schema=want.schema)
    else:
        read = pl.DataFrame(pa.ipc.open_file(path).read_all())
    assert_frame_equal(read, want, check_exact=True)


def test_ndjson_has_null_for_what_is_not_finite(klsurv: Klsurv, tmp_path: Path) -> None:
    write_cell(tmp_path / "runs", "a", trajectory={"per_prompt_per_t_kl": {"1.0": [[0.5, NAN, INF, -INF, 0.5]] * 2}})
    for table in ("long", "trajectories"):
        path = tmp_path / f"{table}.ndjson"
        assert klsurv("export", tmp_path / "runs", path, "--table", table, "--roll", "1").returncode == 0
        rows = [json.loads(line, parse_constant=pytest.fail) for line in path.read_text().splitlines()]
        kl = [row["kl"] for row in rows][:5] if table == "long" else rows[0]["kl"]
        assert kl == [0.5, None, None, None, 0.5]


@pytest.mark.parametrize("suffix", [".csv", ".ndjson", ".parquet"])
def test_a_cell_without_rows_leaves_the_file_whole(klsurv: Klsurv, tmp_path: Path, suffix: str) -> None:
    root = tmp_path / "runs"
    write_cell(
        root,
        "a",
        trajectory={"per_prompt_per_t_kl": {"1.0": [[]]}},
        pmass={"fork_points": [], "pmass_eval": {"1.0": [[]]}, "gen_lens_eval": {"1.0": [0]}},
    )
    write_cell(root, "b")
    path = tmp_path / f"long{suffix}"
    result = klsurv("export", root, path, "--table", "long")
    assert result.returncode == 0, result.stderr[-300:]
    want = package.scan(root / "b").long().collect()
    if suffix == ".csv":
        assert_frame_equal(pl.read_csv(path, schema=want.schema), want)
    elif suffix == ".ndjson":
        assert_frame_equal(pl.read_ndjson(path, schema=want.schema), want)
    else:
        assert_frame_equal(pl.read_parquet(path), want)


def test_a_table_without_rows_has_its_columns_all_the_same(klsurv: Klsurv, real_cells: Path, tmp_path: Path) -> None:
    want = table_of(real_cells, "long").clear()
    for suffix in (".csv", ".parquet"):
        path = tmp_path / f"long{suffix}"
        result = klsurv("export", real_cells, path, "--table", "long", "--alphas", "7.5")
        assert result.returncode == 0
        read = pl.read_csv(path, schema=want.schema) if suffix == ".csv" else pl.read_parquet(path)
        assert_frame_equal(read, want)


@pytest.mark.parametrize("suffix", [".parquet", ".arrow", ".csv", ".ndjson"])
def test_the_same_input_gives_the_same_bytes(klsurv: Klsurv, real_cells: Path, tmp_path: Path, suffix: str) -> None:
    one, other = tmp_path / f"one{suffix}", tmp_path / f"other{suffix}"
    assert klsurv("export", real_cells, one).returncode == 0
    # In another process strings hash otherwise.
    assert apart("export", str(real_cells), str(other)).returncode == 0
    assert one.read_bytes() == other.read_bytes()


def test_a_file_that_was_there_is_replaced_and_nothing_else_is_left(
    klsurv: Klsurv, real_cells: Path, tmp_path: Path
) -> None:
    path = tmp_path / "table.csv"
    path.write_text("old")
    assert klsurv("export", real_cells, path, "--table", "summary").returncode == 0
    assert path.read_text() == package.scan(real_cells).summary().write_csv()
    assert [entry.name for entry in tmp_path.iterdir()] == ["table.csv"]


@pytest.mark.skipif(not hasattr(signal, "SIGXFSZ"), reason="needs a limit on the size of files")
@pytest.mark.parametrize("suffix", [".parquet", ".arrow", ".csv", ".ndjson"])
def test_a_full_disk_is_an_error_and_leaves_what_was_there(
    klsurv: Klsurv, real_cells: Path, tmp_path: Path, suffix: str
) -> None:
    import resource

    path = tmp_path / f"table{suffix}"
    path.write_text("old")
    result = klsurv(
        "export", real_cells, path, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))
    )
    assert result.returncode in (1, 2)
    assert "cannot be written" in result.stderr
    assert "Traceback" not in result.stderr and "Exception ignored" not in result.stderr
    assert path.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("table", STATISTICS)
def test_statistics_are_those_of_the_method_of_their_name(
    klsurv: Klsurv, real_cells: Path, tmp_path: Path, table: str
) -> None:
    path = tmp_path / "table.parquet"
    where = ["--where", "method = 'pca'", "--alphas", "0,0.5,1"]
    result = klsurv("export", real_cells, path, "--table", table, *OPTIONS, *where)
    runs = quiet(real_cells, where="method = 'pca'", alphas=[0, 0.5, 1])
    want = getattr(runs, table)(**({} if table == "bisection" else SCORING))
    assert (result.returncode, result.stdout) == (0, "")
    told_first = [f"warning: {said}" for said in runs.warnings]
    assert result.stderr.splitlines() == [*told_first, f"{want.height} rows of {table} in {path}"]
    assert_frame_equal(pl.read_parquet(path), want, check_exact=True)
    event = "death at the first fork with pmass < 0.3"
    if table == "threshold":
        event = "death at the first fork with pmass < the row's threshold"
    timeless = table in ("calibration", "heldout", "bisection")
    asked = {"where": "method = 'pca'", "alphas": [0.0, 0.5, 1.0], "roll": 9, "strict": False}
    told(path, table, event=None if timeless else event, options=asked, warnings=runs.warnings)


def test_groups_of_statistics_can_be_chosen_and_are_in_front(klsurv: Klsurv, real_cells: Path, tmp_path: Path) -> None:
    path = tmp_path / "dose.parquet"
    result = klsurv("export", real_cells, path, "--table", "dose", "--by", "seed,method", *OPTIONS)
    assert result.returncode == 0, result.stderr[-300:]
    want = quiet(real_cells).dose(["seed", "method"], **SCORING)
    assert want.columns[:3] == ["seed", "method", "alpha"]
    assert_frame_equal(pl.read_parquet(path), want, check_exact=True)
    assert {field.name for field in pq.read_schema(path) if not field.metadata} == set()


@pytest.mark.parametrize("table", ["trajectories", "scored", "long"])
def test_every_statistic_of_an_exported_file_is_that_of_the_run_root(
    klsurv: Klsurv, real_cells: Path, tmp_path: Path, table: str
) -> None:
    path = tmp_path / "runs.parquet"
    assert klsurv("export", real_cells, path, "--table", table).returncode == 0
    root, file = quiet(real_cells), quiet(path)
    for name in STATISTICS:
        if name != "bisection":
            want, found = (getattr(runs, name)(**SCORING) for runs in (root, file))
            assert_frame_equal(found, want, check_exact=True)
    assert file.warnings == root.warnings
