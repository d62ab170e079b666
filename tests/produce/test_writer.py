from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

import klsurv
from klsurv.errors import OutputError, ParameterError
from klsurv.ingest.discover import CellDir
from klsurv.ingest.gens import generations
from klsurv.ingest.history import bisections
from klsurv.limits import Limits
from klsurv.produce.dose import p95
from tests.effort import examples
from tests.produce.producing import DOSE, FACTS, INF, NAN, SAID, add, tables, trajectories, writer

LOOP: list[Any] = []
LOOP.append(LOOP)


def test_what_is_written_is_what_is_read(tmp_path: Path) -> None:
    with writer(tmp_path / "a") as cell:
        add(cell, 0, kl=[[0] * 8, [0] * 3])
        add(cell, 0.25)
    cells, source = tables(tmp_path)
    told = cells.drop("path", "reason").row(0, named=True)
    assert told == {
        "cell": "a",
        **{name: FACTS[name] for name in ("model", "method", "seed", "window", "target_kl", "c_star", "layer")},
        "n_prompts": 2,
        "alphas": [0.0, 0.25],
        "status": "ok",
    }
    assert source.select("alpha", "prompt", "gen_len", "kl", "pmass").rows() == [
        (0.0, 0, 8, [0.0] * 8, [0.9, 0.7, 0.6, 0.9]),
        (0.0, 1, 3, [0.0] * 3, [0.9, 0.85, None, None]),
        (0.25, 0, 8, DOSE["kl"][0], [0.9, 0.7, 0.6, 0.9]),
        (0.25, 1, 3, DOSE["kl"][1], [0.9, 0.85, None, None]),
    ]


@settings(max_examples=examples(60), deadline=None)
@given(
    kl=st.lists(st.lists(st.floats(), max_size=8), min_size=1, max_size=3),
    pmass=st.lists(st.lists(st.floats(0, 1) | st.just(NAN), min_size=4, max_size=4), min_size=3, max_size=3),
    alpha=st.floats(allow_nan=False, allow_infinity=False),
)
def test_every_float_survives(
    tmp_path_factory: pytest.TempPathFactory, kl: list[list[float]], pmass: list[list[float]], alpha: float
) -> None:
    root, n = tmp_path_factory.mktemp("runs"), len(kl)
    with writer(root / "a") as cell:
        cell.add(alpha, kl=kl, pmass=pmass[:n], gen_len=[8] * n)
    source = tables(root)[1]
    assert source.get_column("alpha").to_list() == [alpha] * n
    assert_frame_equal(source.select("kl"), pl.DataFrame({"kl": kl}, schema={"kl": pl.List(pl.Float64)}))
    assert_frame_equal(
        source.select(pl.col("pmass").list.eval(pl.element().fill_null(NAN))), pl.DataFrame({"pmass": pmass[:n]})
    )


def test_rows_of_kl_are_kept_as_they_are(tmp_path: Path) -> None:
    kl = [[0.5, NAN, INF, 1.0, NAN, NAN, NAN, NAN], [0.5]]
    with writer(tmp_path / "a") as cell:
        add(cell, kl=kl, gen_len=[4, 3])
    held = json.loads((tmp_path / "a" / "trajectory.json").read_text())["per_prompt_per_t_kl"]["1.0"]
    np.testing.assert_array_equal(held[0], kl[0])
    assert held[1] == [0.5]


def test_the_files_are_those_of_a_producer(tmp_path: Path, real_cells: Path) -> None:
    with writer(tmp_path / "a", history=[{"coeff": 4.0, "kl_p95": 0.7}]) as cell:
        add(cell, generations=SAID)
    made = tmp_path / "a"
    real = next(real_cells.iterdir())
    assert sorted(os.listdir(made)) == ["calib.json", "gens.jsonl", "history.json", "pmass.json", "trajectory.json"]
    for name in ("calib.json", "trajectory.json", "pmass.json"):
        mine, theirs = (json.loads((cell / name).read_text()) for cell in (made, real))
        assert set(mine) <= set(theirs)
        assert {field: type(value) for field, value in mine.items()} == {field: type(theirs[field]) for field in mine}
    assert json.loads((made / "pmass.json").read_text())["completed_alphas"] == ["1.0"]
    assert json.loads((made / "trajectory.json").read_text())["fork_points_full"] == list(range(8))


