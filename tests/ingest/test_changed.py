"""Files that klsurv wrote, and another tool changed but for their metadata."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

import klsurv
from klsurv.errors import LayoutError
from klsurv.exports import export
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
    with pytest.raises(LayoutError, match="has not the rows that klsurv wrote: the file was changed since"):
        quietly(path).summary()
    # As it says: without the metadata they are what they are.
    pq.write_table(pq.read_table(path).replace_schema_metadata(), path)
    assert quietly(path).rollouts().get_column("length").max() == 50


def test_a_pmass_where_there_was_no_fork_is_refused(real_cells: Path, tmp_path: Path) -> None:
    def change(table: pa.Table) -> pa.Table:
        return table.set_column(table.schema.get_field_index("pmass"), "pmass", pc.fill_null(table["pmass"], 0.5))

    with pytest.raises(LayoutError, match="has not the rows that klsurv wrote"):
        quietly(rewritten(real_cells, tmp_path / "some.parquet", "long", change)).summary()


def tenfold(table: pa.Table) -> pa.Table:
    return table.set_column(table.schema.get_field_index("alpha"), "alpha", pc.multiply(table["alpha"], 10.0))


@pytest.mark.parametrize("layout", ["long", "scored"])
def test_a_trajectory_that_was_not_there_is_refused(real_cells: Path, tmp_path: Path, layout: str) -> None:
    with pytest.raises(LayoutError, match="has not the rows that klsurv wrote"):
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
