"""The forest of differences, by its specification."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import klsurv
from klsurv.charts.compare import compare_chart
from klsurv.charts.page import Words
from tests.charts.figures import FEW, OPTIONS, draw, headings, layers, legend, panels, rows, spec, texts

BOUNDS = ("ci_low", "ci_high", "boot_low", "boot_high")


@pytest.mark.filterwarnings("ignore::klsurv.KlsurvWarning")
def test_a_row_has_the_difference_both_intervals_and_their_numbers(real_cells: Path) -> None:
    read = spec(draw("compare", real_cells))
    pair = klsurv.scan(real_cells).compare("method", **FEW, **OPTIONS).row(1, named=True)
    (panel,) = panels(read)
    (point,) = rows(read, layers(panel, "point")[0])
    assert all(point[name] == pair[name] for name in ("rmst_diff", "ci_low", "ci_high", "boot_low", "boot_high"))
    assert headings(read) == ["τ = 96 tokens   1 pair"]
    said = texts(panel)
    assert "mean_diff − pca" in said
    assert f"+36.7 ({pair['boot_low']:.3g} to {pair['boot_high']:.3g})   p = {pair['p_holm']:.2g}" in said


def pairs(n: int, **columns: Any) -> pl.DataFrame:
    numbers = {name: [float(i) for i in range(n)] for name in BOUNDS}
    return pl.DataFrame(
        {
            "group_a": [f"a{i}" for i in range(n)],
            "group_b": ["b"] * n,
            "rmst_diff": [float(i) * (-1) ** i for i in range(n)],
            **numbers,
            **dict.fromkeys(("p", "p_holm", "rmst_p"), [0.5] * n),
            "tau": [96] * n,
            **columns,
        }
    ).cast({name: pl.Float64 for name in (*numbers, "rmst_diff")})


def test_of_91_pairs_the_40_largest_are_drawn_in_order_and_the_heading_says_so() -> None:
    read = spec(compare_chart(pairs(91), words=Words("", "")))
    (panel,) = panels(read)
    drawn = [row["rmst_diff"] for row in rows(read, layers(panel, "point")[0])]
    assert [abs(value) for value in drawn] == list(range(51, 91))
    assert headings(read) == ["τ = 96 tokens   the 40 largest differences of 91 pairs"]
    assert panel["height"] < 1000


def test_a_pair_without_a_difference_or_an_interval_is_named_all_the_same() -> None:
    nothing = [None, 1.0]
    table = pairs(2, rmst_diff=nothing, boot_low=[None, None], ci_low=nothing, ci_high=nothing)
    (panel,) = panels(spec(compare_chart(table, words=Words("", ""))))
    assert {"no difference can be given", "a0 − b", "a1 − b", "+1 (1 to 1)   p = 0.5"} <= set(texts(panel))


def test_without_pairs_the_figure_says_so() -> None:
    (panel,) = panels(spec(compare_chart(pairs(0), words=Words("", ""))))
    assert "no pair to compare" in texts(panel)
    assert layers(panel, "point")[0]["encoding"]["x"]["axis"]["labels"] is False


def test_numbers_have_the_minus_sign_of_the_axis() -> None:
    (panel,) = panels(spec(compare_chart(pairs(2, rmst_diff=[-1.5, -1200.0]), words=Words("", ""))))
    assert {"−1.5 (0 to 0)   p = 0.5", "−1,200 (1 to 1)   p = 0.5"} <= set(texts(panel))


def test_long_names_differ_still() -> None:
    names = [f"{'m' * 40}{i}{'n' * 40}" for i in range(2)]
    (panel,) = panels(spec(compare_chart(pairs(1, group_a=names[:1], group_b=names[1:]), words=Words("", ""))))
    assert "…0… − …1…" in texts(panel)


@pytest.mark.filterwarnings("ignore::klsurv.KlsurvWarning")
@pytest.mark.parametrize(
    ("by", "label"), [("alpha", "α 1.0 − α 2.0"), ("window,alpha", "window=96, alpha=1.0 − window=96, alpha=2.0")]
)
def test_a_number_says_what_it_is_of(real_cells: Path, by: str, label: str) -> None:
    (panel,) = panels(spec(draw("compare", real_cells, by=by, alphas=[1.0, 2.0])))
    assert label in texts(panel)


@pytest.mark.filterwarnings("ignore::klsurv.KlsurvWarning")
def test_the_columns_within_which_is_tested_are_named(real_cells: Path) -> None:
    runs = klsurv.scan(real_cells)
    chart = runs.plot.compare(at_alpha=1.0, stratify="prompt", bootstrap=100, threshold=0.3).to_dict()
    assert "difference (thick interval), p within prompt after Holm" in json.dumps(chart, ensure_ascii=False)


def test_an_interval_that_is_not_drawn_is_not_spoken_of(real_cells: Path) -> None:
    read = spec(draw("compare", real_cells, at_alpha=1.0, bootstrap=0))
    assert legend(read) == ["95 % interval, as if independent"]
    assert "difference (interval), p after Holm, as if independent" in texts(panels(read)[0])
    none = spec(compare_chart(pairs(1, **{name: [None] for name in BOUNDS}), words=Words("", "")))
    assert "difference, p after Holm, as if independent" in texts(panels(none)[0])
    assert len(none["vconcat"]) == 1
