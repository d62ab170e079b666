"""The dose figure, by its specification."""

from __future__ import annotations

from pathlib import Path

import pytest

import klsurv
from tests.charts.figures import FEW, OPTIONS, draw, headings, layers, legend, panels, rows, spec


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
    assert legend(read)[:3] == ["mean_diff", "pca", "interval, prompts resampled"]


@pytest.mark.filterwarnings("ignore::klsurv.KlsurvWarning")
def test_an_open_end_of_the_interval_of_ed50_is_drawn_to_the_last_dose(real_cells: Path) -> None:
    table = klsurv.scan(real_cells).dose((), **FEW, **OPTIONS)
    assert table.item(0, "ed50_low") is None
    (ring,) = spec(draw("dose", real_cells))["datasets"]["ed50 0"]
    assert ring == {"ed50": table.item(0, "ed50"), "ed50_low": 0.0, "ed50_high": table.item(0, "ed50_high")}


def test_both_panels_share_the_heading_line(real_cells: Path) -> None:
    """An unseen rule reaches above the top tick label of every panel, so that headings stand on one line."""
    for panel in panels(spec(draw("dose", real_cells))):
        assert layers(panel, "rule")[-1]["encoding"]["y"] == {"value": -9}
