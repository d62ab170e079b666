"""The pmass figure, by its specification."""

from __future__ import annotations

import re
from pathlib import Path

import polars as pl

from klsurv.charts.theme import ALIVE, DEAD
from klsurv.output.images import svg_of
from klsurv.params import Layout
from tests.charts.figures import draw, headings, layers, panels, rows, spec
from tests.frames.source import trajectory
from tests.generated import quietly
from tests.ingest.handmade import NAN, write_cell


def test_each_trajectory_is_a_line_orange_if_it_dies(real_cells: Path) -> None:
    read = spec(draw("pmass", real_cells, alphas=[1.0]))
    assert headings(read) == ["α = 1.0   n=16  events=5"]
    lives, dies, median = layers(panels(read)[0], "line")
    assert (lives["mark"]["stroke"], dies["mark"]["stroke"]) == (ALIVE, DEAD)
    assert lives["encoding"]["detail"]["field"] == "line"
    assert [len({row["line"] for row in rows(read, layer)}) for layer in (lives, dies)] == [11, 5]
    assert all(row["dies"] for row in rows(read, dies))
    assert median["encoding"]["y"]["field"] == "p50"


def test_a_line_dies_where_it_goes_below_the_threshold_that_is_drawn(real_cells: Path) -> None:
    read = spec(draw("pmass", real_cells, alphas=[1.0]))
    rule = layers(panels(read)[0], "rule")[0]
    assert rows(read, rule) == [{"y": 0.3}]
    lives, dies, _ = (rows(read, layer) for layer in layers(panels(read)[0], "line"))
    assert min(row["y"] for row in lives) >= 0.3
    below = {row["line"] for row in dies if row["y"] < 0.3}
    assert below == {row["line"] for row in dies}


def test_the_band_is_p10_to_p90(real_cells: Path) -> None:
    read = spec(draw("pmass", real_cells, alphas=[1.0]))
    (area,) = layers(panels(read)[0], "area")
    assert (area["encoding"]["y"]["field"], area["encoding"]["y2"]["field"]) == ("p10", "p90")


def test_a_line_alone_is_not_hidden_by_its_median(tmp_path: Path) -> None:
    one = {"0.0": [[1.0, 0.9, 0.9, 0.9]], "1.0": [[0.9, 0.7, 0.6, 0.9]]}
    write_cell(tmp_path, pmass={"pmass_eval": one, "gen_lens_eval": {"0.0": [8], "1.0": [8]}})
    for panel in panels(spec(draw("pmass", tmp_path, options={}))):
        (line,) = layers(panel, "line")
        assert line["mark"]["stroke"] in (ALIVE, DEAD)


def test_what_was_measured_at_one_fork_alone_is_a_dot(tmp_path: Path) -> None:
    both = [[0.9, NAN, NAN, NAN], [0.7, NAN, NAN, NAN], [0.9, 0.9, NAN, NAN]]
    write_cell(
        tmp_path,
        trajectory={"per_prompt_per_t_kl": {"1.0": [[0.5] * 8] * 3}},
        pmass={"pmass_eval": {"1.0": both}, "gen_lens_eval": {"1.0": [8] * 3}},
    )
    (panel,) = panels(read := spec(draw("pmass", tmp_path, options={})))
    lives, dies = layers(panel, "point")
    assert (lives["mark"]["fill"], dies["mark"]["fill"]) == (ALIVE, DEAD)
    assert [[(row["t"], row["y"]) for row in rows(read, layer)] for layer in (lives, dies)] == [[(0, 0.9)], [(0, 0.7)]]
    line, _ = layers(panel, "line")
    assert [row["t"] for row in rows(read, line)] == [0, 2]
    assert all(layer["mark"]["opacity"] >= 0.6 for layer in (lives, dies))


def test_the_band_and_median_of_one_fork_are_seen(tmp_path: Path) -> None:
    once = {"0.0": [[NAN, 0.9, NAN, NAN]] * 2, "1.0": [[NAN, 0.9, NAN, NAN], [NAN, 0.7, NAN, NAN]]}
    write_cell(tmp_path, pmass={"pmass_eval": once, "gen_lens_eval": {"0.0": [8, 8], "1.0": [8, 8]}})
    for panel in panels(read := spec(draw("pmass", tmp_path, options={}))):
        assert not layers(panel, "line") and not layers(panel, "area")
        (median,), band = layers(panel, "tick"), layers(panel, "rule")[0]
        assert (median["encoding"]["y"]["field"], len(rows(read, median))) == ("p50", 1)
        assert (band["encoding"]["y"]["field"], band["encoding"]["y2"]["field"]) == ("p10", "p90")
        assert band["mark"]["strokeWidth"] == median["mark"]["size"]


def test_a_logarithmic_time_axis_has_each_of_its_ticks() -> None:
    long = {"fork": [0, 4096], "pmass": [0.9, 0.9], "gen_len": 4096, "window": 4096}
    frame = pl.DataFrame([{"prompt": 0, **trajectory([0.1] * 4096, alpha=alpha, **long)} for alpha in (0.5, 1.0, 2.0)])
    figure = draw("pmass", quietly(frame), options={}, layout=Layout(log_time=True))
    said = re.findall(r"<text[^>]*>([^<]*)</text>", svg_of(figure.spec()))
    assert [said.count(tick) for tick in ("3", "10", "30", "100", "300", "1,000", "3,000")] == [3] * 7


def test_it_is_told_where_median_and_band_are_of_other_cells_at_each_fork(tmp_path: Path) -> None:
    write_cell(tmp_path, "a")
    runs = quietly(tmp_path)
    runs.plot.pmass()
    assert not [text for text in runs.warnings if "fork grids" in text]
    write_cell(tmp_path, "b", pmass={"fork_points": [0, 3, 5, 8]}, trajectory={"fork_points_full": [0, 3, 5, 8]})
    runs = quietly(tmp_path)
    runs.plot.pmass()
    (said,) = [text for text in runs.warnings if "fork grids" in text]
    assert said == (
        "the fork grids of the cells differ in alpha=0.0, alpha=1.0: median and band at a fork are of the cells alone "
        "that have it"
    )
