"""The figure of KL quantiles, by its specification."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl

from klsurv.charts.quantiles import STOPS
from klsurv.params import Layout
from tests.charts.figures import draw, headings, layers, legend, panels, rows, spec, texts
from tests.charts.test_spaghetti import spec as spaghetti
from tests.frames.source import trajectory
from tests.generated import quietly


def test_axes_are_those_of_the_spaghetti(real_cells: Path) -> None:
    for ours, theirs in zip(panels(spec(draw("quantiles", real_cells))), panels(spaghetti(real_cells)), strict=True):
        lines, points = layers(ours, "rule")[0]["encoding"], layers(theirs, "point")[0]["encoding"]
        for axis in "xy":
            assert lines[axis]["scale"]["domain"] == points[axis]["scale"]["domain"]
        assert (ours["width"], ours["height"]) == (theirs["width"], theirs["height"])


def test_bands_are_p10_to_p90_and_p25_to_p75_of_one_table(real_cells: Path) -> None:
    read = spec(draw("quantiles", real_cells, alphas=[1.0]))
    outer, inner = layers(panels(read)[0], "area")
    fields = [(area["encoding"]["y"]["field"], area["encoding"]["y2"]["field"]) for area in (outer, inner)]
    assert fields == [("p10", "p90"), ("p25", "p75")]
    assert len(rows(read, outer)) == 96
    assert all(row["p10"] <= row["p25"] <= row["p50"] <= row["p75"] <= row["p90"] for row in rows(read, outer))


def test_the_median_is_coloured_and_as_wide_as_the_share_alive(real_cells: Path) -> None:
    read = spec(draw("quantiles", real_cells, alphas=[4.0]))
    median = layers(panels(read)[0], "rule")[0]
    colour, width = median["encoding"]["color"], median["encoding"]["strokeWidth"]
    assert (colour["field"], width["field"]) == ("alive", "alive")
    assert colour["scale"] == {"domain": [0, 0.5, 1], "range": list(STOPS), "interpolate": "rgb"}
    # At 4 all 16 are dead from token 0 on.
    assert {row["alive"] for row in rows(read, median)} == {0.0}
    assert legend(read)[2:] == ["median, all alive", "half alive", "all dead"]


def test_a_band_of_one_trajectory_is_not_in_the_legend() -> None:
    rows = [
        {"prompt": i, **trajectory([0.1 + i] * 8, fork=[0, 4], pmass=[0.9 - 0.1 * i, 0.8], gen_len=8)} for i in range(2)
    ]
    two, one = quietly(pl.DataFrame(rows)), quietly(pl.DataFrame(rows[:1]))
    for chart, bands in (("quantiles", {"p10–p90", "p25–p75"}), ("pmass", {"p10–p90"})):
        assert bands <= set(legend(spec(draw(chart, two, options={"roll": 1, "normalize_kl": False}))))
        assert not bands & set(legend(spec(draw(chart, one, options={}))))


def test_a_dose_without_kl_keeps_its_panel_and_says_why(real_cells: Path) -> None:
    read = spec(draw("quantiles", real_cells))
    assert headings(read)[0] == "α = 0.0   n=16"
    assert texts(panels(read)[0]) == ["16 without a scale (early KL 0 or failed)"]


def test_time_and_kl_may_be_logarithmic(real_cells: Path) -> None:
    read: dict[str, Any] = spec(draw("quantiles", real_cells, kl_log=True, layout=Layout(log_time=True)))
    encoding = layers(panels(read)[1], "rule")[0]["encoding"]
    assert encoding["x"]["scale"]["type"] == encoding["y"]["scale"]["type"] == "symlog"
    assert encoding["x"]["axis"]["values"] == [0, 1, 3, 10, 30]
