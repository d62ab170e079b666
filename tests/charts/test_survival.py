"""The survival figure, by its specification."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import klsurv
from klsurv.params import Layout
from tests.charts.figures import OPTIONS, draw, headings, layers, legend, panels, rows, spec, texts
from tests.ingest.handmade import NAN, write_cell


def curves(panel: dict[str, Any], read: dict[str, Any]) -> list[list[dict[str, Any]]]:
    """The rows of the thick curves, without those of other doses."""
    return [rows(read, layer) for layer in layers(panel, "line") if layer["data"]["name"].startswith("curve")]


def test_each_dose_has_a_panel_with_its_n_and_deaths(real_cells: Path) -> None:
    assert headings(spec(draw("survival", real_cells))) == [
        "α = 0.0   n=16  events=6",
        "α = 0.25   n=16  events=3",
        "α = 0.5   n=16  events=4",
        "α = 1.0   n=16  events=5",
        "α = 1.5   n=16  events=6",
        "α = 2.0   n=16  events=5",
        "α = 4.0   n=16  events=16",
    ]


@pytest.mark.filterwarnings("ignore::klsurv.KlsurvWarning")
def test_steps_are_the_table_from_one_at_token_0_to_the_right_edge(real_cells: Path) -> None:
    read = spec(draw("survival", real_cells))
    table = klsurv.scan(real_cells).survival("alpha", **OPTIONS)
    for panel, alpha in zip(panels(read), (0.0, 0.25, 0.5, 1.0, 1.5, 2.0, 4.0), strict=True):
        want = table.filter(alpha=alpha).select("fork", "survival", "ci_low", "ci_high").rows()
        (first, *steps, last) = curves(panel, read)[0]
        assert (first["fork"], first["survival"]) == (0, 1)
        assert [(s["fork"], s["survival"], s["ci_low"], s["ci_high"]) for s in steps] == want
        edge = layers(panel, "line")[-1]["encoding"]["x"]["scale"]["domain"][1]
        assert last["fork"] == edge > steps[-1]["fork"] and last["survival"] == steps[-1]["survival"]


@pytest.mark.parametrize("log_time", [False, True])
@pytest.mark.parametrize("chart", ["survival", "incidence"])
def test_a_group_followed_for_less_ends_soon_after_its_last_fork(tmp_path: Path, chart: str, log_time: bool) -> None:
    forks = [0, 20, 40, 80]
    alive = {"pmass_eval": {"1.0": [[0.9] * 4] * 2}, "gen_lens_eval": {"1.0": [80] * 2}, "fork_points": forks}
    kl = {"fork_points_full": forks, "per_prompt_per_t_kl": {"1.0": [[0.5] * 80] * 2}}
    # Of the third method none is alive after its last fork, so that nothing of it is unknown.
    dead = {"pmass_eval": {"1.0": [[0.9, 0.9, 0.9, 0.1]] * 2}, "gen_lens_eval": {"1.0": [8] * 2}}
    write_cell(tmp_path, "long", calib={"method": "a", "window": 80}, trajectory=kl, pmass=alive)
    write_cell(
        tmp_path,
        "short",
        calib={"method": "b"},
        trajectory={"per_prompt_per_t_kl": {"1.0": [[0.5] * 8] * 2}},
        pmass={"pmass_eval": {"1.0": [[0.9] * 4] * 2}, "gen_lens_eval": {"1.0": [8] * 2}},
    )
    write_cell(
        tmp_path,
        "dead",
        calib={"method": "c"},
        trajectory={"per_prompt_per_t_kl": {"1.0": [[0.4] * 8] * 2}},
        pmass=dead,
    )
    drawn = draw(chart, tmp_path, alphas=[1.0], by=["method"], layout=Layout(log_time=log_time))
    read = spec(drawn)
    if chart == "survival":
        ends = [curve[-1]["fork"] for curve in curves(panels(read)[0], read)]
    else:
        ends = [rows(read, layers(panel, "area")[0])[-1]["fork"] for panel in panels(read)]
    assert ends == pytest.approx([100, 10, 100] if log_time else [83.2, 11.2, 83.2])


def test_numbers_at_risk_start_with_all_and_stand_under_forks_of_the_same_axis(real_cells: Path) -> None:
    for layout in (Layout(), Layout(log_time=True)):
        read = spec(draw("survival", real_cells, layout=layout))
        for panel in panels(read):
            numbers = next(layer for layer in layers(panel, "text") if "field" in layer["encoding"]["text"])
            shown = rows(read, numbers)
            assert shown[0] == {"fork": 0, "n_risk": 16}
            assert numbers["encoding"]["x"]["scale"] == layers(panel, "line")[-1]["encoding"]["x"]["scale"]
            assert numbers["mark"]["y"] > panel["height"]


def test_a_median_is_marked_at_one_half_where_it_is_reached(real_cells: Path) -> None:
    read = spec(draw("survival", real_cells))
    found = [rows(read, layers(panel, "point")[-1]) for panel in panels(read)]
    assert found == [[{"fork": 96, "survival": 0.5}], [], [], [], [], [], [{"fork": 0, "survival": 0.5}]]


def test_curves_that_coincide_are_seen_the_first_widest_and_the_last_thinnest(real_cells: Path) -> None:
    read = spec(draw("survival", real_cells, by=["method", "alpha"]))
    lines = [layer["mark"] for layer in layers(panels(read)[0], "line")]
    assert [line["strokeWidth"] for line in lines] == pytest.approx([3.4, 1.8])
    assert lines[0]["stroke"] != lines[1]["stroke"] and lines[0]["strokeDash"] != lines[1]["strokeDash"]
    assert {"mean_diff", "pca"} < set(legend(read))
    # The rows of numbers bear the names of their curves.
    assert {"mean_diff", "pca", "at risk"} <= set(texts(panels(read)[0]))


def test_more_than_four_groups_have_a_panel_each_with_the_others_in_grey(real_cells: Path) -> None:
    read = spec(draw("survival", real_cells, by="prompt"))
    assert headings(read)[0] == "prompt 0   n=14  events=5" and len(panels(read)) == 8
    for panel in panels(read):
        assert [layer["mark"]["strokeWidth"] for layer in layers(panel, "line")] == [0.8, 1.8]
    assert legend(read)[-1] == "the other groups"


def test_more_than_four_curves_in_a_panel_have_neither_bands_nor_great_width(real_cells: Path) -> None:
    read = spec(draw("survival", real_cells, by=["prompt", "alpha"]))
    for panel in panels(read):
        widths = [layer["mark"]["strokeWidth"] for layer in layers(panel, "line")]
        assert len(widths) == 8 and max(widths) < 7
        assert not layers(panel, "area") and not layers(panel, "rect")
    assert "95 % interval of S" not in legend(read) and "median" in legend(read)


def test_other_doses_are_drawn_grey_behind_only_where_there_are_several(real_cells: Path) -> None:
    assert "the other doses" in legend(spec(draw("survival", real_cells)))
    assert "the other doses" not in legend(spec(draw("survival", real_cells, alphas=[1.0])))


def test_s_has_room_beyond_0_and_1_and_ticks_within(real_cells: Path) -> None:
    y = layers(panels(spec(draw("survival", real_cells)))[0], "line")[-1]["encoding"]["y"]
    assert y["scale"]["domain"] == [-0.02, 1.02] and y["axis"]["values"] == [0, 0.25, 0.5, 0.75, 1]
    assert y["title"] == "S(t)"


def test_what_is_drawn_nowhere_is_not_in_the_legend(tmp_path: Path) -> None:
    for name, pmass in (("live", [0.9] * 4), ("die", [0.1] * 4)):
        write_cell(tmp_path / name, pmass={"pmass_eval": {"0.0": [pmass] * 2, "1.0": [pmass] * 2}})
    interval, others = "95 % interval of S", "the other doses"
    assert legend(spec(draw("survival", tmp_path / "live", options={}))) == [interval, others]
    assert legend(spec(draw("survival", tmp_path / "die", options={}))) == [interval, "median", others]
    write_cell(tmp_path / "none", pmass={"pmass_eval": {alpha: [[NAN] * 4] * 2 for alpha in ("0.0", "1.0")}})
    assert len(spec(draw("survival", tmp_path / "none", options={}))["vconcat"]) == 1


def test_death_by_kl_has_no_gaps_as_kl_is_measured_at_each_token(real_cells: Path) -> None:
    for event, there in (("pmass", True), ("kl", False)):
        read = spec(draw("survival", real_cells, options={**OPTIONS, "event": event}))
        assert (
            any(layer["data"].get("name", "").startswith("gaps") for layer in layers(panels(read)[3], "rect")) == there
        )
        assert ("between two forks, S not known" in legend(read)) == there
        assert "95 % interval of S" in legend(read)
