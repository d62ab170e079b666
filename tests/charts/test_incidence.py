"""The incidence figure, by its specification."""

from __future__ import annotations

from pathlib import Path

import pytest

import klsurv
from tests.charts.figures import OPTIONS, draw, headings, layers, legend, panels, rows, spec, texts
from tests.generated import quietly
from tests.ingest.handmade import write_cell


@pytest.mark.filterwarnings("ignore::klsurv.KlsurvWarning")
def test_areas_are_stacked_from_0_to_1_and_are_the_table(real_cells: Path) -> None:
    read = spec(draw("incidence", real_cells))
    table = klsurv.scan(real_cells).incidence("alpha", **OPTIONS)
    names = ("p_died", "p_finished", "p_running")
    for panel, alpha in zip(panels(read), (0.0, 0.25, 0.5, 1.0, 1.5, 2.0, 4.0), strict=True):
        areas = [rows(read, area) for area in layers(panel, "area")]
        for died, finished, running in zip(*areas, strict=True):
            assert died["low"] == 0 and died["high"] == pytest.approx(finished["low"])
            assert finished["high"] == pytest.approx(running["low"]) and running["high"] == pytest.approx(1)
        for name, area in zip(names, areas, strict=True):
            kept = [(row["fork"], row[name]) for row in area]
            want = table.filter(alpha=alpha).select("fork", name).rows()
            assert kept[-1 - len(want) : -1] == want


def test_what_happens_at_the_last_fork_is_seen(real_cells: Path) -> None:
    read = spec(draw("incidence", real_cells))
    last = rows(read, layers(panels(read)[0], "area")[0])[-2:]
    assert last[0]["fork"] == 96 < last[1]["fork"] and last[0]["p_died"] == last[1]["p_died"] == 6 / 16


def test_legend_and_headings_say_which_and_how_many(real_cells: Path) -> None:
    read = spec(draw("incidence", real_cells, by=["method", "alpha"], alphas=[1.0]))
    assert legend(read) == ["died", "finished (EOS)", "still running"]
    assert headings(read) == ["mean_diff, α = 1.0   n=8", "pca, α = 1.0   n=8"]


def test_all_run_before_the_first_that_is_known(tmp_path: Path) -> None:
    from tests.ingest.handmade import NAN, write_cell

    write_cell(tmp_path, "a", pmass={"pmass_eval": {"0.0": [[NAN] * 4] * 2, "1.0": [[NAN] * 4] * 2}})
    read = spec(draw("incidence", tmp_path, options={}))
    for panel in panels(read):
        died, finished, running = (rows(read, area)[0] for area in layers(panel, "area"))
        assert [row["fork"] for row in (died, finished, running)] == [0, 0, 0]
        assert [row["high"] - row["low"] for row in (died, finished, running)] == [0, 0, 1]


def test_a_group_that_is_left_out_says_why_and_one_without_trajectories_that_it_has_none(tmp_path: Path) -> None:
    write_cell(tmp_path, "a")
    write_cell(tmp_path, "b", trajectory={"fork_points_full": [0, 3, 4, 8]}, pmass={"fork_points": [0, 3, 4, 8]})
    runs = quietly(tmp_path, alphas=[1.0, 3.0])
    read = spec(draw("incidence", runs, options={}))
    assert [texts(panel) for panel in panels(read)] == [["left out: its fork grids differ"], ["no trajectory"]]
    assert headings(read) == ["α = 1.0   n=4", "α = 3.0   n=0"]
    # Of no other estimate, which this figure does not have.
    assert [said.split(": ")[1] for said in runs.warnings if "grids" in said] == [
        "left out, as deaths were looked for at other forks in each cell"
    ]


def test_a_group_of_which_no_fork_was_measured_says_so(tmp_path: Path) -> None:
    write_cell(tmp_path, "a", pmass={"pmass_eval": {"0.0": [[0.9] * 4] * 2, "1.0": [[None] * 4] * 2}})
    read = spec(draw("incidence", quietly(tmp_path), options={"window": 3}))
    assert [texts(panel) for panel in panels(read)] == [[], ["no trajectory was measured"]]


def test_shares_alone_are_not_told_that_their_errors_are_too_narrow(tmp_path: Path) -> None:
    for seed in (0, 1):
        write_cell(tmp_path, f"s{seed}", calib={"seed": seed})
    runs = quietly(tmp_path)
    draw("incidence", runs, options={})
    assert not [said for said in runs.warnings if "of one prompt" in said]
    runs.incidence()
    assert [said for said in runs.warnings if "of one prompt" in said]
