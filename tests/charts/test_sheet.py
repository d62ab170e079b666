"""Layout, legends and axes that charts share."""

from __future__ import annotations

import json
import re
from typing import Any

import altair as alt
import pytest

from klsurv.charts.figure import Datasets
from klsurv.charts.legend import Entry, legend
from klsurv.charts.page import Page, Words, kl_axis, kl_ticks, short, shorts, span
from klsurv.charts.sheet import log_scale, panel, share, sheet, time
from klsurv.exprs.axes import Axes
from klsurv.output.images import svg_of
from klsurv.params import Layout


def test_a_page_has_at_most_four_panels_in_a_row_unless_it_is_told() -> None:
    assert [Page(n_panels=n).across for n in (0, 1, 4, 5, 8, 9)] == [1, 1, 4, 3, 4, 3]
    assert (
        Page(n_panels=8, layout=Layout(columns=2)).across == 2
        and Page(n_panels=1, layout=Layout(columns=5)).across == 1
    )
    assert [Page(n_panels=8).left(i) for i in range(5)] == [True, False, False, False, True]


def test_a_long_name_is_cut_in_its_middle() -> None:
    assert short("abcdefghij", 10) == "abcdefghij"
    assert short("abcdefghijk", 10) == "abcde…hijk"
    assert [len(short("x" * 200, most)) for most in (2, 3, 36, 199)] == [2, 3, 36, 199]


def test_of_several_names_the_longest_are_cut() -> None:
    assert short("google/gemma-2-9b-it, pca, layer 10", 30) == "google/…2-9b-it, pca, layer 10"
    models = "Qwen/Qwen2.5-7B-Instruct, SmolLM2-135M-Instruct, google/gemma-2-9b-it"
    assert short(models, 50) == "Qwen/Qwe…nstruct, SmolLM2…nstruct, google/…2-9b-it"
    assert short("google/gemma-2-9b-it, mean_diff, layer 10, window 256", 32) == "goo…-it, mea…iff, la… 10, w… 256"
    # With no room for a few letters of each they are cut as one.
    assert short(models, 12) == "Qwen/Q…9b-it"
    assert [len(short(models, most)) for most in (2, 12, 30, 68)] == [2, 12, 30, 68]


def test_names_that_are_too_long_lose_the_words_that_they_share() -> None:
    begin, end = "a_model_" * 5, "_window" * 5
    assert shorts(["one", "two"], 10) == ["one", "two"]
    assert shorts([f"{begin}{seed}" for seed in range(2)], 10) == ["…a_model_0", "…a_model_1"]
    cells = [f"Llama-3.1-8B-Instruct_{method}_s0_w256" for method in ("pca", "mean_diff")]
    assert shorts(cells, 33) == ["…1-8B-Instruct_pca_s0_w256", "…1-8B-Instruct_mean_diff_s0_w256"]
    assert shorts(["abcdefghijkl", "abcdefghijkm"], 10) == ["abcde…ijkl", "abcde…ijkm"]
    assert shorts(["abcdefghijklXmnopqrstuv", "abcdefghijklYmnopqrstuv"], 10) == ["…X…", "…Y…"]
    assert shorts([f"{begin}{method}{end}" for method in ("pca", "mean")], 10) == ["…pca…", "…mean…"]
    assert shorts(["x" * 50] * 2, 10) == [short("x" * 50, 10)] * 2
    alike = [f"{'a' * 20}{middle}{'b' * 20}" for middle in "xy"]
    assert shorts([*alike, "other", alike[0]], 10) == ["aaaa…bbb 1", "aaaa…bbb 2", "other 3", "aaaa…bbb 1"]


def test_a_heading_is_no_wider_than_its_panel() -> None:
    for width in (225, 300, 700):
        title = panel([], text="n" * 200, size=(width, 100)).to_dict()["title"]["text"]
        assert len(title) * 6.2 <= width


def test_time_begins_before_0_and_ends_past_the_last_fork() -> None:
    page, log = Page(n_panels=1), Page(n_panels=1, layout=Layout(log_time=True))
    assert span(100, page=page) == (-2, 104) and span(100, page=page, room=False) == (0, 104)
    assert span(100, page=log) == (-0.15, 125) and span(0, page=page)[1] > 0
    axis = time(span(100, page=log), page=log).to_dict()
    assert axis["axis"]["values"] == [0, 1, 3, 10, 30, 100] and axis["scale"]["type"] == "symlog"


