"""Agreement with the plain loops of the oracle: counts exactly, numbers to 1e-9 relative."""

from __future__ import annotations

import math
import warnings
from pathlib import Path
from types import ModuleType
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import klsurv
from klsurv.frames import spaghetti
from klsurv.frames.score import score
from klsurv.params import Scoring
from tests.effort import examples
from tests.generated import ROLLS, THRESHOLDS, Cells, alphas, cells, quietly, widest, written
from tests.whole import top, whole

COUNTS = ["n", "n_died", "n_censored", "n_skipped", "n_events", "n_eos", "n_running"]
REAL_WINDOW = 96


def told(oracle: ModuleType, root: Path, doses: list[float], *, scoring: Scoring) -> dict[str, Any]:
    """What the oracle says; it averages and ranks NaN and infinity, of which numpy warns."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        answer: dict[str, Any] = oracle.run(
            root,
            doses,
            scoring.threshold,
            scoring.roll,
            scoring.calib_tokens,
            scoring.window,
            "",
            scoring.normalize_kl,
        )
    return answer


def near(got: float | None, expected: float | None) -> bool:
    """Whether two numbers agree to 1e-9 relative; None stands for what is not finite."""
    got = got if got is not None and math.isfinite(got) else None
    if got is None or expected is None:
        return got is expected
    return math.isclose(got, expected, rel_tol=1e-9, abs_tol=0)


def assert_agrees(oracle: ModuleType, root: Path, runs: klsurv.Runs, doses: list[float], *, scoring: Scoring) -> None:
    answer = told(oracle, root, doses, scoring=scoring)
    counted = runs.summary(
        threshold=scoring.threshold, roll=scoring.roll, normalize_kl=scoring.normalize_kl, window=scoring.window
    )
    trajectories = score(whole(runs).lazy(), scoring=scoring).collect()
    drawn = spaghetti.drawn(trajectories.lazy(), scoring=scoring).collect()
    lines = drawn.join(trajectories.select("cell", "alpha", "prompt", "scale"), on=["cell", "alpha", "prompt"])

    y_max = top(drawn.lazy())
    assert near(y_max, answer["y_max"]), (y_max, answer["y_max"])
    assert counted.get_column("alpha").to_list() == doses
    for alpha, panel in ((alpha, answer["alphas"][str(alpha)]) for alpha in doses):
        counts = counted.filter(alpha=alpha).select(COUNTS).row(0, named=True)
        assert counts == {name: panel[name] for name in COUNTS}, alpha
        assert_same_median(spaghetti.medians(drawn.lazy().filter(alpha=alpha)).collect(), panel["median"])
        assert_same_lines(lines.filter(pl.col("alpha") == alpha, pl.col("length") >= 2), panel["trajectories"])


def assert_same_median(got: pl.DataFrame, expected: list[float | None]) -> None:
    tokens = {t: y for t, y in enumerate(expected) if y is not None}
    assert got.get_column("t").to_list() == list(tokens)
    for t, y in got.select("t", "y").rows():
        assert near(y, tokens[t]), (t, y, tokens[t])


def assert_same_lines(got: pl.DataFrame, expected: list[dict[str, Any]]) -> None:
    wanted = {(line["cell"], line["prompt"]): line for line in expected}
    assert set(got.select("cell", "prompt").rows()) == set(wanted)
    for row in got.iter_rows(named=True):
        line = wanted[row["cell"], row["prompt"]]
        assert (row["length"], row["death_t"]) == (line["length"], line["death_t"])
        assert near(row["scale"], line["scale"]), (row["scale"], line["scale"])
        assert len(row["y"]) == len(line["kl"])
        wrong = [(t, y, kl) for t, (y, kl) in enumerate(zip(row["y"], line["kl"], strict=True)) if not near(y, kl)]
        assert not wrong, wrong[:3]


@pytest.fixture(scope="module")
def real(shared: Path) -> klsurv.Runs:
    return klsurv.scan(shared / "cells")


@pytest.mark.parametrize("normalize", [True, False], ids=["own scale", "nats"])
@pytest.mark.parametrize("roll", ROLLS)
@pytest.mark.parametrize("threshold", THRESHOLDS)
def test_the_oracle_and_klsurv_agree_on_the_real_cells(
    shared: Path, oracle: ModuleType, real: klsurv.Runs, threshold: float, roll: int, normalize: bool
) -> None:
    scoring = Scoring(threshold=threshold, roll=roll, normalize_kl=normalize, window=REAL_WINDOW)
    assert_agrees(oracle, shared / "cells", real, real.alphas, scoring=scoring)


@pytest.mark.parametrize("window", [1, 54, 97, 512])
def test_the_oracle_and_klsurv_agree_on_a_window_that_is_not_the_cells_own(
    shared: Path, oracle: ModuleType, real: klsurv.Runs, window: int
) -> None:
    scoring = Scoring(threshold=0.3, window=window)
    assert_agrees(oracle, shared / "cells", real, real.alphas, scoring=scoring)


def test_a_dose_that_no_cell_has_is_empty_for_both(shared: Path, oracle: ModuleType) -> None:
    runs = quietly(shared / "cells", alphas=[0.5, 3.0])
    assert_agrees(oracle, shared / "cells", runs, [0.5, 3.0], scoring=Scoring(window=REAL_WINDOW))


@settings(max_examples=examples(150), deadline=None)
@given(
    made=cells(),
    threshold=st.sampled_from(THRESHOLDS),
    roll=st.sampled_from(ROLLS),
    normalize=st.booleans(),
    longer=st.sampled_from([0, 0, 1, -1, 40]),
)
def test_the_oracle_and_klsurv_agree_on_generated_cells(
    oracle: ModuleType, made: Cells, threshold: float, roll: int, normalize: bool, longer: int
) -> None:
    window = max(1, widest(made) + longer)
    scoring = Scoring(threshold=threshold, roll=roll, normalize_kl=normalize, window=window)
    with written(made) as root:
        assert_agrees(oracle, root, quietly(root), alphas(made), scoring=scoring)
