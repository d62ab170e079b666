from __future__ import annotations

from pathlib import Path

import duckdb
import pandas as pd
import polars as pl
import pyarrow.dataset as pads
import pytest
from polars.testing import assert_frame_equal

from klsurv.schema import TABLES
from tests.analysis.lived import life
from tests.cli.tables import OPTIONS, SCORING, quiet
from tests.conftest import Klsurv
from tests.ingest.handmade import write_cell

KEY = ["cell", "alpha", "prompt", "t"]


def wanted(root: Path, table: str, facts: list[str]) -> pl.DataFrame:
    runs = quiet(root)
    rows = runs.long().collect() if table == "long" else getattr(runs, table)(**SCORING).collect()
    known = runs.rollouts().select("cell", *facts).unique()
    joined: pl.DataFrame = rows.join(known, on="cell", maintain_order="left")
    return joined


@pytest.mark.parametrize("table", ["long", "scored"])
def test_every_reader_puts_the_columns_of_the_folders_back(
    klsurv: Klsurv, real_cells: Path, tmp_path: Path, table: str
) -> None:
    target = tmp_path / "parts"
    scoring = OPTIONS if table == "scored" else []
    result = klsurv("export", real_cells, target, "--table", table, "--partition-by", "method,alpha", *scoring)
    assert (result.returncode, result.stdout) == (0, "")
    want = wanted(real_cells, table, ["method"])
    assert result.stderr.endswith(f"{want.height} rows of {table} in {target}\n")
    assert {path.name for path in target.iterdir()} == {"method=mean_diff", "method=pca"}
    everything = str(target / "**" / "*.parquet")
    # Readers guess what a folder's name is: 0 in one is text, a whole number in another.
    found = {
        "polars": pl.read_parquet(everything, hive_partitioning=True),
        "pyarrow": pl.DataFrame(pads.dataset(target, partitioning="hive").to_table()),
        "duckdb": pl.DataFrame(duckdb.read_parquet(everything, hive_partitioning=True).to_arrow_table()),
        "pandas": pl.from_pandas(
            pd.read_parquet(target).astype({"method": str}), schema_overrides={"cell": pl.String, "end": pl.String}
        ),
    }
    for reader, rows in found.items():
        alpha = pl.col("alpha").cast(pl.String).cast(pl.Float64)
        same = rows.with_columns(alpha).select(want.columns).sort(KEY)
        assert_frame_equal(same, want.sort(KEY), check_exact=True, check_dtypes=reader != "pandas")


def test_each_file_says_what_its_columns_mean(klsurv: Klsurv, real_cells: Path, tmp_path: Path) -> None:
    assert klsurv("export", real_cells, tmp_path / "p", "--table", "long", "--partition-by", "cell").returncode == 0
    schema = next(iter(pads.dataset(tmp_path / "p").get_fragments())).physical_schema
    units = {column.name: column.unit.encode() for column in TABLES["long"].columns if column.name != "cell"}
    assert {name: schema.field(name).metadata[b"unit"] for name in units} == units


def test_the_same_runs_give_the_same_files(klsurv: Klsurv, real_cells: Path, tmp_path: Path) -> None:
    files = []
    for name in ("a", "b"):
        assert klsurv("export", real_cells, tmp_path / name, "--partition-by", "method,prompt").returncode == 0
        paths = sorted((tmp_path / name).rglob("*.parquet"))
        files.append({path.relative_to(tmp_path / name): path.read_bytes() for path in paths})
    assert files[0] == files[1] and len(files[0]) == 16


def test_a_fact_that_is_missing_or_odd_is_a_folder_like_any_other(klsurv: Klsurv, tmp_path: Path) -> None:
    methods = [None, "../up", "a/b", "x=y", "é 1%"]
    for i, method in enumerate(methods):
        write_cell(tmp_path / "runs", f"cell{i}", calib={"method": method})
    assert klsurv("export", tmp_path / "runs", tmp_path / "p", "--partition-by", "method").returncode == 0
    assert len(list((tmp_path / "p").iterdir())) == 5
    read = pl.DataFrame(pads.dataset(tmp_path / "p", partitioning="hive").to_table(columns=["cell", "method"])).unique()
    assert dict(read.rows()) == {f"cell{i}": method for i, method in enumerate(methods)}


def test_a_cell_with_several_values_of_a_fact_is_parted_by_trajectory(klsurv: Klsurv, tmp_path: Path) -> None:
    rows = [life(alpha=alpha, prompt=i, model=model) for alpha, model in ((0.0, "A"), (1.0, "B")) for i in range(2)]
    pl.DataFrame(rows).with_columns(cell=pl.lit("one")).write_parquet(tmp_path / "own.parquet")
    options = ["--table", "trajectories", "--partition-by", "model"]
    assert klsurv("export", tmp_path / "own.parquet", tmp_path / "p", *options).returncode == 0
    found = pl.read_parquet(tmp_path / "p" / "**" / "*.parquet", hive_partitioning=True).sort("alpha", "prompt")
    assert found.select("model", "alpha", "prompt").rows() == [
        ("A", 0.0, 0),
        ("A", 0.0, 1),
        ("B", 1.0, 0),
        ("B", 1.0, 1),
    ]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        pytest.param(["p", "--table", "summary"], "written as one file", id="a table of groups"),
        pytest.param(["p.parquet"], "without a suffix", id="a file"),
        pytest.param(["p", "--partition-by", "colour"], "partition-by cannot be 'colour'", id="no such column"),
    ],
)
def test_what_cannot_be_parted_is_wrong_usage(
    klsurv: Klsurv, real_cells: Path, tmp_path: Path, arguments: list[str], said: str
) -> None:
    target, *rest = arguments
    result = klsurv("export", real_cells, tmp_path / target, "--partition-by", "method", *rest)
    assert result.returncode == 2 and said in " ".join(result.stderr.split())
    assert list(tmp_path.iterdir()) == []


def test_a_directory_with_something_in_it_is_left_alone(klsurv: Klsurv, real_cells: Path, tmp_path: Path) -> None:
    (tmp_path / "p").mkdir()
    (tmp_path / "p" / "mine").write_text("stays")
    result = klsurv("export", real_cells, tmp_path / "p", "--partition-by", "method")
    assert result.returncode == 1 and "not empty" in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["p"] and (tmp_path / "p" / "mine").read_text() == "stays"


@pytest.mark.parametrize("table", ["trajectories", "long", "scored"])
def test_a_part_is_not_read_as_if_it_were_all(klsurv: Klsurv, real_cells: Path, tmp_path: Path, table: str) -> None:
    klsurv("export", real_cells, tmp_path / "p", "--table", table, "--partition-by", "method")
    result = klsurv("summary", tmp_path / "p" / "method=pca" / "part-0.parquet")
    assert (result.returncode, result.stdout) == (1, "")
    assert "part-0.parquet is one part of a table that was exported by columns (--partition-by)" in result.stderr
