"""A store answers as the run cells do that it was made of, byte for byte."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import klsurv
from klsurv.params import Look, Scoring
from klsurv.plots.spaghetti import draw_spaghetti
from tests.charts import figures
from tests.effort import examples
from tests.generated import Cells, cells, written
from tests.ingest.handmade import write_file
from tests.store.asked import exported, same, told
from tests.store.ordered import in_small_blocks, without_order

FILES = ("calib.json", "trajectory.json", "pmass.json")
CHARTS = ("spaghetti", "survival", "quantiles", "pmass", "incidence", "dose", "threshold", "deaths", "calibration")
SELECTIONS: list[dict[str, Any]] = [
    {},
    {"alphas": [0.5, 1.0, 77.0]},
    {"model_contains": "pca"},
    {"where": "method = 'pca' AND seed < 3"},
    {"where": "n_prompts > 1"},
    {"metric": "pmass"},
    {"strict": True},
    {"model_contains": "no such"},
    {"where": "seed = 77"},
]
SCORINGS: list[dict[str, Any]] = [
    {"threshold": 0.3, "roll": 9},
    {"roll": 301, "threshold": 0.5},
    {"roll": 1, "normalize_kl": False, "window": 50},
]


@pytest.fixture(scope="module")
def real_store(real_cells: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """KL of which is not in order: `test_order.py` has stores where it is."""
    store = tmp_path_factory.mktemp("stores") / "store"
    with pytest.MonkeyPatch.context() as monkeypatch:
        without_order(monkeypatch)
        assert len(klsurv.update_store(real_cells, store).new) == 2
    return store


def make_tiny(monkeypatch: pytest.MonkeyPatch, tokens: int = 1) -> None:
    """Pieces of one cell, nothing kept that can be made again, and blocks of few tokens."""
    monkeypatch.setattr("klsurv.source._PIECE", tokens)
    monkeypatch.setattr("klsurv.plots.drawn._KEPT", tokens)
    monkeypatch.setattr("klsurv.plots.drawn._BLOCK", 800 * tokens)
    monkeypatch.setattr("klsurv.plots.drawn._WIDE", 800 * tokens)


@pytest.mark.parametrize("selection", SELECTIONS, ids=str)
def test_every_table_of_real_cells_is_the_same(real_cells: Path, real_store: Path, selection: dict[str, Any]) -> None:
    scoring = {"threshold": 0.3, "roll": 9}
    same(told(real_store, scoring=scoring, **selection), told(real_cells, scoring=scoring, **selection))


@pytest.mark.parametrize("scoring", SCORINGS[1:], ids=str)
def test_every_table_is_the_same_however_it_is_scored(
    real_cells: Path, real_store: Path, scoring: dict[str, Any]
) -> None:
    same(told(real_store, scoring=scoring), told(real_cells, scoring=scoring))


def test_every_export_is_the_same(real_cells: Path, real_store: Path, tmp_path: Path) -> None:
    (tmp_path / "of").mkdir()
    assert exported(real_store, tmp_path) == exported(real_cells, tmp_path / "of")


@pytest.mark.parametrize("tokens", [1, 10_000])
def test_tables_do_not_depend_on_how_much_is_in_memory(
    real_cells: Path, real_store: Path, monkeypatch: pytest.MonkeyPatch, tokens: int
) -> None:
    want = told(real_cells, scoring=SCORINGS[0])
    make_tiny(monkeypatch, tokens)
    same(told(real_cells, scoring=SCORINGS[0]), want)
    same(told(real_store, scoring=SCORINGS[0]), want)


def drawn(
    source: Path, chart: str, *, alphas: Sequence[float] | None = (0.0, 1.0, 4.0), kl_log: bool = False, **scoring: Any
) -> str:
    runs = klsurv.scan(source, alphas=alphas, tell=lambda _: None)
    options = {"threshold": 0.3, "roll": 9, **scoring}
    if chart == "spaghetti":
        return draw_spaghetti(runs, look=Look(kl_log=kl_log), scoring=Scoring(**options)).spec()
    how: dict[str, Any] = {"kl_log": kl_log} if chart == "quantiles" else {"bootstrap": 20} if chart == "dose" else {}
    return figures.draw(chart, runs, options=options, **how).spec()


@pytest.mark.parametrize("chart", CHARTS)
def test_every_chart_is_the_same(real_cells: Path, real_store: Path, chart: str) -> None:
    assert drawn(real_store, chart, alphas=None) == drawn(real_cells, chart, alphas=None)


@pytest.mark.parametrize("options", [{}, {"normalize_kl": False, "kl_log": True}], ids=str)
@pytest.mark.parametrize("chart", ["spaghetti", "quantiles"])
def test_charts_do_not_depend_on_how_much_is_in_memory(
    real_cells: Path, real_store: Path, monkeypatch: pytest.MonkeyPatch, chart: str, options: dict[str, Any]
) -> None:
    want = drawn(real_cells, chart, **options)
    make_tiny(monkeypatch)
    assert drawn(real_cells, chart, **options) == want
    assert drawn(real_store, chart, **options) == want


def test_a_crowded_figure_does_not_depend_on_how_much_is_in_memory(
    real_cells: Path, real_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("klsurv.params.Look.crowded", lambda *_: True)
    want = drawn(real_cells, "spaghetti")
    make_tiny(monkeypatch)
    assert drawn(real_store, "spaghetti") == want


def damaged(path: Path, damage: str) -> None:
    """Do to a cell what a producer, or a crash, may; and make its files old."""
    calib, trajectory, pmass = (path / name for name in FILES)
    mass = json.loads(pmass.read_text())
    if damage == "questions":
        mass["pmass"] = {key: [[0.9, *[0.4] * (len(mass["fork_points"]) - 1)]] for key in mass["pmass_eval"]}
        mass["gen_lens_qa"] = {key: [7] for key in mass["pmass_eval"]}
    elif damage == "ahead":
        mass["pmass_eval"].popitem()
    elif damage == "unmeasured":
        mass["computed"] = False
    pmass.write_text(json.dumps(mass))
    if damage == "cut short":
        trajectory.write_text(trajectory.read_text()[:-9])
    elif damage == "no facts":
        calib.write_text("{}")
    elif damage == "gone":
        trajectory.unlink()
    for file in path.iterdir():
        write_file(file, file.read_bytes())


DAMAGES = ("none", "none", "questions", "ahead", "unmeasured", "cut short", "no facts", "gone")


@settings(max_examples=examples(15), deadline=None)
@given(
    made=cells(),
    damages=st.lists(st.sampled_from(DAMAGES), min_size=3, max_size=3),
    block=st.sampled_from([None, 1, 3, 256]),
    scoring=st.sampled_from(SCORINGS),
    selection=st.fixed_dictionaries(
        {},
        optional={
            "alphas": st.sampled_from([[1.0], [0.25, 7.0]]),
            "model_contains": st.sampled_from(["a", "b"]),
            "where": st.sampled_from(["seed = 0", "n_prompts > 1", "status = 'ok'", "cell > 'b' OR window < 20"]),
            "metric": st.just("pmass"),
            "strict": st.just(True),
        },
    ),
)
def test_every_table_of_any_cells_is_the_same(
    made: Cells, damages: list[str], block: int | None, scoring: dict[str, Any], selection: dict[str, Any]
) -> None:
    with written(made) as root, pytest.MonkeyPatch.context() as monkeypatch:
        for cell, damage in zip(made, damages, strict=False):
            damaged(root / cell.name, damage)
        store = root / "_store"
        if block is None:
            without_order(monkeypatch)
        else:
            in_small_blocks(monkeypatch, block)
        klsurv.update_store(root, store)
        want = told(root, scoring=scoring, **selection)
        same(told(store, scoring=scoring, **selection), want)
        make_tiny(monkeypatch)
        same(told(store, scoring=scoring, **selection), want)
