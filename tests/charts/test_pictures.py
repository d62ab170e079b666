"""Every chart as a picture, and of runs with little to show.

The pictures in `tests/charts/pictures` are remade by `python -m tests.charts.figures [CHART …]`; look at them before
they are committed.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

import klsurv
from klsurv.charts.theme import PAPER
from klsurv.output.images import svg_of
from klsurv.params import Layout, Look, Scoring
from klsurv.plots.spaghetti import draw_spaghetti
from tests.charts.figures import (
    CHARTS,
    PICTURES,
    alike,
    draw,
    headings,
    layers,
    legend,
    panels,
    png,
    spec,
    texts,
)
from tests.conftest import Klsurv
from tests.ingest.handmade import NAN, write_cell

BOTH: Any = {"gen_lens_eval": {"0.0": [8, 8], "1.0": [8, 8]}}
ODD: dict[str, dict[str, dict[str, Any]]] = {
    "nothing measured": {"a": {"pmass": {"pmass_eval": {"0.0": [[NAN] * 4] * 2, "1.0": [[NAN] * 4] * 2}}}},
    "no token": {"a": {"pmass": {"gen_lens_eval": {"0.0": [0, 0], "1.0": [0, 0]}}}},
    "all dead at fork 0": {"a": {"pmass": {"pmass_eval": {"0.0": [[0.1] * 4] * 2, "1.0": [[0.1] * 4] * 2}, **BOTH}}},
    "no method": {"a": {"calib": {"method": ...}}},
    "long names": {
        f"{'x' * 190}_{seed}": {"calib": {"method": f"{'m' * 199}{seed}", "model": "n" * 200, "seed": seed}}
        for seed in range(2)
    },
}


@pytest.mark.parametrize("chart", CHARTS)
def test_the_picture_of_the_real_cells_is_the_one_that_was_looked_at(real_cells: Path, chart: str) -> None:
    assert alike(png(draw(chart, real_cells)), (PICTURES / f"{chart}.png").read_bytes())


@pytest.mark.parametrize("chart", CHARTS)
@pytest.mark.parametrize("odd", ODD)
def test_runs_with_little_to_show_are_drawn_without_a_stray_axis(tmp_path: Path, odd: str, chart: str) -> None:
    for name, cell in ODD[odd].items():
        write_cell(tmp_path, name, **cell)
    svg = svg_of(draw(chart, tmp_path, options={}).spec())
    said = ["".join(element.itertext()) for element in ElementTree.fromstring(svg).iter()]
    # Without a scale Vega names an axis by its fields and numbers it from NaN.
    assert not {"x", "y", "p10, p90, p50, y", "NaN", "undefined", "null"} & set(said)


@pytest.mark.parametrize("chart", ["survival", "incidence", "dose", "precursor"])
def test_panels_of_groups_with_long_names_are_told_apart_and_say_how_many(tmp_path: Path, chart: str) -> None:
    # Where they differ in the middle alone a heading that is cut there would say the same of all.
    methods = [f"{'a' * 17}{letter * 3}{'b' * 12}" for letter in "vwxyz"]
    for method in methods:
        write_cell(tmp_path, method, calib={"method": method})
    read = spec(draw(chart, tmp_path, options={}, by=["method", "seed"], layout=Layout(columns=4)))
    said = headings(read)
    each = len(said) // len(methods)
    assert len({tuple(said[i : i + each]) for i in range(0, len(said), each)}) == len(methods)
    if chart in ("survival", "incidence"):
        counts = ["n=4  events=1" if chart == "survival" else "n=4"] * 5
        assert [heading.split("   ")[1:] for heading in said] == [[n] for n in counts]


@pytest.mark.parametrize("chart", [name for name in CHARTS if name != "compare"])
def test_a_dose_of_a_third_is_written_with_no_more_digits_than_have_room(tmp_path: Path, chart: str) -> None:
    third = str(1 / 3)
    write_cell(
        tmp_path,
        trajectory={"per_prompt_per_t_kl": {third: [[0.5] * 8] * 2}},
        pmass={"pmass_eval": {third: [[0.9, 0.9, 0.8, 0.7]] * 2}, "gen_lens_eval": {third: [8] * 2}},
    )
    svg = svg_of(draw(chart, tmp_path, options={}).spec())
    assert "0.333333333" not in re.sub(r"<[^>]*>", " ", svg)


@pytest.mark.parametrize("chart", ["spaghetti", "survival", "quantiles", "pmass", "incidence", "threshold", "deaths"])
def test_doses_that_differ_beyond_eight_digits_are_told_apart(tmp_path: Path, chart: str) -> None:
    doses = [str(0.1 + 0.2), "0.3", str(1 / 3), "2.0"]
    write_cell(
        tmp_path,
        trajectory={"per_prompt_per_t_kl": dict.fromkeys(doses, [[0.5] * 8] * 2)},
        pmass={
            "pmass_eval": dict.fromkeys(doses, [[0.9, 0.9, 0.8, 0.7]] * 2),
            "gen_lens_eval": dict.fromkeys(doses, [8] * 2),
        },
    )
    if chart == "spaghetti":
        figure = draw_spaghetti(klsurv.scan(tmp_path), look=Look(columns=4), scoring=Scoring())
    else:
        figure = draw(chart, tmp_path, options={}, layout=Layout(columns=4))
    read = spec(figure)
    if chart == "threshold":
        said = legend(read)[:4]
    elif chart == "deaths":
        said = layers(panels(read)[0], "rect")[0]["encoding"]["x"]["sort"]
    else:
        said = headings(read)
    assert len(set(said)) == 4
    assert "0.33333333" in said[2] and max(map(len, said)) == len(said[2])


@pytest.mark.parametrize("chart", [name for name in CHARTS if name != "compare"])
def test_one_alpha_and_an_alpha_that_no_cell_has_are_drawn(real_cells: Path, chart: str) -> None:
    figure = draw(chart, real_cells, alphas=[1.0, 3.0])
    read = spec(figure)
    if chart in ("survival", "quantiles", "pmass", "incidence"):
        assert [panel["title"]["text"].split()[2:4] for panel in read["vconcat"][1]["concat"]] == [
            ["1.0", "n=16"],
            ["3.0", "n=0"],
        ]
    assert svg_of(figure.spec()).startswith("<svg")


@pytest.mark.parametrize(
    ("chart", "intervals"),
    [
        ("survival", ["50 % interval of S"]),
        ("dose", ["50 % interval, prompts resampled", "ED50 and its 50 % interval"]),
        ("precursor", ["50 % interval, prompts resampled"]),
        ("compare", ["50 % interval, as if independent", "50 % interval, whole prompts resampled"]),
    ],
)
def test_a_figure_says_the_level_of_its_intervals(real_cells: Path, chart: str, intervals: list[str]) -> None:
    assert set(intervals) <= set(legend(spec(draw(chart, real_cells, level=0.5))))


@pytest.mark.parametrize("chart", CHARTS)
def test_alpha_0_alone_is_drawn(real_cells: Path, chart: str) -> None:
    assert svg_of(draw(chart, real_cells, alphas=[0.0]).spec()).startswith("<svg")


@pytest.mark.parametrize("chart", CHARTS)
def test_altair_need_not_guess_the_type_of_a_part(
    real_cells: Path, chart: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a chart is given a name or a dictionary in place of a channel, altair looks through all its schemas."""

    def guess(*_: object, **__: object) -> None:
        raise AssertionError("a channel is not called by its type")

    monkeypatch.setattr("altair.utils.schemapi.SchemaBase.from_dict", guess)
    draw(chart, klsurv.scan(real_cells, tell=lambda _: None))


