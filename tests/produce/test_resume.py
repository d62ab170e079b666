from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from polars.testing import assert_frame_equal

import klsurv
from klsurv.errors import CellError, OutputError
from klsurv.ingest.discover import CellDir
from klsurv.ingest.gens import generations
from tests.produce.producing import SAID, add, tables, trajectories, writer


def test_a_sweep_that_was_interrupted_goes_on_where_it_was(tmp_path: Path) -> None:
    for alphas, known in [([0.0], ()), ([1.0], (0.0,)), ([0.5, 2.0], (0.0, 1.0))]:
        with writer(tmp_path / "a") as cell:
            assert cell.completed == known
            for alpha in alphas:
                add(cell, alpha, kl=[[alpha] * 8, [alpha] * 3], generations=SAID)
    with writer(tmp_path / "at once" / "a") as cell:
        for alpha in (0.0, 0.5, 1.0, 2.0):
            add(cell, alpha, kl=[[alpha] * 8, [alpha] * 3], generations=SAID)
    for file in sorted(cell.path.iterdir()):
        assert (tmp_path / "a" / file.name).read_text() == file.read_text()


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"seed": 1}, "a: calib.json: seed: is 0 in the cell, and 1 was given"),
        ({"window": 9}, "a: calib.json: window: is 8 in the cell, and 9 was given"),
        ({"model": None}, "a: calib.json: model: is 'tiny' in the cell, and None was given"),
        ({"c_star": 5.6}, "a: calib.json: c_star: is 5.5 in the cell, and 5.6 was given"),
        ({"fork_points": [0, 2]}, r"a: pmass.json: fork_points: are \[0, 2, 4, 8\] in the cell, and \[0, 2\] were"),
        ({"history": [{"coeff": 2.0}]}, "a: history.json: is another one in the cell than was given"),
    ],
)
def test_a_cell_with_other_facts_is_not_continued(tmp_path: Path, changes: dict[str, Any], told: str) -> None:
    with writer(tmp_path / "a", history=[{"coeff": 1.0}]) as cell:
        add(cell)
    before = {path: path.read_bytes() for path in cell.path.iterdir()}
    with pytest.raises(CellError, match=told):
        writer(tmp_path / "a", **changes)
    assert {path: path.read_bytes() for path in cell.path.iterdir()} == before
    with writer(tmp_path / "a") as cell:
        assert cell.completed == (1.0,)


def test_a_damaged_cell_is_not_continued(tmp_path: Path) -> None:
    with writer(tmp_path / "a") as cell:
        add(cell)
    (tmp_path / "a" / "trajectory.json").write_text('{"per_prompt_per_t_kl": {"1.0": [')
    with pytest.raises(CellError, match=r"a: trajectory\.json: is not JSON, or cut short"):
        writer(tmp_path / "a")


@pytest.mark.parametrize(
    ("file", "field", "value", "told"),
    [
        ("pmass.json", "pmass_eval", 5, r'pmass_eval\["1.0"\]: is a number, expected a list'),
        ("pmass.json", "pmass_eval", [[2.0]], r'pmass_eval\["1.0"\]\[0\]\[0\]: 2.0 is not a probability'),
        ("pmass.json", "gen_lens_eval", ["8"], r'gen_lens_eval\["1.0"\]\[0\]: "8" is not a number of tokens'),
        ("trajectory.json", "per_prompt_per_t_kl", [[True]], r'per_prompt_per_t_kl\["1.0"\]\[0\]\[0\]: true is not a'),
    ],
)
def test_a_cell_that_readers_take_for_broken_is_not_continued(
    tmp_path: Path, file: str, field: str, value: object, told: str
) -> None:
    with writer(tmp_path / "a") as cell:
        add(cell)
    path = tmp_path / "a" / file
    path.write_text(json.dumps(json.loads(path.read_text()) | {field: {"1.0": value}}))
    with pytest.raises(CellError, match=f"a: {file}: {told}"):
        writer(tmp_path / "a")


