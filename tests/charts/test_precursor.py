"""The precursor figure, by its specification."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

import klsurv
from klsurv.charts.page import Words
from klsurv.charts.precursor import precursor_chart
from klsurv.params import Layout
from klsurv.schema import GROUP_COLUMNS, STUDY, typed
from tests.charts.figures import FEW, OPTIONS, draw, headings, layers, panels, rows, spec
from tests.ingest.handmade import write_cell


@pytest.mark.filterwarnings("ignore::klsurv.KlsurvWarning")
def test_both_measures_are_the_table_with_the_deaths_below(real_cells: Path) -> None:
    read = spec(draw("precursor", real_cells))
    table = klsurv.scan(real_cells).study((), **FEW, **OPTIONS).filter(pl.col("n_deaths") > 0)
    assert headings(read) == ["smoothed KL (nats), n=6 deaths", "KL / own p95, n=6 deaths"]
    for panel, measure in zip(panels(read), ("raw", "relative"), strict=True):
        alive, died = layers(panel, "line")
        assert (alive["encoding"]["y"]["field"], died["encoding"]["y"]["field"]) == ("alive", "died")
        want = table.filter(measure=measure)
        assert [row["died"] for row in rows(read, died)] == pytest.approx(want["died"].to_list())
        numbers = next(layer for layer in layers(panel, "text") if "field" in layer["encoding"]["text"])
        assert rows(read, numbers)[-1] == {"lag": -1, "n_deaths": 6}


def hazard(**columns: list[float]) -> pl.DataFrame:
    names = ["log2_early_kl", "log2_spike", "log2_alpha", "fork 17"]
    usual = {"hazard_ratio": [1.0, 2.0, 5.0, 1.0], "ci_low": [0.5, 0.7, 2.0, 0.1], "ci_high": [2.0, 6.0, 12.0, 9.0]}
    return pl.DataFrame({"covariate": names, **usual, "p": [0.5] * 4, "n": [40] * 4, "n_events": [9] * 4, **columns})


@pytest.mark.filterwarnings("ignore::klsurv.KlsurvWarning")
def test_a_forest_has_the_covariates_without_the_baseline(real_cells: Path) -> None:
    study = klsurv.scan(real_cells).study((), **FEW, **OPTIONS)
    read = spec(precursor_chart(study, hazard(), groups=pl.DataFrame(), words=Words("", ""), layout=Layout()))
    assert headings(read)[2] == "hazard ratios   n=40 forks, 9 deaths"
    point = layers(panels(read)[2], "point")[0]
    assert [row["covariate"] for row in rows(read, point)] == ["early KL × 2", "spike × 2", "α × 2"]
    low, high = point["encoding"]["x"]["scale"]["domain"]
    assert low < 0.5 and high > 12 and all(low <= tick <= high for tick in point["encoding"]["x"]["axis"]["values"])
    wild = precursor_chart(
        study, hazard(ci_high=[1e300, 6, 12, 9]), groups=pl.DataFrame(), words=Words("", ""), layout=Layout()
    )
    assert layers(panels(spec(wild))[2], "point")[0]["encoding"]["x"]["scale"]["domain"][1] < 200


def test_intervals_of_ratios_are_at_the_level_that_was_asked_for_and_say_it(
    real_cells: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[float] = []

    def fitted(self: klsurv.Runs, by: object, *, level: float, **options: object) -> pl.DataFrame:
        asked.append(level)
        return hazard()

    monkeypatch.setattr(klsurv.Runs, "hazard", fitted)
    monkeypatch.setattr("klsurv.stats.hazard.can_fit", lambda: True)
    runs = klsurv.scan(real_cells, tell=lambda _: None)
    point = layers(panels(spec(draw("precursor", runs, level=0.5)))[2], "point")[0]
    assert (asked, point["encoding"]["x"]["title"]) == ([0.5], "hazard ratio, 50 % interval")


def test_without_statsmodels_there_is_no_forest(real_cells: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("klsurv.stats.hazard.can_fit", lambda: False)
    assert len(panels(spec(draw("precursor", real_cells)))) == 2


def test_a_figure_without_deaths_says_so(real_cells: Path) -> None:
    read = spec(draw("precursor", real_cells, alphas=[1.0]))
    assert headings(read) == ["smoothed KL (nats), n=0 deaths", "KL / own p95, n=0 deaths"]


@pytest.mark.parametrize(("pmass", "said"), [(0.1, " (4 of 4 deaths, at token 0, left out)"), (0.9, "")])
def test_the_title_says_how_many_deaths_are_left_out_as_nothing_came_before(
    tmp_path: Path, pmass: float, said: str
) -> None:
    kl = {"0.0": [[0.0] * 8] * 2, "1.0": [[0.5] * 8] * 4}
    forks = {"0.0": [[0.1] * 4] * 2, "1.0": [[pmass] * 4] * 4}
    lengths = {"0.0": [8] * 2, "1.0": [8] * 4}
    write_cell(
        tmp_path,
        trajectory={"per_prompt_per_t_kl": kl},
        pmass={"pmass_eval": forks, "gen_lens_eval": lengths},
    )
    read = spec(draw("precursor", tmp_path, options={}))
    assert read["title"]["text"] == f"KL before death: the dying against the living{said}"


def test_each_group_has_a_row_on_the_same_axes_also_one_without_deaths(real_cells: Path) -> None:
    options = {**OPTIONS, "threshold": 0.5}
    read = spec(draw("precursor", real_cells, by="method", options=options))
    assert headings(read) == ["mean_diff   n=15 deaths"] * 2 + ["pca   n=0 deaths"] * 2
    assert read["vconcat"][-1]["columns"] == 2
    table = klsurv.scan(real_cells, where="method = 'mean_diff'", tell=lambda _: None).study(**FEW, **options)
    for i, measure in enumerate(("raw", "relative")):
        lines = [layers(panel, "line")[1] for panel in panels(read)[i::2]]
        assert [row["died"] for row in rows(read, lines[0])] == table.filter(measure=measure)["died"].to_list()
        assert rows(read, lines[1]) == []
        assert lines[0]["encoding"]["y"] == lines[1]["encoding"]["y"]
        assert lines[0]["encoding"]["x"] == lines[1]["encoding"]["x"]
        assert "no death after the first fork" in str(panels(read)[2 + i])


def test_groups_by_window_are_those_of_the_window_that_was_asked_for(real_cells: Path) -> None:
    read = spec(draw("precursor", real_cells, by="window", options={**OPTIONS, "threshold": 0.5, "window": 50}))
    assert headings(read)[0] == "window 50   n=15 deaths"


def test_ratios_of_groups_are_on_the_same_axes_and_a_group_without_says_so() -> None:
    ratios = hazard().with_columns(method=pl.lit("a"))
    groups = pl.DataFrame({"method": ["b", "a", "b"]})
    empty = typed([GROUP_COLUMNS["method"], *STUDY.columns]).to_frame()
    read = spec(precursor_chart(empty, ratios, groups=groups, words=Words("", ""), layout=Layout()))
    assert headings(read)[2::3] == ["a   n=40 forks, 9 deaths", "b"]
    one, other = (layers(panel, "point")[0] for panel in panels(read)[2::3])
    assert one["encoding"]["x"] == other["encoding"]["x"] and one["encoding"]["y"] == other["encoding"]["y"]
    assert (len(rows(read, one)), rows(read, other)) == (3, [])
    assert "no finite solution" in str(panels(read)[5])


def test_groups_of_any_name_are_told_apart_and_bands_that_are_not_there_are_not_explained(real_cells: Path) -> None:
    long = "a very long name of a method" * 5
    for name, start in (("", "method without a name"), (long, "…")):
        frame = klsurv.scan(real_cells).trajectories().collect().with_columns(method=pl.lit(name))
        read = spec(draw("precursor", frame, by="method", bootstrap=0))
        for heading in headings(read):
            assert heading.startswith(start) and heading.endswith("   n=6 deaths")
    assert "prompts resampled" not in str(read)
    assert "prompts resampled" in str(spec(draw("precursor", real_cells)))


def test_groups_whose_names_are_cut_alike_keep_their_own_rows() -> None:
    # They differ in the middle alone, and there in more than there is room for.
    names = [f"{'a' * 40}{middle}{'b' * 40}" for middle in (f"x{'c' * 60}y", f"z{'c' * 60}w")]
    ratios = pl.concat(
        hazard(hazard_ratio=[ratio, 1.0, 1.0, 1.0]).with_columns(method=pl.lit(name))
        for ratio, name in zip((2.0, 3.0), names, strict=True)
    )
    empty = typed([GROUP_COLUMNS["method"], *STUDY.columns]).to_frame()
    groups = pl.DataFrame({"method": names})
    read = spec(precursor_chart(empty, ratios, groups=groups, words=Words("", ""), layout=Layout()))
    points = [layers(panel, "point")[0] for panel in panels(read)[2::3]]
    assert [rows(read, point)[0]["hazard_ratio"] for point in points] == [2.0, 3.0]


def test_an_interval_beyond_the_axis_is_an_arrow_at_its_edge_and_keeps_its_numbers() -> None:
    wild = hazard(
        hazard_ratio=[1.0, 4000.0, 5.0, 1.0], ci_low=[1e-7, 0.7, 2.0, 0.1], ci_high=[1e300, float("inf"), 12.0, 9.0]
    )
    empty = typed(STUDY.columns).to_frame()
    read = spec(precursor_chart(empty, wild, groups=pl.DataFrame(), words=Words("", ""), layout=Layout()))
    diamonds, left, right = layers(panels(read)[2], "point")
    # A ratio beyond the axis has no place on it.
    assert [row["covariate"] for row in rows(read, diamonds)] == ["early KL × 2", "α × 2"]
    assert (left["mark"]["shape"], right["mark"]["shape"]) == ("triangle-left", "triangle-right")
    assert [(row["to_ci_low"], row["ci_low"]) for row in rows(read, left)] == [(0.01, 1e-7)]
    assert [(row["to_ci_high"], row["hazard_ratio"]) for row in rows(read, right)] == [(100, 1.0), (100, 4000.0)]
    assert {tip["field"] for tip in right["encoding"]["tooltip"]} >= {"hazard_ratio", "ci_low", "ci_high"}
    assert rows(read, right)[0]["ci_high"] == 1e300
    (interval,) = (rule for rule in layers(panels(read)[2], "rule") if "x2" in rule["encoding"])
    assert (interval["encoding"]["x"]["field"], interval["encoding"]["x2"]["field"]) == ("to_ci_low", "to_ci_high")