@pytest.mark.parametrize("chart", CHARTS)
def test_titles_say_what_is_shown_and_of_which_model(real_cells: Path, chart: str) -> None:
    read = spec(draw(chart, real_cells))
    assert len(read["title"]["text"]) > 20
    assert read["title"]["subtitle"].startswith("Model: SmolLM2-135M-Instruct. window=96.")
    if chart not in ("precursor", "calibration", "compare"):
        assert "n=112 trajectories." in read["title"]["subtitle"]
    assert read["config"]["background"] == PAPER


@pytest.mark.parametrize(
    ("chart", "want"),
    [
        ("pmass", ["dies", "threshold 0.8"]),
        ("precursor", []),
        ("quantiles", []),
    ],
)
def test_of_one_trajectory_the_legend_has_what_is_drawn_and_the_title_says_one(
    tmp_path: Path, chart: str, want: list[str]
) -> None:
    write_cell(
        tmp_path,
        trajectory={"per_prompt_per_t_kl": {"1.0": [[0.0] * 8]}},
        pmass={"pmass_eval": {"1.0": [[0.1] * 4]}, "gen_lens_eval": {"1.0": [8]}},
    )
    read = spec(draw(chart, tmp_path, options={}))
    assert "n=1 trajectory." in read["title"]["subtitle"]
    assert [text for part in read["vconcat"][:-1] for text in texts(part)] == want


def test_a_chart_is_saved_in_every_format(klsurv: Klsurv, real_cells: Path, tmp_path: Path) -> None:
    starts = {".png": b"\x89PNG", ".svg": b"<svg", ".pdf": b"%PDF-", ".html": b"<!", ".json": b"{"}
    outputs = [f"--output={tmp_path / f'dose{suffix}'}" for suffix in starts]
    result = klsurv("plot", "dose", real_cells, *outputs, "--threshold", "0.3", "--bootstrap", "100")
    assert (result.returncode, result.stdout) == (0, ""), result.stderr
    assert all((tmp_path / f"dose{suffix}").read_bytes().startswith(start) for suffix, start in starts.items())
