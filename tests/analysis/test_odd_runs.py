from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import klsurv
from klsurv.errors import ParameterError
from klsurv.schema import GROUP_COLUMNS, STATISTICS, typed
from tests.frames.drawn import INF, NAN
from tests.frames.source import Row, trajectory
from tests.ingest.handmade import write_cell

Ask = Callable[..., pl.DataFrame]

CALM = [0.1] * 9
FEW: dict[str, Any] = {"bootstrap": 5}


def frame(*rows: Row) -> pl.DataFrame:
    schema = {"kl": pl.List(pl.Float64), "fork": pl.List(pl.Int64), "pmass": pl.List(pl.Float64)}
    numbered = [{"prompt": i % 3, **row, "cell": row["cell"] + str(i // 3)} for i, row in enumerate(rows)]
    return pl.DataFrame(numbered, schema_overrides=schema, infer_schema_length=None)


def lived(*pmass: float | None, fork: tuple[int, ...] = (0, 2, 4, 8), kl: list[float] = CALM, **rest: Any) -> Row:
    return trajectory(kl, fork=fork[: len(pmass)], pmass=pmass, **rest)


LIVES = [lived(0.9, mass, 0.9, later) for mass in (0.9, 0.1) for later in (0.9, 0.1, 0.9)]

RUNS = {
    "no forks": frame(*[lived()] * 3),
    "nothing measured": frame(*[lived(None, NAN, None)] * 3),
    "nothing generated": frame(*[lived(mass, kl=[], gen_len=0) for mass in (0.1, 0.9, None)]),
    "one token": frame(*[lived(0.9, mass, fork=(0, 1), kl=[0.1]) for mass in (0.1, 0.9, None)]),
    "one trajectory": frame(lived(0.9, 0.9, 0.1)),
    "all dead at once": frame(*[lived(0.1)] * 6),
    "some doses not measured": frame(lived(None, None), lived(0.9, 0.1, alpha=2.0), lived(alpha=3.0), *LIVES),
    "no KL": frame(*[{**row, "kl": []} for row in LIVES]),
    "no finite KL": frame(*[{**row, "kl": [NAN, INF, -INF] * 3} for row in LIVES]),
    "enormous KL": frame(*[{**row, "kl": [1.7e308] * 9} for row in LIVES]),
    "tiny KL": frame(*[{**row, "kl": [5e-324] * 9} for row in LIVES]),
    "KL below 0": frame(*[{**row, "kl": [-0.5] * 9} for row in LIVES]),
    "alpha 0 alone": frame(*[{**row, "alpha": 0.0, "kl": [0.0] * 9} for row in LIVES]),
    "doses below 0": frame(*[{**row, "alpha": alpha} for alpha in (-2.0, -1.0) for row in LIVES]),
    "enormous windows": frame(
        *[lived(0.9, 0.9, mass, fork=(0, 2**31, 2**40), gen_len=2**40, window=2**40) for mass in (0.1, 0.9)]
    ),
    "grids that differ": frame(*LIVES, *[lived(0.9, 0.9, 0.1, fork=(1, 3, 5)), lived(0.9, 0.9, fork=(1, 3))] * 2),
    "failed measurements": frame(*LIVES, lived(0.9, None, 0.9), lived(None, 0.1, kl=[0.1, NAN, INF, 0.1])),
    "unknown facts": frame(*LIVES).with_columns(
        pl.lit(None, dtype).alias(name)
        for name, dtype in (("model", pl.String), ("method", pl.String), ("seed", pl.Int64), ("target_kl", pl.Float64))
    ),
}  # fmt: skip

QUESTIONS: dict[str, Ask] = {
    "summary": lambda runs, **by: runs.summary(**by),
    "survival": lambda runs, **by: runs.survival(**by),
    "survival of KL": lambda runs, **by: runs.survival(event="kl", kl_threshold=0.05, **by),
    "survival in a window": lambda runs, **by: runs.survival(window=5, **by),
    "lifetimes": lambda runs, **by: runs.lifetimes(**by),
    "lifetimes of KL": lambda runs, **by: runs.lifetimes(event="kl", kl_threshold=0.05, **by),
    "incidence": lambda runs, **by: runs.incidence(**by),
    "incidence of KL": lambda runs, **by: runs.incidence(event="kl", kl_threshold=0.05, **by),
    "threshold": lambda runs, **by: runs.threshold(steps=3, consecutive=2, **by),
    "compare": lambda runs, **by: runs.compare(**by, **FEW),
    "compare of KL": lambda runs, **by: runs.compare(event="kl", kl_threshold=0.05, **by, **FEW),
    "compare to a tau": lambda runs, **by: runs.compare(tau=3, trend="seed", **by, **FEW),
    "dose": lambda runs, **by: runs.dose(**by, **FEW),
    "dose of KL": lambda runs, **by: runs.dose(event="kl", kl_threshold=0.05, **by, **FEW),
    "dose to a tau": lambda runs, **by: runs.dose(tau=3, **by, **FEW),
    "study": lambda runs, **by: runs.study(lags=3, **by, **FEW),
    "hazard": lambda runs, **by: runs.hazard(calib_tokens=1, **by),
    "landmark": lambda runs, **by: runs.landmark(landmarks=(1, 3), **by, **FEW),
}
ALONE: dict[str, Ask] = {
    "calibration": lambda runs: runs.calibration(),
    "heldout": lambda runs: runs.heldout(window=5),
    "bisection": lambda runs: runs.bisection(),
}
BY_DEFAULT = {"compare": (), "dose": (), "study": (), "hazard": (), "landmark": ()}
WITHOUT_ALPHA = ("dose", "study", "hazard", "landmark")


def quietly(source: Any, **options: Any) -> klsurv.Runs:
    return klsurv.scan(source, tell=lambda message: None, **options)


def declared(question: str, by: tuple[str, ...]) -> dict[str, Any]:
    """The columns that the answer must have."""
    name = question.split()[0]
    groups = () if name == "compare" else by
    return dict(typed([*(GROUP_COLUMNS[name] for name in groups), *STATISTICS[name].columns]))


@pytest.mark.parametrize("runs", RUNS)
def test_every_question_has_an_answer_whatever_the_runs_hold(runs: str) -> None:
    source = quietly(RUNS[runs])
    for question, ask in QUESTIONS.items():
        by = BY_DEFAULT.get(question.split()[0], ("alpha",))
        assert dict(ask(source).schema) == declared(question, by), question
    for question, ask in ALONE.items():
        assert dict(ask(source).schema) == dict(STATISTICS[question].schema), question


@pytest.mark.parametrize("by", ["cell", "alpha", "prompt", "model", "method", "seed", "window", "prompt,alpha,window"])
def test_every_question_can_be_asked_by_every_column(by: str) -> None:
    names = ("failed measurements", "grids that differ", "unknown facts")
    source = quietly(pl.concat([RUNS[name].with_columns(cell=pl.col("cell") + name) for name in names]))
    for question, ask in QUESTIONS.items():
        if question.split()[0] in WITHOUT_ALPHA and "alpha" in by:
            with pytest.raises(ParameterError, match="alpha cannot make groups"):
                ask(source, by=by)
        else:
            assert dict(ask(source, by=by).schema) == declared(question, tuple(by.split(","))), question


@pytest.mark.parametrize("question", {**QUESTIONS, **ALONE})
def test_where_no_trajectory_has_the_doses_asked_for_the_answer_is_empty(question: str) -> None:
    runs = quietly(frame(*LIVES), alphas=[99.0])
    found = {**QUESTIONS, **ALONE}[question](runs)
    if question.split()[0] in ("summary", "lifetimes"):
        assert found.select("alpha", "n", "n_events").rows() == [(99.0, 0, 0)]
    elif question.split()[0] == "compare":
        assert found.get_column("group_b").null_count() == found.height
    elif question == "calibration":
        assert found.select("n_doses").null_count().item() == found.height
    else:
        assert found.is_empty()


@pytest.mark.parametrize("question", {**QUESTIONS, **ALONE})
def test_the_question_and_answer_prompts_have_no_kl_and_answers_all_the_same(tmp_path: Path, question: str) -> None:
    masses = {"0.0": [[0.9, 0.9, 0.9, 0.9]] * 2, "1.0": [[0.9, 0.9, 0.1, 0.9], [0.9, 0.9, 0.9, 0.9]]}
    for name in ("a", "b"):
        write_cell(tmp_path, name, pmass={"pmass": masses, "gen_lens_qa": {"0.0": [8, 8], "1.0": [8, 8]}})
    runs = quietly(tmp_path, metric="pmass")
    assert runs.survival(by="alpha").filter(alpha=1.0).get_column("survival").to_list() == [1.0, 1.0, 0.5, 0.5]
    found = {**QUESTIONS, **ALONE}[question](runs)
    if "KL" in question or question in ("study", "bisection"):
        assert "n" in found.columns or found.is_empty() or found.get_column("group_b").null_count() == found.height
    else:
        assert not found.is_empty()


def test_the_ends_of_failed_measurements_are_of_the_dose_that_is_compared() -> None:
    # At alpha 2 all have died; of alpha 1 nothing is known at token 2, and all else is alive.
    failed = [lived(0.9, None, 0.9, method=method) for method in ("pca", "mean_diff") for _ in range(6)]
    dead = [lived(0.1, method=method, alpha=2.0) for method in ("pca", "mean_diff") for _ in range(6)]
    runs = quietly(frame(*failed, *dead))
    runs.compare("method", at_alpha=1.0, bootstrap=0)
    assert [said for said in runs.warnings if "failed" in said] == [
        "trajectories have failed measurements of pmass in "
        + ", ".join(
            f"method={method} (6: survival at the end 0 if each was a death, 1 if each was a survival)"
            for method in ("mean_diff", "pca")
        )
    ]


def test_the_ends_of_failed_measurements_are_found_in_a_window_that_is_given() -> None:
    runs = quietly(frame(*[lived(0.9, None, 0.9)] * 3, *[lived(0.9, 0.9, 0.9)] * 3))
    (row,) = runs.lifetimes("window", window=5).to_dicts()
    assert (row["window"], row["n_failed"], row["end_if_died"], row["end_if_alive"]) == (5, 3, 0.5, 1.0)


def test_groups_of_one_prompt_are_tested_without_drawing_prompts() -> None:
    found = quietly(frame(*LIVES)).compare("prompt", **FEW)
    pairs = found.filter(pl.col("group_b").is_not_null())
    assert pairs.height == 3
    assert pairs.get_column("rmst_diff").null_count() == 0
    assert pairs.select(pl.col("boot_low", "boot_high").is_null().all()).row(0) == (True, True)
    doses = quietly(frame(*LIVES)).dose("prompt", **FEW)
    assert doses.get_column("rmst").null_count() == 0
    assert doses.get_column("rmst_low").null_count() == doses.height == 3


def test_the_sweep_of_thresholds_is_of_pmass_and_takes_no_other_event() -> None:
    options: dict[str, Any] = {"event": "kl"}
    with pytest.raises(TypeError, match="event"):
        quietly(frame(*LIVES)).threshold(**options)


@pytest.mark.parametrize("lags", [0, -1, 10_001])
def test_lags_out_of_range_are_refused_before_anything_is_read(lags: int) -> None:
    with pytest.raises(ParameterError, match="lags must be 1 to 10,000 tokens"):
        klsurv.scan("/nowhere").study(lags=lags)
