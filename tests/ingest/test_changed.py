"""Files that klsurv wrote, and another tool changed but for their metadata."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

import klsurv
from klsurv.errors import LayoutError
from klsurv.exports import export
from tests.analysis.lived import frame, life
from tests.generated import quietly

LAYOUTS = ["trajectories", "long", "scored"]


def rewritten(root: Path, path: Path, layout: str, change: Any) -> Path:
    """An export of the root, changed as an arrow table, which keeps what klsurv says in the footer."""
    export(quietly(root), path, name=layout)
    table = change(pq.read_table(path))
    assert table.schema.metadata
    pq.write_table(table, path)
    return path


@pytest.mark.parametrize("layout", LAYOUTS)
def test_trajectories_that_were_taken_out_stay_out(real_cells: Path, tmp_path: Path, layout: str) -> None:
    def change(table: pa.Table) -> pa.Table:
        return table.filter(pc.less(table["prompt"], 4))

    runs = quietly(rewritten(real_cells, tmp_path / "some.parquet", layout, change))
    assert runs.summary().get_column("n").to_list() == [8] * 7
    assert runs.cells().get_column("n_prompts").to_list() == [4, 4]
    whole = quietly(real_cells).rollouts().filter(prompt=3)
    assert runs.rollouts().filter(prompt=3).equals(whole)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_cell_that_was_taken_out_stays_out(real_cells: Path, tmp_path: Path, layout: str) -> None:
    def change(table: pa.Table) -> pa.Table:
        return table.filter(pc.match_substring(table["cell"], "pca"))

    runs = quietly(rewritten(real_cells, tmp_path / "some.parquet", layout, change))
    want = quietly(real_cells, where="method = 'pca'").summary(threshold=0.3)
    assert runs.summary(threshold=0.3).equals(want)


@pytest.mark.parametrize("layout", ["long", "scored"])
def test_a_trajectory_that_lost_rows_is_refused(real_cells: Path, tmp_path: Path, layout: str) -> None:
    def change(table: pa.Table) -> pa.Table:
        return table.filter(pc.less(table["t"], 50))

    path = rewritten(real_cells, tmp_path / "some.parquet", layout, change)
    with pytest.raises(LayoutError, match="does not have the rows that klsurv wrote: the file was edited"):
        quietly(path).summary()
    # As it says: without the metadata they are what they are.
    pq.write_table(pq.read_table(path).replace_schema_metadata(), path)
    assert quietly(path).rollouts().get_column("length").max() == 50


def test_a_pmass_where_there_was_no_fork_is_refused(real_cells: Path, tmp_path: Path) -> None:
    def change(table: pa.Table) -> pa.Table:
        return table.set_column(table.schema.get_field_index("pmass"), "pmass", pc.fill_null(table["pmass"], 0.5))

    with pytest.raises(LayoutError, match="does not have the rows that klsurv wrote"):
        quietly(rewritten(real_cells, tmp_path / "some.parquet", "long", change)).summary()


def tenfold(table: pa.Table) -> pa.Table:
    return table.set_column(table.schema.get_field_index("alpha"), "alpha", pc.multiply(table["alpha"], 10.0))


@pytest.mark.parametrize("layout", ["long", "scored"])
def test_a_trajectory_that_was_not_there_is_refused(real_cells: Path, tmp_path: Path, layout: str) -> None:
    with pytest.raises(LayoutError, match="does not have the rows that klsurv wrote"):
        quietly(rewritten(real_cells, tmp_path / "some.parquet", layout, tenfold)).summary()


def test_doses_that_were_changed_are_those_that_there_are(real_cells: Path, tmp_path: Path) -> None:
    runs = quietly(rewritten(real_cells, tmp_path / "some.parquet", "trajectories", tenfold))
    held = {alpha: n for alpha, n in runs.summary().select("alpha", "n").rows() if n}
    assert held == {alpha * 10: 16 for alpha in quietly(real_cells).alphas}


def test_what_was_taken_out_does_not_come_back_as_run_cells(real_cells: Path, tmp_path: Path) -> None:
    def change(table: pa.Table) -> pa.Table:
        return table.filter(pc.less(table["prompt"], 4))

    path = rewritten(real_cells, tmp_path / "some.parquet", "long", change)
    done = klsurv.convert(path, tmp_path / "cells", tell=lambda _: None)
    assert (done.cells, done.trajectories) == (2, 56)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_doses_that_were_taken_out_are_none(real_cells: Path, tmp_path: Path, layout: str) -> None:
    def change(table: pa.Table) -> pa.Table:
        return table.filter(pc.less_equal(table["alpha"], 1.0))

    runs = quietly(rewritten(real_cells, tmp_path / "some.parquet", layout, change))
    assert runs.alphas == [0.0, 0.25, 0.5, 1.0]
    assert runs.cells().get_column("alphas").to_list() == [[0.0, 0.25, 0.5, 1.0]] * 2


@pytest.mark.parametrize("layout", ["long", "scored"])
def test_a_trajectory_without_rows_is_taken_out_with_the_others_of_its_dose(tmp_path: Path, layout: str) -> None:
    nothing = {"kl": [], "gen_len": 0, "fork": [0], "pmass": [None]}
    rows = [
        life(3, method="a", prompt=0),
        life(3, method="a", prompt=1, **nothing),
        life(3, method="b", prompt=0, alpha=2.0),
        life(3, method="b", prompt=1, alpha=2.0, **nothing),
        life(3, method="b", prompt=0, **nothing),
    ]
    export(quietly(frame(*rows)), tmp_path / "all.parquet", name=layout)
    assert quietly(tmp_path / "all.parquet").rollouts().height == 5
    table = pq.read_table(tmp_path / "all.parquet")
    pq.write_table(table.filter(pc.equal(table["cell"], "a_0")), tmp_path / "a.parquet")
    pq.write_table(table.filter(pc.equal(table["cell"], "b_0")), tmp_path / "b.parquet")
    assert quietly(tmp_path / "a.parquet").rollouts().select("cell", "prompt").rows() == [("a_0", 0), ("a_0", 1)]
    # Of cell b nothing was taken, not the dose without a row either.
    held = quietly(tmp_path / "b.parquet").rollouts().select("alpha", "prompt").rows()
    assert held == [(1.0, 0), (2.0, 0), (2.0, 1)]


def test_a_pmass_that_was_taken_out_is_refused(real_cells: Path, tmp_path: Path) -> None:
    def change(table: pa.Table) -> pa.Table:
        none = pa.nulls(len(table), pa.float64())
        return table.set_column(table.schema.get_field_index("pmass"), "pmass", none)

    with pytest.raises(LayoutError, match="does not have the rows that klsurv wrote"):
        quietly(rewritten(real_cells, tmp_path / "some.parquet", "long", change)).summary()


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_file_whose_footer_does_not_say_how_many_rows_there_are_is_read(
    real_cells: Path, tmp_path: Path, layout: str
) -> None:
    path = tmp_path / "old.parquet"
    export(quietly(real_cells), path, name=layout)
    table = pq.read_table(path)
    told = {key: value for key, value in table.schema.metadata.items() if key != b"klsurv.empty"}
    if rows := told.get(b"klsurv.rows"):
        kept = pl.read_json(io.BytesIO(rows)).drop("n_rows", "n_pmass")
        told[b"klsurv.rows"] = kept.write_json().encode()
    pq.write_table(table.replace_schema_metadata(told), path)
    assert quietly(path).summary(threshold=0.3).equals(quietly(real_cells).summary(threshold=0.3))


def test_a_column_of_another_tool_is_no_matter(real_cells: Path, tmp_path: Path) -> None:
    def change(table: pa.Table) -> pa.Table:
        return table.append_column("is_fork", pa.array([7] * len(table))).append_column("found", table["pmass"])

    runs = quietly(rewritten(real_cells, tmp_path / "some.parquet", "long", change))
    assert runs.summary(threshold=0.3).equals(quietly(real_cells).summary(threshold=0.3))
