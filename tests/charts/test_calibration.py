"""The calibration figure, by its specification."""

from __future__ import annotations

import json
import re
from pathlib import Path

import klsurv
from klsurv.output.images import svg_of
from tests.charts.figures import draw, headings, layers, legend, panels, rows, spec, texts
from tests.ingest.handmade import write_cell


def test_the_bisection_is_drawn_by_step_so_that_no_point_hides_another(real_cells: Path) -> None:
    read = spec(draw("calibration", real_cells))
    points = [layer for layer in layers(panels(read)[0], "point")]
    assert [layer["encoding"]["x"]["field"] for layer in points] == ["step", "step"]
    drawn = [(row["cell"], row["step"], row["kl_p95"]) for layer in points for row in rows(read, layer)]
    table = klsurv.scan(real_cells).bisection()
    assert drawn == table.select("cell", "step", "kl_p95").rows()


def test_axes_hold_what_is_drawn_and_their_ticks(real_cells: Path) -> None:
    for alphas in (None, [1.0]):
        read = spec(draw("calibration", real_cells, alphas=alphas))
        for panel in panels(read)[:2]:
            for layer in layers(panel, "point"):
                y = layer["encoding"]["y"]
                low, high = y["scale"]["domain"]
                assert all(low < row["kl_p95"] < high for row in rows(read, layer))
                assert y["axis"]["values"] and all(low <= tick <= high for tick in y["axis"]["values"])


def test_dots_of_c_star_stand_above_the_interval_of_their_mean(real_cells: Path) -> None:
    source = klsurv.scan(real_cells)
    read = spec(draw("calibration", real_cells))
    panel = panels(read)[2]
    found = sorted(row["c_star"] for layer in layers(panel, "point") for row in rows(read, layer))
    assert found == sorted(source.cells()["c_star"].to_list())
    assert all(layer["mark"]["yOffset"] > 0 for layer in layers(panel, "tick"))
    # Each method has one cell, so that there is no interval to speak of.
    assert headings(read)[2] == "c_star of 2 cells"
    assert legend(read) == ["mean_diff", "pca", "0.7–1.4 of the target", "target × α²"]


def test_without_a_history_the_panel_says_so(tmp_path: Path) -> None:
    write_cell(tmp_path, "a", calib={"method": ...})
    read = spec(draw("calibration", tmp_path, options={}))
    assert "no history.json" in texts(panels(read)[0])
    assert legend(read)[0] == "method unknown"
    axes = [layer["encoding"]["x"] for layer in layers(panels(read)[0], "line")]
    # Its two ticks lie apart.
    assert axes and all(x["scale"]["domain"] == x["axis"]["values"] == [0, 1] for x in axes)


def test_the_interval_is_spoken_of_where_there_is_one(tmp_path: Path) -> None:
    for seed in range(2):
        write_cell(tmp_path, f"s{seed}", calib={"seed": seed, "c_star": 5.0 + seed})
    assert headings(spec(draw("calibration", tmp_path, options={})))[2] == "c_star of 2 cells; mean, 95 % interval"


def test_of_methods_that_coincide_each_is_seen(real_cells: Path) -> None:
    for panel in panels(spec(draw("calibration", real_cells)))[:2]:
        first, last = (layer["mark"]["size"] for layer in layers(panel, "point"))
        assert first > last + 20


def test_the_band_is_that_of_the_one_target_and_of_no_target_that_is_not_there(tmp_path: Path) -> None:
    for name, targets, entries in (
        ("one", (2.0, ...), ["0.7–1.4 of the target", "target × α²"]),
        ("two", (2.0, 0.5), ["target × α²"]),
        ("none", (..., ...), []),
    ):
        for i, target in enumerate(targets):
            write_cell(tmp_path / name, f"c{i}", calib={"target_kl": target, "window": 8 + i})
        read = spec(draw("calibration", tmp_path / name, options={}))
        bands = [row for panel in panels(read)[:2] for layer in layers(panel, "rect") for row in rows(read, layer)]
        assert bands == [{"low": 1.4, "high": 2.8}] * (name == "one")
        assert legend(read) == ["pca, window 8", "pca, window 9", *entries]


def test_a_target_of_which_nothing_can_be_drawn_is_none(tmp_path: Path) -> None:
    for name, targets in (("zero", (0.0,)), ("negative", (-1.0,)), ("two of one run", (2.0, 0.5))):
        for i, target in enumerate(targets):
            write_cell(tmp_path / name, f"c{i}", calib={"target_kl": target})
        read = spec(draw("calibration", tmp_path / name, options={}))
        assert legend(read) == ["pca"]


