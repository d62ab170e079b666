from __future__ import annotations

from array import array
from pathlib import Path

import polars as pl
from polars.testing import assert_frame_equal

from klsurv.ingest.calib import Calib
from klsurv.ingest.cell import Cell, load_cell
from klsurv.ingest.check import Dose
from klsurv.ingest.discover import CellDir
from klsurv.ingest.trajectories import row, trajectories
from klsurv.schema import CELLS, SOURCE
from tests.ingest.handmade import INF, NAN, rows, write_cell


def cell_of(*doses: Dose, forks: list[int]) -> Cell:
    calib = Calib(window=8, model=None, method=None, seed=None, layer=None, target_kl=None, c_star=None)
    return Cell(name="a", path=Path("a"), status="ok", reason=None, calib=calib, forks=forks, doses=list(doses))


def test_a_cell_gives_a_row_per_alpha_and_prompt_with_its_facts(tmp_path: Path) -> None:
    cell = load_cell(CellDir("good", write_cell(tmp_path)), metric="pmass_eval")
    assert_frame_equal(trajectories(cell), pl.DataFrame(rows(), schema=SOURCE.schema), check_exact=True)


def test_values_that_are_not_finite_stay_as_they_are() -> None:
    kl = array("d", [0.5, NAN, INF, -INF, -0.25])
    read = trajectories(cell_of(Dose(1.0, [kl], [[None]], [5]), forks=[0]))
    assert str(read.get_column("kl").to_list()) == str([list(kl)])


def test_rows_of_unequal_length_keep_their_own() -> None:
    kl = [array("d", [0.1, 0.2, 0.3]), array("d"), array("d", [0.4])]
    read = trajectories(cell_of(Dose(1.0, kl, [[]] * 3, [3, 0, 1]), forks=[]))
    assert read.get_column("kl").to_list() == [[0.1, 0.2, 0.3], [], [0.4]]
    assert read.get_column("prompt").to_list() == [0, 1, 2]
    assert read.schema == SOURCE.schema


def test_a_cell_without_kl_has_empty_rows() -> None:
    read = trajectories(cell_of(Dose(1.0, [array("d")], [[0.9]], [7]), forks=[0]))
    assert read.get_column("kl").to_list() == [[]]
    assert read.schema == SOURCE.schema


def test_a_cell_that_cannot_be_used_has_no_rows_but_a_reason() -> None:
    cell = Cell(name="a", path=Path("x\x1b/a"), status="broken", reason="calib.json: is empty")
    assert_frame_equal(trajectories(cell), SOURCE.schema.to_frame())
    told = row(cell)
    assert told.schema == CELLS.schema
    assert told.select("cell", "status", "reason", "path").row(0) == (
        "a",
        "broken",
        "calib.json: is empty",
        "x\\x1b/a",
    )
    assert told.select("window", "n_prompts", "alphas").row(0) == (None, None, None)


def test_the_row_of_a_cell_says_what_can_be_scored(tmp_path: Path) -> None:
    told = row(load_cell(CellDir("good", write_cell(tmp_path)), metric="pmass_eval"))
    assert told.drop("path").row(0, named=True) == {
        "cell": "good",
        "model": "tiny",
        "method": "pca",
        "seed": 0,
        "window": 8,
        "target_kl": 1.0,
        "c_star": 5.0,
        "layer": 3,
        "n_prompts": 2,
        "alphas": [0.0, 1.0],
        "status": "ok",
        "reason": None,
    }