def test_the_p95_of_each_token_is_that_of_the_real_cells(real_cells: Path) -> None:
    for cell in real_cells.iterdir():
        trajectory, pmass = (json.loads((cell / f"{name}.json").read_text()) for name in ("trajectory", "pmass"))
        for alpha, kl in trajectory["per_prompt_per_t_kl"].items():
            found = p95([np.array(row) for row in kl], pmass["gen_lens_eval"][alpha])
            np.testing.assert_allclose(found, trajectory["per_t_p95_kl"][alpha], rtol=1e-5)


def test_the_p95_is_of_the_finite_values_inside_the_generations() -> None:
    kl = [np.array(row) for row in ([1.0, NAN, NAN, 5.0], [2.0, 3.0], [INF, 4.0, NAN])]
    np.testing.assert_allclose(p95(kl, [3, 2, 3]), [1.95, 3.95, NAN])
    assert p95([np.array([])], [4]) == []


def test_the_question_and_answer_prompts_are_read_by_their_metric(tmp_path: Path) -> None:
    with writer(tmp_path / "a") as cell:
        add(cell, 0.0)
        assert tables(tmp_path, metric="pmass")[0].get_column("status").to_list() == ["skipped"]
        add(cell, 1.0, pmass_qa=[[0.5, 0.4, NAN, NAN]], gen_len_qa=[2], generations_qa=[{"prompt": "2 + 2?"}])
    assert [alpha for alpha, *_ in trajectories(tmp_path)] == [0.0, 0.0, 1.0, 1.0]
    asked = tables(tmp_path, metric="pmass")[1].select("alpha", "pmass", "gen_len", "kl")
    assert asked.rows() == [(1.0, [0.5, 0.4, None, None], 2, [])]
    found, problem = generations(CellDir("a", tmp_path / "a"), metric="pmass")
    assert ([line.asked for line in found], problem) == (["2 + 2?"], None)


def test_generations_are_told_by_inspect(tmp_path: Path) -> None:
    with writer(tmp_path / "a") as cell:
        add(cell, 2.0, generations=SAID)
        add(cell, 1.0)
        add(cell, 0.5, generations=[{"p_true": np.full(4, 0.5)}, {}])
    found, problem = generations(CellDir("a", tmp_path / "a"))
    assert problem is None
    assert [(line.alpha, line.prompt, line.text, line.gen_len) for line in found] == [
        (0.5, 0, "", 8),
        (0.5, 1, "", 3),
        (2.0, 0, "It is.", 8),
        (2.0, 1, "No.", 3),
    ]
    assert found[0].answers == [(fork, 0.5, None) for fork in (0, 2, 4, 8)]
    assert [(fork, argmax) for fork, _, argmax in found[3].answers] == [(fork, "1") for fork in (0, 2, 4, 8)]


def test_lines_of_a_real_cell_can_be_given_as_they_are(tmp_path: Path, real_cells: Path) -> None:
    real = next(real_cells.iterdir())
    trajectory, pmass = (json.loads((real / f"{name}.json").read_text()) for name in ("trajectory", "pmass"))
    lines = [json.loads(line) for line in (real / "gens.jsonl").read_text().splitlines()]
    (tmp_path / "runs").mkdir()
    with writer(tmp_path / "runs" / real.name, window=96, fork_points=pmass["fork_points"]) as cell:
        for alpha, kl in trajectory["per_prompt_per_t_kl"].items():
            said = [line for line in lines if line["alpha"] == float(alpha)]
            measured = pmass["pmass_eval"][alpha], pmass["gen_lens_eval"][alpha]
            cell.add(float(alpha), kl=kl, pmass=measured[0], gen_len=measured[1], generations=said)
    want = tables(real_cells)[1].filter(cell=real.name).drop("model", "method", "layer")
    assert_frame_equal(tables(tmp_path / "runs")[1].drop("model", "method", "layer"), want, check_exact=True)
    written = [json.loads(line) for line in (cell.path / "gens.jsonl").read_text().splitlines()]
    assert repr([sorted(line.items()) for line in written]) == repr([sorted(line.items()) for line in lines])