def test_pmass_that_was_not_measured_is_not_made_measured(tmp_path: Path) -> None:
    with writer(tmp_path / "a") as cell:
        add(cell)
    path = tmp_path / "a" / "pmass.json"
    held = json.loads(path.read_text())
    path.write_text(json.dumps(held | {"computed": False}))
    with pytest.raises(CellError, match=r"a: pmass\.json: computed: is not true: the pmass that is there was not"):
        writer(tmp_path / "a")
    path.write_text(json.dumps(held | {"computed": False, "pmass_eval": {}}))
    with writer(tmp_path / "a") as cell:
        assert cell.completed == ()
        add(cell)
    assert len(trajectories(tmp_path)) == 2


def test_a_cell_of_another_producer_is_continued_and_keeps_what_it_holds(cells: Path) -> None:
    path = min(cells.iterdir())
    calib, pmass = (json.loads((path / f"{name}.json").read_text()) for name in ("calib", "pmass"))
    before = tables(cells)[1]
    with klsurv.CellWriter(path, **calib, fork_points=pmass["fork_points"]) as cell:
        assert cell.completed == (0.0, 0.25, 0.5, 1.0, 1.5, 2.0, 4.0)
        cell.add(8.0, kl=[[1.0]] * 8, pmass=[[0.5] * 10] * 8, gen_len=[96] * 8)
    after = json.loads((path / "pmass.json").read_text())
    assert repr({name: after[name] for name in ("debug_first", "questions", "schema", "p_true", "prefill")}) == repr(
        {name: pmass[name] for name in ("debug_first", "questions", "schema", "p_true", "prefill")}
    )
    kept, added = tables(cells)[1].partition_by("alpha", as_dict=True), before.partition_by("alpha", as_dict=True)
    assert set(kept) - set(added) == {(8.0,)}
    for alpha, rows in added.items():
        assert_frame_equal(kept[alpha], rows, check_exact=True)


def test_an_alpha_is_put_in_the_place_of_the_one_that_is_there(tmp_path: Path) -> None:
    with writer(tmp_path / "a") as cell:
        add(cell, 0.0, generations=SAID)
        add(cell, 1.0, generations=SAID, pmass_qa=[[0.5] * 4], gen_len_qa=[3])
        add(cell, 1.0, kl=[[2.0], [3.0]], replace=True)
        assert cell.completed == (0.0, 1.0)
    assert [kl for alpha, _, _, kl, _ in trajectories(tmp_path) if alpha == 1.0] == [[2.0], [3.0]]
    assert {line.alpha for line in generations(CellDir("a", tmp_path / "a"))[0]} == {0.0}
    assert json.loads((tmp_path / "a" / "pmass.json").read_text())["pmass"] == {}


def test_replacing_the_only_alpha_may_change_its_prompts(tmp_path: Path) -> None:
    with writer(tmp_path / "a") as cell:
        add(cell)
        add(cell, kl=[[1.0]], pmass=[[0.5] * 4], gen_len=[1], replace=True)
    assert len(trajectories(tmp_path)) == 1


def test_two_writers_of_one_cell_are_not_let_in(tmp_path: Path) -> None:
    first = writer(tmp_path / "a")
    with pytest.raises(OutputError, match="another CellWriter has it open"):
        writer(tmp_path / "a")
    first.close()
    with pytest.raises(OutputError, match="a: this writer was closed"):
        add(first)
    with writer(tmp_path / "a") as second:
        add(second)


def test_a_writer_that_is_forgotten_holds_nothing(tmp_path: Path) -> None:
    writer(tmp_path / "a")
    with writer(tmp_path / "a") as cell:
        add(cell)


def test_a_cell_that_was_not_let_in_for_its_facts_is_not_held(tmp_path: Path) -> None:
    with writer(tmp_path / "a"):
        pass
    with pytest.raises(CellError) as told:
        writer(tmp_path / "a", seed=1)
    with writer(tmp_path / "a"):
        assert told.value.cell == "a"
