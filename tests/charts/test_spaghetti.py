"""The figure, by its specification and by its pixels."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import vl_convert
from PIL import Image

import klsurv
from klsurv.charts import theme
from klsurv.charts.figure import Figure
from klsurv.exprs.axes import Axes
from klsurv.frames import thin
from klsurv.params import Look, Scoring
from klsurv.plots.spaghetti import draw_spaghetti
from tests.charts import figures
from tests.ingest.handmade import NAN, write_cell

SCORING = Scoring(threshold=0.3, roll=9)


def figure(root: Path, scoring: Scoring = SCORING, alphas: list[float] | None = None, **look: Any) -> Figure:
    return draw_spaghetti(klsurv.scan(root, alphas=alphas), look=Look(**look), scoring=scoring)


def spec(root: Path, *arguments: Any, **options: Any) -> dict[str, Any]:
    read: dict[str, Any] = json.loads(figure(root, *arguments, **options).spec())
    return read


def panels(spec: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = spec["vconcat"][1]["concat"]
    return found


def layers(panel: dict[str, Any], mark: str) -> list[dict[str, Any]]:
    return [layer for layer in panel["layer"] if layer["mark"]["type"] == mark]


def pixels(figure: Figure, scale: float = 1) -> np.ndarray[Any, np.dtype[np.float64]]:
    svg = vl_convert.vegalite_to_svg(figure.spec(), vl_version="6.4")
    return figures.pixels(vl_convert.svg_to_png(svg, scale=scale))


@pytest.fixture(scope="module")
def drawn(real_cells: Path) -> dict[str, Any]:
    return spec(real_cells)


def test_each_alpha_has_a_panel_titled_with_the_counts_of_the_reference(drawn: dict[str, Any]) -> None:
    assert [panel["title"]["text"] for panel in panels(drawn)] == [
        "α = 0.0   n=16  died=0  cens=0",
        "α = 0.25   n=16  died=3  cens=9",
        "α = 0.5   n=16  died=4  cens=6",
        "α = 1.0   n=16  died=5  cens=4",
        "α = 1.5   n=16  died=6  cens=2",
        "α = 2.0   n=16  died=5  cens=3",
        "α = 4.0   n=16  died=16  cens=0",
    ]


def test_dead_lines_lie_under_alive_lines_under_the_median_and_the_ticks(drawn: dict[str, Any]) -> None:
    layer = panels(drawn)[3]["layer"]
    assert [(part["mark"]["type"], part["mark"]["stroke"]) for part in layer] == [
        ("geoshape", "#d97706"),
        ("geoshape", "#3a7ca5"),
        ("rule", theme.INK),
        ("geoshape", theme.INK),
        ("point", theme.INK),
    ]
    assert layers(panels(drawn)[3], "geoshape")[-1]["mark"]["strokeWidth"] == 1.3


def test_opacity_is_eight_by_n_within_its_bounds(drawn: dict[str, Any]) -> None:
    assert layers(panels(drawn)[3], "geoshape")[0]["mark"]["strokeOpacity"] == 8 / 16
    assert [Look().opacity(n) for n in (0, 1, 8, 16, 40, 1000)] == [0.7, 0.7, 0.7, 0.5, 0.2, 0.2]
    assert Look(line_alpha=0.9).opacity(1000) == 0.9


def test_there_is_a_tick_for_each_trajectory_that_ended_by_eos_at_its_last_token(
    real_cells: Path, drawn: dict[str, Any]
) -> None:
    lengths = klsurv.scan(real_cells).trajectories(threshold=0.3, roll=9).filter(alpha=0.25, end="eos").collect()
    ticks = drawn["datasets"]["EOS, alpha 0.25"]
    assert sorted(tick["t"] for tick in ticks) == sorted(lengths["length"] - 1)
    assert len(ticks) == 9


@pytest.mark.parametrize("kl_log", [False, True])
def test_no_tick_reaches_out_of_its_panel(real_cells: Path, kl_log: bool) -> None:
    drawn = spec(real_cells, Scoring(threshold=0.3, roll=0, window=40), kl_log=kl_log)
    seen = 0
    for panel in panels(drawn):
        (layer,) = layers(panel, "point")
        low, high = layer["encoding"]["y"]["scale"]["domain"]
        axes = Axes(width=1, height=panel["height"], x_max=layer["encoding"]["x"]["scale"]["domain"][1], y_max=high)
        assert axes.y_domain[0] == low
        if kl_log:
            axes = replace(axes, kl_log=True)
        for tick in drawn["datasets"][layer["data"]["name"]]:
            above = pl.select(axes.y(pl.lit(tick["y"]))).item()
            assert 6 - 1e-9 <= above <= panel["height"] - 6 + 1e-9
            assert tick["t"] <= axes.x_max
            seen += 1
    assert seen > 10


def test_axes_follow_r7(drawn: dict[str, Any]) -> None:
    for panel in panels(drawn):
        encoding = layers(panel, "point")[0]["encoding"]
        low, high = encoding["y"]["scale"]["domain"]
        assert high == pytest.approx(1.8075623161, rel=1e-9)
        assert low == pytest.approx(-0.05 * high)
        # At alpha 0 nothing is drawn; elsewhere the longest line fills the window.
        assert encoding["x"]["scale"]["domain"] == [-1, 20 if "α = 0.0" in panel["title"]["text"] else 96]


def test_only_the_first_panel_names_the_y_axis_and_only_the_first_column_numbers_it(drawn: dict[str, Any]) -> None:
    y = [layers(panel, "point")[0]["encoding"]["y"] for panel in panels(drawn)]
    assert [axis["title"] for axis in y] == ["KL / p95(KL[:20])"] + [None] * 6
    assert ["labelExpr" in axis["axis"] for axis in y] == [False, True, True, True, False, True, True]
    assert all(layers(panel, "point")[0]["encoding"]["x"]["title"] == "token t" for panel in panels(drawn))


@pytest.mark.parametrize(
    ("roll", "said"),
    [(1, "roll=1."), (9, "roll=9 (6 shorter: not smoothed)."), (65, "roll=65 (21 shorter: not smoothed).")],
)
def test_the_subtitle_says_how_many_lines_are_too_short_to_be_smoothed(real_cells: Path, roll: int, said: str) -> None:
    # Counted in the raw files: steered rollouts of fewer tokens than that.
    assert spec(real_cells, Scoring(threshold=0.3, roll=roll))["title"]["subtitle"].endswith(said)


def test_title_and_legend_say_threshold_model_window_and_what_each_mark_means(drawn: dict[str, Any]) -> None:
    assert "pmass < 0.3 = dead" in drawn["title"]["text"]
    assert "SmolLM2-135M-Instruct" in drawn["title"]["subtitle"] and "window=96" in drawn["title"]["subtitle"]
    legend = [
        part["encoding"]["text"]["value"] for part in drawn["vconcat"][0]["layer"] if part["mark"]["type"] == "text"
    ]
    assert legend == [
        "alive (pmass ≥ 0.3)",
        "dead (pmass < 0.3)",
        "median",
        "EOS (right-censored)",
        "calibration target = 1 (own early p95)",
    ]


def test_an_alpha_without_lines_keeps_its_panel_and_says_why(drawn: dict[str, Any]) -> None:
    empty = panels(drawn)[0]
    assert drawn["datasets"][layers(empty, "geoshape")[0]["data"]["name"]] == []
    assert layers(empty, "text")[0]["encoding"]["text"]["value"] == "16 without a scale (early KL 0 or failed)"


def test_an_alpha_that_no_cell_has_keeps_an_empty_panel(real_cells: Path) -> None:
    with pytest.warns(klsurv.KlsurvWarning, match="no cell has alpha 3"):
        drawn = spec(real_cells, alphas=[1, 3])
    assert [panel["title"]["text"] for panel in panels(drawn)][1] == "α = 3.0   n=0  died=0  cens=0"


def test_raw_kl_has_its_target_at_alpha_squared_or_a_note_where_that_is_off_scale(real_cells: Path) -> None:
    read = spec(real_cells, Scoring(threshold=0.3, roll=9, normalize_kl=False))
    rules = [layers(panel, "rule")[0]["data"]["values"] for panel in panels(read)]
    assert [[row["y"] for row in rule] for rule in rules] == [[0.0], [0.0625], [0.25], [1.0], [2.25], [4.0], []]
    assert layers(panels(read)[-1], "text")[0]["encoding"]["text"]["value"] == "target 16 off-scale"
    assert layers(panels(read)[0], "point")[0]["encoding"]["y"]["title"] == "per-token KL (nats)"


def test_columns_wrap_the_panels(real_cells: Path) -> None:
    assert spec(real_cells)["vconcat"][1]["columns"] == 4
    assert spec(real_cells, columns=2)["vconcat"][1]["columns"] == 2
    assert [theme.columns_for(n) for n in range(1, 11)] == [1, 2, 3, 4, 3, 3, 4, 4, 3, 4]


def test_kl_log_is_linear_below_a_tenth_and_lines_lie_on_its_axis(real_cells: Path) -> None:
    drawn = spec(real_cells, alphas=[1.0], kl_log=True)
    scale = layers(panels(drawn)[0], "point")[0]["encoding"]["y"]["scale"]
    assert (scale["type"], scale["constant"]) == ("symlog", 0.1)


def test_lines_lie_where_vega_puts_the_same_values(real_cells: Path) -> None:
    """A line drawn in pixels covers the ordinary line mark of the same values: on both axes, linear and logarithmic."""
    for kl_log in (False, True):
        whole = figure(real_cells, alphas=[1.0], kl_log=kl_log, line_lw=2, line_alpha=1)
        read = json.loads(whole.spec())
        panel = panels(read)[0]
        encoding = layers(panel, "point")[0]["encoding"]
        strokes = klsurv.scan(real_cells, alphas=[1.0]).scored(threshold=0.3, roll=9).collect()
        rows = strokes.filter(pl.col("kl_rel").is_finite()).select("t", "cell", "prompt", y="kl_rel").to_dicts()
        marks = {"type": "line", "clip": True, "stroke": "red", "strokeWidth": 2}
        frame = {"width": panel["width"], "height": panel["height"], "config": {"background": "white"}}
        x, y = ({**encoding[axis], "axis": None} for axis in "xy")
        usual = {
            **frame,
            "data": {"values": [{**row, "id": f"{row['cell']} {row['prompt']}"} for row in rows]},
            "mark": marks,
            "encoding": {"x": x, "y": y, "detail": {"field": "id"}},
        }
        invisible = {"mark": {"type": "point", "opacity": 0}, "data": {"values": [{}]}, "encoding": {"x": x, "y": y}}
        ours = {
            **frame,
            "datasets": read["datasets"],
            "layer": [{**layer, "mark": {**layer["mark"], "stroke": "red"}} for layer in layers(panel, "geoshape")[:-1]]
            + [invisible],
        }
        images = []
        for each in (usual, ours):
            png = vl_convert.vegalite_to_png(json.dumps(each), vl_version="6.4")
            images.append(np.asarray(Image.open(io.BytesIO(png)).convert("L"), dtype=float) < 200)
        ink, same = images[0].sum(), (images[0] & images[1]).sum()
        assert ink > 1000
        assert same / ink > 0.97


def noisy(n: int, *, tokens: int, fork: list[int], seed: int) -> pl.DataFrame:
    """n trajectories of one dose, KL noise about a level that falls early; every other one dies at the last fork."""
    rng = np.random.default_rng(seed)
    t = np.arange(tokens)
    kl = rng.gamma(1.0, 0.4, (n, tokens)) * (0.2 + 0.8 * np.exp(-t / 30))
    return pl.DataFrame(
        {
            "alpha": [1.0] * n,
            "prompt": list(range(n)),
            "kl": kl.tolist(),
            "fork": [fork] * n,
            "pmass": [[0.9, 0.9, 0.5 if i % 2 else 0.9] for i in range(n)],
        }
    )


def test_thinned_lines_look_like_the_full_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pixel by pixel: 24 noisy lines of 4,096 tokens, drawn from all their points and from those that are kept."""
    frame = noisy(24, tokens=4096, fork=[0, 700, 2000], seed=1)
    scoring = Scoring()
    few = draw_spaghetti(klsurv.scan(frame), look=Look(), scoring=scoring)
    points = sum(data["points"].list.len().sum() for data in _strokes(few))
    monkeypatch.setattr(thin, "off_chord", lambda x, y, tolerance: pl.lit(True))
    monkeypatch.setattr(thin, "m4", lambda x, y, column: pl.lit(True))
    all_of_them = draw_spaghetti(klsurv.scan(frame), look=Look(), scoring=scoring)
    assert sum(data["points"].list.len().sum() for data in _strokes(all_of_them)) >= 24 * 4096
    assert points < 24 * 4096 / 2.5
    thinned, full = pixels(few), pixels(all_of_them)
    off = np.abs(thinned - full).max(axis=2)
    # The paper is 250, a line some 160 in its strongest channel.
    assert off.mean() < 3.0
    assert (off > 60).mean() < 0.01
    # The black median is drawn the same.
    dark = (thinned.max(axis=2) < 60), (full.max(axis=2) < 60)
    assert (dark[0] & dark[1]).sum() / (dark[0] | dark[1]).sum() > 0.93