def test_the_bisection_is_read_again(tmp_path: Path) -> None:
    steps = [{"coeff": np.float32(4), "kl_p95": 0.7, "n_pos": 12, "per_t_p95": np.array([0.5, NAN])}, {"coeff": 8}]
    with writer(tmp_path / "a", history=steps):
        pass
    table, errors = bisections([CellDir("a", tmp_path / "a")])
    assert errors == []
    assert table.select("step", "coeff", "kl_p95", "n_pos").rows() == [(0, 4.0, 0.7, 12), (1, 8.0, None, None)]


def test_facts_that_are_not_known_are_told_of_by_readers(tmp_path: Path) -> None:
    with writer(tmp_path / "a", model=None, seed=None, layer=None, target_kl=None, c_star=None, method=None) as cell:
        add(cell)
    (told,) = tables(tmp_path)[0].select("model", "seed", "layer", "c_star", "status").rows()
    assert told == (None, None, None, None, "partial")


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"window": 0}, "window must be 1 token or more, not 0"),
        ({"window": 8.5}, "window must be a whole number, not 8.5"),
        ({"window": None}, "window must be a whole number, not None"),
        ({"c_star": NAN}, "c_star must be a finite number, not nan"),
        ({"target_kl": INF}, "target_kl must be a finite number, not inf"),
        ({"seed": "0"}, "seed must be a whole number, not '0'"),
        ({"layer": [1, 2]}, r"layer must be a whole number, not \[1, 2\]"),
        ({"model": 3}, "model must be text, not 3"),
        ({"method": "\ud800"}, "method is no Unicode text"),
        ({"fork_points": [0, 2, 2]}, r"fork_points must ascend: fork_points\[2\] is 2, after 2"),
        ({"fork_points": [-1]}, r"fork_points\[0\] must be a number of tokens from 0 on, not -1"),
        ({"fork_points": 3}, "fork_points must be a row of numbers"),
        ({"history": [{"kl_p95": 1.0}]}, r"history\[0\] needs a coeff that is a finite number"),
        ({"history": [3]}, r"history\[0\] must be a mapping"),
        ({"history": [{"coeff": 1.0, "x": object()}]}, r"history\[0\].x is .* which JSON cannot hold"),
    ],
)
def test_a_fact_out_of_its_range_is_refused_and_nothing_is_made(
    tmp_path: Path, changes: dict[str, Any], told: str
) -> None:
    with pytest.raises(ParameterError, match=told):
        writer(tmp_path / "a", **changes)
    assert not (tmp_path / "a").exists()


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"kl": []}, "kl holds no prompt"),
        ({"kl": [[1.0]]}, "kl has 1 prompts, pmass has 2"),
        ({"kl": [[1.0] * 9, [1.0]]}, r"kl\[0\] has 9 tokens, more than the window of 8"),
        ({"pmass": [[0.5] * 4]}, "pmass has 1 prompts, gen_len has 2"),
        ({"pmass": [[0.5] * 4, [0.5] * 3]}, r"pmass\[1\] has 3 values for 4 fork points: NaN stands where"),
        ({"pmass": [[0.5] * 4, [0.5, 1.1, 0.5, 0.5]]}, r"pmass\[1\]\[1\] is 1.1, not a probability"),
        ({"pmass": [[0.5] * 4, [0.5, 0.5, 0.5, -0.1]]}, r"pmass\[1\]\[3\] is -0.1, not a probability"),
        ({"pmass": [[0.5] * 4, [INF] * 4]}, r"pmass\[1\]\[0\] is inf, not a probability"),
        ({"gen_len": [8, 9]}, r"gen_len\[1\] is 9, more than the window of 8"),
        ({"gen_len": [8, 2.5]}, r"gen_len\[1\] must be a whole number, not 2.5"),
        ({"gen_len": [8]}, "pmass has 2 prompts, gen_len has 1"),
        ({"alpha": NAN}, "alpha must be a finite number, not nan"),
        ({"alpha": "1"}, "alpha must be a finite number, not '1'"),
        ({"alpha": 0.0}, "is in the cell already: replace=True"),
        ({"kl": DOSE["kl"][:1], "pmass": DOSE["pmass"][:1], "gen_len": [8]}, "1 prompts, alpha 0.0 has 2"),
        ({"pmass_qa": [[0.5] * 4]}, "pmass_qa and gen_len_qa belong together"),
        ({"pmass_qa": [[0.5] * 3], "gen_len_qa": [3]}, r"pmass_qa\[0\] has 3 values for 4 fork points"),
        ({"generations_qa": [{}]}, "generations_qa needs pmass_qa and gen_len_qa"),
        ({"generations": [{}]}, "generations has 1 prompts, not 2"),
        ({"generations": ["a", "b"]}, r"generations\[0\] must be a mapping"),
        ({"generations": [{"gen_len": 7}, {}]}, r"generations\[0\]: gen_len is 7, and 8 was measured"),
        ({"generations": [{"gen_text": "\udc80"}, {}]}, "no Unicode text"),
    ],
)
def test_a_dose_that_does_not_fit_is_refused_and_nothing_changes(
    tmp_path: Path, changes: dict[str, Any], told: str
) -> None:
    with writer(tmp_path / "a") as cell:
        add(cell, 0.0)
        before = {path: path.read_bytes() for path in cell.path.iterdir()}
        with pytest.raises(ParameterError, match=f"^a: alpha .*: .*{told}"):
            add(cell, **{"alpha": 1.0, **changes})
        assert cell.completed == (0.0,)
        assert {path: path.read_bytes() for path in cell.path.iterdir()} == before


