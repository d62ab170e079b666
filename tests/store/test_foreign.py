"""Others read the files of a store without klsurv."""

from __future__ import annotations

from pathlib import Path

import duckdb
import polars as pl
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from polars.testing import assert_frame_equal

import klsurv
from benchmarks.cells import ALPHAS, write_cells
from klsurv.schema import KEY, SOURCE
from tests.whole import whole


@pytest.fixture(scope="module")
def store(real_cells: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    store = tmp_path_factory.mktemp("foreign") / "store"
    klsurv.update_store(real_cells, store)
    return store


def evals(read: pl.DataFrame) -> pl.DataFrame:
    """The rows of the table `source`, in order."""
    return read.filter(metric="pmass_eval").select(SOURCE.names).sort(KEY)


def test_pyarrow_reads_a_store(store: Path) -> None:
    table = ds.dataset(sorted(map(str, store.glob("*.parquet"))), format="parquet").to_table()
    found = pl.DataFrame(table)
    assert_frame_equal(evals(found), whole(klsurv.scan(store)), check_exact=True)


def test_duckdb_reads_a_store(store: Path) -> None:
    read = duckdb.connect().read_parquet(f"{store}/*.parquet")
    assert_frame_equal(evals(read.pl()), whole(klsurv.scan(store)), check_exact=True)
    n = read.filter("metric = 'pmass_eval' AND alpha = 0").count("*").fetchall()
    assert n == [(klsurv.scan(store, alphas=[0.0]).rollouts().height,)]


def test_polars_reads_a_store_by_a_pattern(store: Path) -> None:
    assert_frame_equal(evals(pl.read_parquet(f"{store}/*.parquet")), whole(klsurv.scan(store)), check_exact=True)


def test_one_dose_is_a_row_group_of_its_own_and_a_small_cell_is_one(store: Path, tmp_path: Path) -> None:
    write_cells(tmp_path / "runs", cells=1, prompts=20, tokens=4000)
    klsurv.update_store(tmp_path / "runs", tmp_path / "large")
    small, large = (pq.ParquetFile(next(path.glob("*.parquet"))) for path in (store, tmp_path / "large"))
    assert small.metadata.num_row_groups == 1
    assert large.metadata.num_row_groups == len(ALPHAS)
    column = large.schema_arrow.names.index("alpha")
    for group in range(len(ALPHAS)):
        seen = large.metadata.row_group(group).column(column).statistics
        assert seen.min == seen.max == ALPHAS[group]


def test_doses_are_read_without_the_row_groups_of_others(tmp_path: Path) -> None:
    write_cells(tmp_path / "runs", cells=1, prompts=20, tokens=4000)
    klsurv.update_store(tmp_path / "runs", tmp_path / "store")
    wanted = (ALPHAS[0], ALPHAS[-1])
    before = whole(klsurv.scan(tmp_path / "store", alphas=wanted))
    (path,) = (tmp_path / "store").glob("*.parquet")
    metadata, content = pq.ParquetFile(path).metadata, bytearray(path.read_bytes())
    column = next(i for i in range(metadata.num_columns) if metadata.schema.column(i).path.startswith("kl."))
    for group, alpha in enumerate(ALPHAS):
        if alpha not in wanted:
            kl = metadata.row_group(group).column(column)
            start = kl.dictionary_page_offset or kl.data_page_offset
            content[start : start + kl.total_compressed_size] = b"?" * kl.total_compressed_size
    path.write_bytes(content)
    assert_frame_equal(whole(klsurv.scan(tmp_path / "store", alphas=wanted)), before, check_exact=True)
    with pytest.raises(klsurv.KlsurvError, match="the store is damaged"):
        whole(klsurv.scan(tmp_path / "store", alphas=ALPHAS))