@pytest.mark.parametrize(("last", "want"), [(1, [0, 1]), (2, [0, 1, 2]), (3, [0, 1, 2, 3])])
def test_a_short_time_axis_has_a_tick_per_token_and_none_between(last: int, want: list[int]) -> None:
    for page in (Page(n_panels=1), Page(n_panels=1, layout=Layout(log_time=True))):
        axis = time(span(last, page=page), page=page).to_dict()["axis"]
        assert [tick for tick in axis["values"] if tick <= last] == want and axis["format"] == "d"
    assert time((-1, 2), page=Page(n_panels=1)).to_dict()["axis"]["values"] == [0, 1, 2]


def test_ticks_of_kl_are_dense_only_where_their_labels_have_room() -> None:
    small, large = (Axes(width=225, height=height, x_max=96, y_max=5, kl_log=True) for height in (165, 390))
    assert kl_ticks(small) == pytest.approx([0, 0.1, 0.3, 1, 3])
    assert kl_ticks(large) == pytest.approx([0, 0.03, 0.1, 0.3, 1, 3])
    assert kl_ticks(Axes(width=225, height=165, x_max=96, y_max=0.001, kl_log=True)) == [0]


def labels(encoding: dict[str, Any], *, size: tuple[int, int]) -> list[str]:
    """What Vega writes at the ticks of an axis, and its title."""
    chart = {"data": {"values": [{}]}, "mark": "point", "width": size[0], "height": size[1], "encoding": encoding}
    return re.findall(r"<text[^>]*>([^<]*)</text>", svg_of(json.dumps(chart)))


@pytest.mark.parametrize(
    ("y_max", "want"),
    [
        (1.1, ["0", "0.2", "0.4", "0.6", "0.8", "1"]),
        (40.0, ["0", "10", "20", "30", "40"]),
        (700.0, ["0", "200", "400", "600"]),
        (5000.0, ["0", "1000", "2000", "3000", "4000", "5000"]),
    ],
)
def test_kl_is_written_out_at_its_ticks(y_max: float, want: list[str]) -> None:
    axes = Axes(width=300, height=215, x_max=96, y_max=y_max)
    y = kl_axis(axes, field="y", title="KL", labels=True)
    assert labels({"y": y}, size=(axes.width, axes.height)) == [*want, "KL"]


def test_a_logarithmic_axis_of_kl_has_each_of_its_ticks() -> None:
    axes = Axes(width=225, height=165, x_max=96, y_max=150, kl_log=True)
    y = kl_axis(axes, field="y", title="KL", labels=True)
    assert labels({"y": y}, size=(225, 165)) == ["0", "0.1", "0.3", "1", "3", "10", "30", "100", "KL"]


def test_hidden_labels_keep_their_place() -> None:
    assert "labelExpr" not in share("y", title="S", labels=True).to_dict()["axis"]
    assert share("y", title=None, labels=False).to_dict()["axis"]["labelExpr"] == "''"


@pytest.mark.parametrize("values", [[], [1.0], [0.9, 1.1], [0.01, 100.0]])
def test_a_logarithmic_axis_spans_a_factor_of_four_and_holds_its_ticks(values: list[float]) -> None:
    axis = log_scale("y", axis=alt.Y, title=None, values=values).to_dict()
    low, high = axis["scale"]["domain"]
    assert high / low >= 3.999 and all(low < value < high for value in values)
    assert len(axis["axis"]["values"]) >= 2 and all(low <= tick <= high for tick in axis["axis"]["values"])


def test_a_logarithmic_axis_has_ticks_however_far_it_goes() -> None:
    ticks = log_scale("x", axis=alt.X, title=None, values=[1e-19, 1e9]).to_dict()["axis"]["values"]
    assert (min(ticks), max(ticks)) == pytest.approx((1e-19, 1e9))


def test_a_legend_goes_on_in_a_new_line_where_it_is_full() -> None:
    kinds = ("line", "dashed", "tick", "bar", "band", "dot")
    entries = [Entry(kind, "#000000", f"a name of some length {kind}") for kind in kinds]  # type: ignore[arg-type]
    assert legend(entries, width=2000)["height"] == 16
    assert legend(entries, width=300)["height"] == 16 * 6


def test_without_panels_a_sheet_says_that_there_is_nothing() -> None:
    figure = sheet([], page=Page(n_panels=0), words=Words("t", "s"), data=Datasets())
    assert "nothing to show" in figure.spec()