def test_numbers_that_python_does_not_spell_are_refused_as_others_are(tmp_path: Path) -> None:
    huge = 10**5000
    for fact in ("seed", "c_star", "window", "model"):
        with pytest.raises(ParameterError, match=f"{fact} must be .*, not one of thousands of digits"):
            writer(tmp_path / "a", **{fact: huge})
    with writer(tmp_path / "a") as cell:
        with pytest.raises(ParameterError, match="alpha must be a finite number, not one of thousands of digits"):
            add(cell, huge)
        with pytest.raises(ParameterError, match=r"alpha 1\.0: kl\[1\]\[0\] is no number that a float can hold"):
            add(cell, kl=[[0.5], [huge]])
    with pytest.raises(ParameterError, match="roll must be a number, not one of thousands of digits"):
        klsurv.scan(tmp_path).summary(roll=huge)


def test_what_rounding_leaves_beside_a_probability_is_one(tmp_path: Path) -> None:
    with writer(tmp_path / "a") as cell:
        add(cell, pmass=[[1 + 1e-7, -1e-9, 0, 0], [1, 1, 1, 1]])
    assert tables(tmp_path)[0].get_column("status").to_list() == ["ok"]


def test_alphas_may_differ_in_prompts_where_that_is_said(tmp_path: Path) -> None:
    with writer(tmp_path / "a", same_prompts=False) as cell:
        add(cell, 0.0)
        add(cell, 1.0, kl=[[1.0]], pmass=[[0.5] * 4], gen_len=[1])
    assert [(alpha, prompt) for alpha, prompt, *_ in trajectories(tmp_path)] == [(0.0, 0), (0.0, 1), (1.0, 0)]


@pytest.mark.parametrize("name", ["_a", "_"])
def test_a_name_that_readers_pass_over_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ParameterError, match="readers pass over"):
        writer(tmp_path / name)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("path", ["", "a\0b", b"a", 3])