def test_of_several_models_each_method_is_drawn_apart(tmp_path: Path) -> None:
    for i, model in enumerate(("small", "large")):
        write_cell(tmp_path, f"c{i}", calib={"model": model, "c_star": 5.0 + i})
    read = spec(draw("calibration", tmp_path, options={}))
    assert legend(read)[:2] == ["large, pca", "small, pca"]
    dots = [rows(read, layer) for layer in layers(panels(read)[2], "point")]
    assert [[(row["run"], row["c_star"]) for row in of] for of in dots] == [
        [("large, pca", 6.0)],
        [("small, pca", 5.0)],
    ]


def test_each_layer_and_window_is_drawn_apart_where_there_are_several(tmp_path: Path) -> None:
    history = [{"step": step, "coeff": 4.0 + step, "kl_mean": 0.1, "kl_p95": 0.5} for step in (1, 2)]
    for layer in (3, 10):
        cell = write_cell(tmp_path, f"c{layer}", calib={"layer": layer, "c_star": float(layer)})
        (cell / "history.json").write_text(json.dumps(history))
    read = spec(draw("calibration", tmp_path, options={}))
    assert legend(read)[:2] == ["pca, layer 3", "pca, layer 10"]
    for panel in panels(read):
        assert [
            len({row["cell"] for row in rows(read, layer) if "cell" in row}) for layer in layers(panel, "point")
        ] in (
            [1, 1],
            [0, 0],
        )
    dots = [rows(read, layer) for layer in layers(panels(read)[2], "point")]
    assert [[(row["run"], row["c_star"]) for row in of] for of in dots] == [
        [("pca, layer 3", 3.0)],
        [("pca, layer 10", 10.0)],
    ]
    for window in (8, 16):
        write_cell(tmp_path / "windows", f"w{window}", calib={"window": window})
    assert legend(spec(draw("calibration", tmp_path / "windows", options={})))[:2] == [
        "pca, window 8",
        "pca, window 16",
    ]
    # Of one window that is asked for all are.
    assert legend(spec(draw("calibration", tmp_path / "windows", options={"window": 8})))[0] == "pca"


def test_one_c_star_is_written_as_it_is(tmp_path: Path) -> None:
    for seed in range(2):
        write_cell(tmp_path, f"s{seed}", calib={"seed": seed, "c_star": 55.9})
    read = spec(draw("calibration", tmp_path, options={}))
    for layer in layers(panels(read)[2], "point"):
        axis = layer["encoding"]["x"]["axis"]
        assert (axis["values"], axis["format"]) == ([55.9], ".6~g")
    assert "55.9" in re.findall(r">([^<]*)</text>", svg_of(json.dumps(read)))


def test_long_names_of_methods_are_told_apart_beside_their_dots(tmp_path: Path) -> None:
    long = "a_very_long_name_of_a_method_" * 5
    # Of the second pair, cut, nothing is left by which they differ.
    for i, method in enumerate((f"{long}one", f"{long}two", f"b{long}x{long}", f"b{long}y{long}")):
        write_cell(tmp_path, f"c{i}", calib={"method": method, "c_star": 5.0 + i})
    read = spec(draw("calibration", tmp_path, options={}))
    dots = layers(panels(read)[2], "point")
    names = {row["run"] for layer in dots for row in rows(read, layer)}
    assert len(names) == 4 and all(len(name) <= 32 for name in names)
    assert all(layer["encoding"]["y"]["axis"]["labelLimit"] == 0 for layer in dots)


def test_names_of_many_layers_keep_apart_beside_their_dots(tmp_path: Path) -> None:
    for layer in range(40):
        write_cell(tmp_path, f"layer{layer}", calib={"layer": layer})
    drawn = panels(spec(draw("calibration", tmp_path, options={})))
    # Letters are 10 pixels high.
    assert {panel["height"] for panel in drawn} == {drawn[2]["height"]} and drawn[2]["height"] >= 40 * 12


def test_labels_of_many_doses_keep_apart(tmp_path: Path) -> None:
    doses = [str(round(0.1 * i, 1)) for i in range(1, 25)]
    write_cell(
        tmp_path,
        trajectory={"per_prompt_per_t_kl": {dose: [[0.5] * 8] for dose in doses}},
        pmass={"pmass_eval": {dose: [[0.9] * 4] for dose in doses}, "gen_lens_eval": {dose: [8] for dose in doses}},
    )
    (point,) = layers(panels(spec(draw("calibration", tmp_path, options={})))[1], "point")
    assert point["encoding"]["x"]["axis"]["labelSeparation"] == 4


def test_rows_of_c_star_are_in_the_order_of_the_legend(tmp_path: Path) -> None:
    for model in ("Qwen2.5-0.5B-Instruct", "tiny"):
        for method in ("contrastive_activation_addition", "pca"):
            write_cell(tmp_path, f"{model}_{method}", calib={"model": model, "method": method})
    svg = svg_of(draw("calibration", tmp_path, options={}).spec())
    # The legend has them too, before.
    labels = re.findall(r">([^<]*(?:pca|dition))<", svg.split("c_star of 4")[0])[-4:]
    assert [label[-3:] for label in labels] == ["ion", "pca", "ion", "pca"]
