"""The charts as methods of runs."""

from __future__ import annotations

from pathlib import Path

import altair as alt
import polars as pl
import pytest

import klsurv
from klsurv.errors import ParameterError
from tests.charts.figures import CHARTS, FEW, OPTIONS, draw
from tests.generated import quietly
from tests.ingest.handmade import write_cell

RESAMPLED = ("dose", "precursor", "compare")


@pytest.mark.filterwarnings("ignore::klsurv.KlsurvWarning")
@pytest.mark.parametrize("chart", CHARTS)
def test_the_method_gives_the_chart_of_the_command_with_its_data(real_cells: Path, chart: str) -> None:
    plots = klsurv.scan(real_cells).plot
    found = getattr(plots, chart)(**OPTIONS, **(FEW if chart in RESAMPLED else {}))
    assert isinstance(found, alt.VConcatChart)
    read, figure = found.to_dict(), draw(chart, real_cells)
    assert read["title"] == figure.chart["title"]
    assert set(figure.data.frames) <= set(read["datasets"])
    assert all(len(read["datasets"][name]) == frame.height for name, frame in figure.data.frames.items())


def test_columns_are_checked(real_cells: Path) -> None:
    with pytest.raises(ParameterError, match="columns"):
        klsurv.scan(real_cells).plot.survival(columns=0)


@pytest.mark.filterwarnings("ignore::klsurv.KlsurvWarning")
def test_columns_and_a_logarithmic_time_axis_are_taken(real_cells: Path) -> None:
    read = klsurv.scan(real_cells).plot.pmass(columns=2, log_time=True, **OPTIONS).to_dict()
    assert read["vconcat"][1]["columns"] == 2
    assert "symlog" in str(read["vconcat"][1])


@pytest.mark.filterwarnings("ignore::klsurv.KlsurvWarning")
def test_a_logarithmic_axis_of_doses_is_taken(real_cells: Path) -> None:
    plot = klsurv.scan(real_cells).plot
    assert "symlog" in str(plot.dose(log_dose=True, bootstrap=0, **OPTIONS).to_dict()["vconcat"][1])
    assert "symlog" not in str(plot.dose(bootstrap=0, **OPTIONS).to_dict()["vconcat"][1])


def test_a_model_that_is_not_known_is_not_called_by_the_name_of_another(real_cells: Path) -> None:
    rows = klsurv.scan(real_cells).trajectories().collect()
    pca = pl.col("cell").str.contains("pca")
    runs = quietly(rows.with_columns(model=pl.when(pca).then(pl.lit("y"))))
    assert runs.plot.survival(threshold=0.3).to_dict()["title"]["subtitle"].startswith("Model: y, unknown. window=96.")


def test_what_follows_a_long_name_of_a_model_is_not_cut(tmp_path: Path) -> None:
    write_cell(tmp_path, calib={"model": "n" * 60 + "z"})
    said = quietly(tmp_path, alphas=[1.0]).plot.survival().to_dict()["title"]["subtitle"]
    assert said.startswith("Model: nnnn") and len(said) <= 130
    assert said.endswith("z. window=8. α = 1.0. n=2 trajectories. Death at the first fork with pmass < 0.8.")


@pytest.mark.parametrize("chart", ["spaghetti", "survival", "quantiles", "pmass", "deaths"])
def test_a_figure_of_several_layers_says_how_many(tmp_path: Path, chart: str) -> None:
    for layers in (1, 2, 3):
        write_cell(tmp_path, f"l{layers}", calib={"layer": layers})
        said = getattr(quietly(tmp_path).plot, chart)().to_dict()["title"]["subtitle"]
        assert said.startswith(f"Model: tiny. {layers} layers. window=8." if layers > 1 else "Model: tiny. window=8.")
