"""The dose figure, by its specification."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

import polars as pl
import pytest

import klsurv
from klsurv.output.images import svg_of
from klsurv.params import Layout
from tests.charts.figures import FEW, OPTIONS, draw, headings, layers, legend, panels, rows, spec, texts
from tests.frames.source import trajectory
from tests.generated import quietly
from tests.ingest.handmade import NAN, write_cell


@pytest.mark.filterwarnings("ignore::klsurv.KlsurvWarning")
def test_lines_and_bars_are_the_table_and_no_bar_stands_where_no_draw_differs(real_cells: Path) -> None:
    read = spec(draw("dose", real_cells))
    table = klsurv.scan(real_cells).dose((), **FEW, **OPTIONS)
    for panel, name in zip(panels(read), ("rmst", "survival"), strict=True):
        column, low, high = ("rmst" if name == "rmst" else "survival_tau"), f"{name}_low", f"{name}_high"
        line = rows(read, layers(panel, "line")[0])
        assert [(row["alpha"], row[column]) for row in line] == table.select("alpha", column).rows()
        bars = next(rows(read, rule) for rule in layers(panel, "rule") if "bars" in rule["data"].get("name", ""))
        want = table.select("alpha", low, high).drop_nulls().rows()
        assert [tuple(bar.values()) for bar in bars] == want
        assert len(bars) < len(line)
        assert not layers(panel, "area")


def test_headings_and_legend_say_tau_and_what_the_bars_are(real_cells: Path) -> None:
    read = spec(draw("dose", real_cells, by="method"))
    assert headings(read) == ["restricted mean, τ = 96 tokens", "alive at τ = 96 tokens"]
    assert legend(read)[:3] == ["mean_diff", "pca", "95 % interval, prompts resampled"]


def test_groups_of_whom_none_was_measured_have_the_frame_that_says_so_and_are_counted(tmp_path: Path) -> None:
    write_cell(tmp_path, pmass={"pmass_eval": {"0.0": [[NAN] * 4] * 2, "1.0": [[NAN] * 4] * 2}})
    whole, by_method = (spec(draw("dose", tmp_path, by=by, options={})) for by in ((), "method"))
    assert "n=4 trajectories" in whole["title"]["subtitle"]
    assert by_method == whole
    y = [layer["encoding"]["y"]["title"] for panel in panels(by_method) for layer in layers(panel, "line")]
    assert y == ["mean tokens alive before τ", "S(τ)"]


@pytest.mark.filterwarnings("ignore::klsurv.KlsurvWarning")
def test_an_open_end_of_the_interval_of_ed50_is_drawn_to_the_last_dose(real_cells: Path) -> None:
    table = klsurv.scan(real_cells).dose((), **FEW, **OPTIONS)
    assert table.item(0, "ed50_low") is None
    drawn = spec(draw("dose", real_cells))["datasets"]
    (ring,), high = drawn["ed50 0"], table.item(0, "ed50_high")
    assert ring == {
        "ed50": table.item(0, "ed50"),
        "ed50_low": None,
        "ed50_high": high,
        "to_ed50_low": 0.0,
        "to_ed50_high": high,
    }
    # An arrow says which end is open.
    assert (drawn["ed50 0 triangle-left"], drawn["ed50 0 triangle-right"]) == ([ring], [])


def test_both_panels_share_the_heading_line(real_cells: Path) -> None:
    """An unseen rule reaches above the top tick label of every panel, so that headings stand on one line."""
    for panel in panels(spec(draw("dose", real_cells))):
        assert layers(panel, "rule")[-1]["encoding"]["y"] == {"value": -9}


def test_more_than_four_groups_have_two_panels_each_with_the_others_in_grey(real_cells: Path) -> None:
    read = spec(draw("dose", real_cells, by="prompt"))
    assert headings(read) == [f"prompt {i}" for i in range(8) for _ in range(2)]
    for panel in panels(read):
        others, own = (rows(read, layer) for layer in layers(panel, "line"))
        assert (len(others), len(own)) == (56, 7)
    assert legend(read)[0] == "the other groups" and legend(read)[-1] == "S = 0.5 at τ = 10 tokens"


def test_the_axis_of_doses_is_not_left_to_tables_that_may_be_empty(real_cells: Path) -> None:
    """Vega takes the ends of an axis from each table that has no say, and warns of those without a row."""
    for alphas, ends in ((None, [0, 4]), ([1.0, 2.0], [0, 2])):
        for panel in panels(spec(draw("dose", real_cells, alphas=alphas))):
            assert layers(panel, "line")[0]["encoding"]["x"]["scale"]["domain"] == ends


def test_a_dose_far_beyond_the_rest_leaves_them_room_on_a_logarithmic_axis() -> None:
    frame = pl.DataFrame(
        [
            {"prompt": i, **trajectory([0.1] * 8, alpha=alpha, fork=[0, 4], pmass=[0.9, 0.9 * (i > alpha)])}
            for alpha in (0.0, 0.5, 1.0, 100.0)
            for i in range(4)
        ]
    )
    for log, least, most in ((False, 0, 3), (True, 25, 60)):
        figure = draw("dose", quietly(frame), options={}, layout=Layout(log_dose=log))
        drawn = re.findall(r"M[-\d.]+,[-\d.]+(?:L[-\d.]+,[-\d.]+){3}\"", svg_of(figure.spec()))
        places = [float(x) for x, _ in re.findall(r"([-\d.]+),([-\d.]+)", drawn[0])]
        apart = [right - left for left, right in pairwise(places)]
        assert least < min(apart) < most
    axis = layers(panels(spec(figure))[0], "line")[0]["encoding"]["x"]
    assert axis["axis"]["values"] == [0, 0.5, 1, 100] and axis["scale"]["constant"] == 0.5


def test_a_logarithmic_axis_of_doses_has_a_tick_for_each_in_both_panels() -> None:
    doses = [0.0, *(2.0**i for i in range(-6, 6))]
    rollout = {"fork": [0, 4], "pmass": [0.9, 0.9]}
    frame = pl.DataFrame([{"prompt": 0, **trajectory([0.1] * 8, alpha=alpha, **rollout)} for alpha in doses])
    figure = draw("dose", quietly(frame), options={}, layout=Layout(log_dose=True))
    axes = re.findall('role-axis-tick".*?</g>', svg_of(figure.spec()))
    assert [axis.count("<line") for axis in axes[::2]] == [len(doses)] * 2


def test_ed50_is_in_the_legend_only_where_there_is_one(real_cells: Path) -> None:
    assert "ED50 and its 95 % interval" in legend(spec(draw("dose", real_cells)))
    assert legend(spec(draw("dose", real_cells, alphas=[1.0]))) == ["95 % interval, prompts resampled"]


def test_an_interval_that_is_not_drawn_is_not_in_the_legend(real_cells: Path) -> None:
    assert legend(spec(draw("dose", real_cells, bootstrap=0))) == ["ED50"]


def test_where_all_die_at_once_the_mean_of_0_lies_on_the_axis(tmp_path: Path) -> None:
    dead = {"0.0": [[0.1] * 4] * 2, "1.0": [[0.1] * 4] * 2}
    write_cell(tmp_path, pmass={"pmass_eval": dead})
    read = spec(draw("dose", tmp_path, options={}))
    assert headings(read)[0] == "restricted mean, τ = 0 tokens"
    assert layers(panels(read)[0], "line")[0]["encoding"]["y"]["scale"]["domain"] == [-0.02, 1.02]


def test_without_a_measurement_no_tau_is_made_up(tmp_path: Path) -> None:
    write_cell(tmp_path, pmass={"pmass_eval": {"0.0": [[NAN] * 4] * 2, "1.0": [[NAN] * 4] * 2}})
    read = spec(draw("dose", tmp_path, options={}))
    assert headings(read) == ["restricted mean", "alive at τ"]
    assert all("pmass was not measured" in texts(panel) for panel in panels(read))