def test_crowded_lines_counted_per_pixel_look_like_the_lines_drawn_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    frame = noisy(120, tokens=600, fork=[0, 150, 300], seed=2)
    look = Look(line_lw=0.5)
    counted = draw_spaghetti(klsurv.scan(frame), look=look, scoring=Scoring())
    assert not _strokes(counted)
    monkeypatch.setattr(Look, "crowded", staticmethod(lambda n: False))
    one_by_one = draw_spaghetti(klsurv.scan(frame), look=look, scoring=Scoring())
    assert _strokes(one_by_one)
    images = pixels(counted, scale=2), pixels(one_by_one, scale=2)
    off = np.abs(images[0] - images[1]).max(axis=2)
    # One has antialiasing and the other has not, so single pixels differ; blurred over 8 by 8 they do not.
    height, width = (8 * (side // 8) for side in off.shape)
    blurred = [image[:height, :width].reshape(height // 8, 8, width // 8, 8, 3).mean(axis=(1, 3)) for image in images]
    assert off.mean() < 6
    assert np.abs(blurred[0] - blurred[1]).mean() < 2.5
    assert np.abs(blurred[0] - blurred[1]).max() < 50


def _strokes(figure: Figure) -> list[pl.DataFrame]:
    return [
        frame.select(points=pl.col("geometry").struct.field("coordinates"))
        for frame in figure.data.frames.values()
        if "cell" in frame.columns
    ]


def test_the_python_api_gives_an_altair_chart_with_its_data(real_cells: Path) -> None:
    chart = klsurv.scan(real_cells, alphas=[1.0]).plot.spaghetti(threshold=0.3, roll=9)
    read = chart.to_dict()
    assert read["vconcat"][1]["concat"][0]["title"]["text"] == "α = 1.0   n=16  died=5  cens=4"
    assert len(read["datasets"]["alive, alpha 1.0"]) > 0


def test_a_name_never_becomes_part_of_an_expression_or_a_field() -> None:
    frame = pl.DataFrame(
        {"cell": ["x' || true || '"], "alpha": [1.0], "prompt": [0], "t": [0], "kl": [1.0], "pmass": [0.9]}
    )
    more = pl.concat([frame, frame.with_columns(t=pl.lit(1, pl.Int64))])
    read = json.loads(draw_spaghetti(klsurv.scan(more), look=Look(), scoring=Scoring()).spec())
    rows = read.pop("datasets")
    assert "|| true" not in json.dumps(read)
    assert "|| true" in json.dumps(rows)


def test_a_line_alone_is_not_hidden_by_its_median(tmp_path: Path) -> None:
    kl = {"0.0": [[0.0] * 8], "1.0": [[0.5, 0.4, 0.3, 0.2, 0.1, 0.1, 0.1, 0.1]]}
    one = {"pmass_eval": {alpha: [[0.9, 0.7, 0.6, 0.9]] for alpha in kl}, "gen_lens_eval": {alpha: [8] for alpha in kl}}
    write_cell(tmp_path, trajectory={"per_prompt_per_t_kl": kl}, pmass=one)
    (line,) = layers(panels(spec(tmp_path, alphas=[1.0]))[0], "geoshape")
    assert line["mark"]["stroke"] in (theme.ALIVE, theme.DEAD)


def test_of_one_that_runs_on_neither_a_median_nor_an_end_is_in_the_legend(tmp_path: Path) -> None:
    one = {"pmass_eval": {"1.0": [[0.9] * 4]}, "gen_lens_eval": {"1.0": [8]}}
    write_cell(tmp_path, trajectory={"per_prompt_per_t_kl": {"1.0": [[0.5] * 8]}}, pmass=one)
    read = spec(tmp_path)
    assert not {"median", "EOS (right-censored)"} & set(figures.legend(read))
    assert "n=1 trajectory." in read["title"]["subtitle"]


def test_a_panel_without_trajectories_says_so(real_cells: Path) -> None:
    with pytest.warns(klsurv.KlsurvWarning, match="no cell has alpha 3"):
        drawn = spec(real_cells, alphas=[1, 3])
    assert layers(panels(drawn)[1], "text")[0]["encoding"]["text"]["value"] == "no trajectory"


def test_long_names_of_models_are_cut_in_their_middle(tmp_path: Path) -> None:
    write_cell(tmp_path, calib={"model": f"a{'n' * 100}z"})
    assert "z. window=8. n=4 trajectories." in spec(tmp_path)["title"]["subtitle"]


@pytest.mark.filterwarnings("ignore::klsurv.KlsurvWarning")
def test_a_note_counts_the_lines_that_were_not_measured(tmp_path: Path) -> None:
    some = {"0.0": [[1.0, 0.9, 0.9, 0.9]] * 2, "1.0": [[NAN] * 4, [0.9, 0.85, NAN, NAN]]}
    write_cell(tmp_path, pmass={"pmass_eval": some})
    said = [set(figures.texts(panel)) for panel in panels(spec(tmp_path, Scoring(normalize_kl=False)))]
    assert ["1 not measured, drawn as alive" in notes for notes in said] == [False, True]
