"""The threshold figure, by its specification."""

from __future__ import annotations

from pathlib import Path

import pytest

import klsurv
from tests.charts.figures import OPTIONS, draw, headings, layers, legend, panels, rows, spec, texts
from tests.ingest.handmade import NAN, write_cell


@pytest.mark.filterwarnings("ignore::klsurv.KlsurvWarning")
def test_lines_are_the_table(real_cells: Path) -> None:
    read = spec(draw("threshold", real_cells))
    table = klsurv.scan(real_cells).threshold("alpha", **OPTIONS)
    assert headings(read) == ["share that died", "S at the end", "share of deaths that recover"]
    table = table.with_columns(died=table["n_events"] / table["n"])
    for panel, column in zip(panels(read), ("died", "survival_end", "recovery"), strict=True):
        drawn = [(row["threshold"], row[column]) for layer in layers(panel, "line") for row in rows(read, layer)]
        assert drawn == table.select("threshold", column).rows()


def test_the_threshold_of_the_other_figures_is_marked(real_cells: Path) -> None:
    read = spec(draw("threshold", real_cells))
    assert legend(read)[-1] == "threshold 0.3"
    for panel in panels(read):
        assert rows(read, layers(panel, "rule")[0]) == [{"threshold": 0.3}]


def test_of_method_and_alpha_no_two_lines_are_drawn_the_same(real_cells: Path) -> None:
    read = spec(draw("threshold", real_cells, by=["method", "alpha"]))
    marks = [layer["mark"] for layer in layers(panels(read)[0], "line")]
    assert len({(mark["stroke"], *mark["strokeDash"]) for mark in marks}) == len(marks) == 14


def test_what_is_said_where_nothing_was_measured_stands_alone(tmp_path: Path) -> None:
    write_cell(tmp_path, pmass={"pmass_eval": {"0.0": [[NAN] * 4] * 2, "1.0": [[NAN] * 4] * 2}})
    for panel in panels(spec(draw("threshold", tmp_path, options={}))):
        assert texts(panel) == ["pmass was not measured"]
        assert not [rule for rule in layers(panel, "rule") if "x" in rule["encoding"]]


def test_groups_that_are_left_out_for_their_grids_are_not_said_to_be_unmeasured(tmp_path: Path) -> None:
    write_cell(tmp_path, "a")
    write_cell(tmp_path, "b", pmass={"fork_points": [0, 3, 5, 8]}, trajectory={"fork_points_full": [0, 3, 5, 8]})
    for panel in panels(spec(draw("threshold", tmp_path, options={}))):
        assert texts(panel) == ["left out: fork grids differ"]
