from __future__ import annotations

import json
import re
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import polars as pl
import pytest
import vl_convert
from altair.utils import schemapi

import klsurv
from klsurv.charts import figure as module
from klsurv.charts.figure import Datasets, Figure
from klsurv.output.images import svg_of
from klsurv.params import Look, Scoring
from klsurv.plots.spaghetti import draw_spaghetti
from tests.charts.figures import panels, pixels

SCORING = Scoring(threshold=0.3, roll=9)


def drawn(rows: pl.DataFrame, scoring: Scoring = SCORING) -> Figure:
    return draw_spaghetti(klsurv.scan(rows), look=Look(), scoring=scoring)


def paths(svg: str) -> list[list[tuple[float, float]]]:
    """The points of each black stroke as wide as a median, those of a group together."""
    groups = re.findall(r"<g class=\"mark-shape[^>]*>(.*?)</g>", svg)
    wanted = [group for group in groups if 'stroke-width="1.3"' in group]
    return [[(float(x), float(y)) for x, y in re.findall(r"[ML]([-.\d]+),([-.\d]+)", group)] for group in wanted]


def test_the_drawing_that_is_filled_later_is_that_of_the_whole_specification() -> None:
    """Medians of several doses, one of which leaves its panel, and one of which is broken."""
    kl = [[0.1 * t for t in range(30)], [0.5] * 30]
    kl[0][12] = kl[1][12] = float("nan")
    kl[0][20] = kl[1][20] = -3.0
    frame = pl.DataFrame({"alpha": [1.0, 1.0, 2.0, 2.0], "prompt": [0, 1] * 2, "kl": [*kl, kl[0][:12], kl[1][:12]]})
    frame = frame.with_columns(fork=pl.lit([0]), pmass=pl.lit([0.9]))
    later = drawn(frame, Scoring(roll=0, normalize_kl=False))
    outline, whole = svg_of(later.outline()), svg_of(later.spec())
    assert len(later.strokes) == 2
    filled = later.filled(outline)
    assert len(filled) != len(outline)
    assert paths(filled) == paths(whole)
    height = panels(json.loads(later.spec()))[0]["height"]
    assert max(y for _, y in paths(whole)[0]) == height
    # What Vega clips is blended by way of a layer, in 256 steps, and its ends are cut along the edge.
    one, other = (pixels(vl_convert.svg_to_png(svg, scale=1)) for svg in (filled, whole))
    assert one.shape == other.shape
    assert (np.abs(one - other).max(axis=2) > 8).sum() < 20


def test_a_stand_in_is_written_as_vega_writes_it_and_longer_than_any_name() -> None:
    written = [module._path(module._stand_in(i)) for i in range(1000)]
    assert len(set(written)) == 1000
    for path in written:
        assert re.fullmatch(r"M20\.125,20(L20\.125,2[01](\.\d{1,3})?){5}", path)
        assert len(path) > 50


def test_a_model_that_is_called_as_a_stand_in_keeps_its_name() -> None:
    frame = pl.DataFrame({"alpha": [1.0] * 2, "prompt": [0, 1], "kl": [[0.1, 0.5]] * 2, "fork": [[0]] * 2})
    frame = frame.with_columns(pmass=pl.lit([0.9]), model=pl.lit("m"))
    (path,) = re.findall(r"M20\.125[^\"]*", svg_of(drawn(frame).outline()))
    named = drawn(frame.with_columns(model=pl.lit(path)))
    assert path not in svg_of(named.spec())
    assert len(path) > 50


def test_a_model_that_is_called_as_a_picture_keeps_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Look, "crowded", lambda self, n: True)
    frame = pl.DataFrame({"alpha": [1.0, -1.0], "prompt": [0, 0], "kl": [[0.1, 0.5]] * 2, "fork": [[0]] * 2})
    frame = frame.with_columns(pmass=pl.lit([0.9]), model=pl.lit("m"))
    (name, _) = drawn(frame).pictures
    named = drawn(frame.with_columns(model=pl.lit(name)))
    assert named.spec().count("data:image/png") == 2
    short = drawn(frame.with_columns(model=pl.lit(name[:40])))
    assert f"Model: {name[:40]}." in short.spec()


def test_all_rows_are_drawn_also_where_a_filter_left_a_chunk_empty() -> None:
    chunks = pl.concat([pl.DataFrame({"x": [n, n]}) for n in range(3)], rechunk=False)
    for gone in range(3):
        left = chunks.filter(chunks["x"].rechunk() != gone)
        data = Datasets()
        chart = {"data": data.name("rows", left), "mark": "point", "encoding": {"x": {"field": "x"}}}
        figure = Figure({"vconcat": [chart]}, data)
        assert json.loads(figure.spec())["datasets"]["rows"] == left.rows(named=True)
        assert figure.with_data().to_dict()["datasets"]["rows"] == left.rows(named=True)


@pytest.fixture
def figure() -> Figure:
    frame = pl.DataFrame({"alpha": [1.0] * 2, "prompt": [0, 1], "kl": [[0.1, 0.5]] * 2, "fork": [[0]] * 2})
    return drawn(frame.with_columns(pmass=pl.lit([0.9])))


def test_a_chart_can_be_changed_as_any_of_altair_s(figure: Figure) -> None:
    chart = figure.with_data()
    whole = chart.to_dict()
    assert chart.copy().to_dict() == whole
    # Altair's theme adds to its config.
    assert {name: part for name, part in json.loads(figure.spec()).items() if name != "config"} == {
        name: part for name, part in whole.items() if name != "config"
    }
    other = chart.properties(title="mine").configure_axis(labelFontSize=20).resolve_scale(x="shared").to_dict()
    assert (other["title"], other["resolve"]) == ("mine", {"scale": {"x": "shared"}})
    assert other["config"]["axis"] == {"labelFontSize": 20}
    assert other["vconcat"] == whole["vconcat"]
    assert chart.to_dict() == whole


def test_charts_made_at_once_leave_the_checks_of_altair_on(figure: Figure) -> None:
    with ThreadPoolExecutor(4) as threads:
        charts = list(threads.map(lambda _: figure.with_data(), range(8)))
    assert schemapi.DEBUG_MODE
    # In this thread: altair throws the switch itself when it copies a chart, and does not lock it.
    assert all(chart.to_dict() == charts[0].to_dict() for chart in charts)


def test_a_chart_is_validated_when_it_is_shown(figure: Figure) -> None:
    chart = figure.with_data()
    chart.vconcat[-1].concat[0]["layer"][0]["mark"] = {"type": "circus"}
    with pytest.raises(schemapi.SchemaValidationError, match="circus"):
        chart.to_dict()