def test_what_is_no_path_is_refused(path: Any) -> None:
    with pytest.raises(ParameterError, match="expected the path of a file or directory, not "):
        writer(path)


def test_what_is_no_truth_value_replaces_nothing_and_lets_nothing_differ(tmp_path: Path) -> None:
    with writer(tmp_path / "a") as cell:
        add(cell)
        with pytest.raises(ParameterError, match=r"a: alpha 1\.0: replace must be True or False, not 'no'"):
            add(cell, kl=[[1.0], [1.0]], replace="no")
    with pytest.raises(ParameterError, match="same_prompts must be True or False, not 'yes'"):
        writer(tmp_path / "b", same_prompts="yes")
    assert trajectories(tmp_path)[0][3] == DOSE["kl"][0]


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (3, "generations must be a list of mappings, not int"),
        ("text", "generations must be a list of mappings, not str"),
        ([{"x": 10**5000}, SAID[1]], r"generations\[0\].x is a whole number beyond 64 bits"),
        ([{"x": LOOP}, SAID[1]], "is nested more than 200 levels deep"),
    ],
    ids=["number", "text", "large", "loop"],
)
def test_generations_that_could_not_be_read_again_are_refused(tmp_path: Path, said: Any, told: str) -> None:
    with writer(tmp_path / "a") as cell, pytest.raises(ParameterError, match=told):
        add(cell, generations=said)


def test_generations_as_deep_as_a_reader_goes_are_read_again(tmp_path: Path) -> None:
    deep: list[Any] = []
    for _ in range(197):
        deep = [deep]
    with writer(tmp_path / "a") as cell:
        add(cell, generations=[{**line, "deep": deep} for line in SAID])
    with writer(tmp_path / "a") as cell:
        assert cell.completed == (1.0,)


def test_texts_and_names_past_the_limits_of_readers_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ParameterError, match="model is longer than the 1,000 letters that are read"):
        writer(tmp_path / "a", model="m" * 1001)
    monkeypatch.setattr("klsurv.produce.facts.limits", lambda: Limits(text=10))
    with writer(tmp_path / "b", model="m", method="n") as cell, pytest.raises(ParameterError, match="the 10 bytes"):
        add(cell, generations=[{**line, "gen_text": "é" * 6} for line in SAID])


def test_a_window_that_is_a_bound_does_not_fill_the_file(tmp_path: Path) -> None:
    with writer(tmp_path / "a", window=10**9) as cell:
        add(cell)
    assert (tmp_path / "a" / "trajectory.json").stat().st_size < 10_000
    assert klsurv.scan(tmp_path).check().get_column("status").to_list() == ["ok"]


def test_a_file_in_the_place_of_the_cell_is_told(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("")
    with pytest.raises(OutputError, match="a cannot be made: File exists"):
        writer(tmp_path / "a")


def test_folders_above_the_cell_are_made(tmp_path: Path) -> None:
    with writer(tmp_path / "outputs" / "sweep" / "a") as cell:
        add(cell)
    assert len(trajectories(tmp_path / "outputs" / "sweep")) == 2


def test_producing_loads_no_library_but_numpy(tmp_path: Path) -> None:
    code = """if True:
        import sys, klsurv
        with klsurv.CellWriter(sys.argv[1], model="m", method="pca", seed=0, layer=1, window=2, target_kl=1.0,
                               c_star=1.0, fork_points=[0]) as cell:
            cell.add(1.0, kl=[[0.1, 0.2]], pmass=[[0.9]], gen_len=[2], generations=[{"prompt": "p"}])
        print(*{name.split(".")[0] for name in sys.modules})
    """
    command = [sys.executable, "-c", code, str(tmp_path / "a")]
    loaded = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert not {"polars", "pyarrow", "altair", "rich", "scipy", "torch", "pandas"} & set(loaded)
    assert klsurv.scan(tmp_path).cells().get_column("status").to_list() == ["ok"]
