from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import klsurv
from klsurv.runs import Runs
from tests.analysis.lived import Row, frame, life

DEAD = "die at their first fork: by the threshold 0.8 the model is dead before it is steered"


def told(rows: list[Row], ask: Callable[[Runs], Any]) -> list[str]:
    """What was said of an unsteered model that is dead."""
    runs = klsurv.scan(frame(*rows), tell=lambda _: None)
    ask(runs)
    return [message for message in runs.warnings if DEAD in message]


def unsteered(*deaths: int | None) -> list[Row]:
    """A life at alpha 0 for each of the deaths, and the same prompts at alpha 1 with either method."""
    control = [life(death, alpha=0.0, prompt=i) for i, death in enumerate(deaths)]
    return control + [life(3, prompt=i, method=m, kl=[i / 9] * 10) for i in range(len(deaths)) for m in ("pca", "b")]


def test_every_question_about_death_tells_that_the_unsteered_model_is_dead_from_the_start() -> None:
    rows = unsteered(0, 0, 0, 0, 0)
    for ask in (
        Runs.summary,
        Runs.survival,
        Runs.lifetimes,
        Runs.incidence,
        Runs.dose,
        Runs.study,
        Runs.landmark,
        lambda runs: runs.compare(at_alpha=1.0),
    ):
        assert len(told(rows, ask)) == 1


@pytest.mark.parametrize("chart", ["spaghetti", "quantiles", "survival", "pmass", "deaths"])
def test_every_figure_of_the_dead_tells_it_too(chart: str) -> None:
    assert len(told(unsteered(0, 0, 0, 0, 0), lambda runs: getattr(runs.plot, chart)())) == 1


def test_one_that_dies_later_or_never_or_no_unsteered_one_at_all_is_no_reason_to_tell() -> None:
    for last in (3, None):
        assert told(unsteered(0, 0, 0, 0, 0, last), Runs.survival) == []
    steered = [row for row in unsteered(0, 0, 0, 0, 0) if row["alpha"] == 1]
    assert told(steered, Runs.survival) == []


def test_a_threshold_is_not_blamed_where_none_was_used() -> None:
    rows = unsteered(0, 0, 0, 0, 0)
    assert told(rows, Runs.threshold) == []
    assert told(rows, lambda runs: runs.survival(event="kl")) == []


def test_nor_where_nothing_was_measured() -> None:
    assert told([life(alpha=0.0, prompt=i, fork=[]) for i in range(5)], Runs.summary) == []


def test_a_fork_that_none_of_them_reached_is_no_death() -> None:
    rows = [life(20, fork=[20, 30], gen_len=5, alpha=0.0, prompt=i) for i in range(5)]
    assert told(rows, Runs.summary) == []


def test_a_model_that_is_dead_is_not_hidden_by_one_that_lives() -> None:
    rows = [life(0, alpha=0.0, prompt=i, model="a") for i in range(5)]
    rows += [life(alpha=0.0, prompt=i, model="b", method="b") for i in range(5)]
    (said,) = told(rows, Runs.summary)
    assert said.startswith("model=a: all 5 trajectories")


def test_questions_that_leave_the_unsteered_model_out_tell_nothing_else_of_it() -> None:
    # Two methods that hold the same at alpha 0, where pmass is missing too, and other KL at alpha 1.
    failed = {"pmass": [0.9, None, 0.9]}
    rows = [
        life(alpha=alpha, prompt=i, method=method, kl=[alpha * (k + i + 1) / 9] * 10, **({} if alpha else failed))
        for k, method in enumerate(("pca", "b"))
        for alpha in (0.0, 1.0)
        for i in range(5)
    ]
    runs = klsurv.scan(frame(*rows), tell=lambda _: None)
    for ask in (runs.heldout, runs.calibration, lambda: runs.study("method"), lambda: runs.landmark("method")):
        ask()
    assert runs.warnings == []
    runs.survival(["method", "alpha"])
    copies, failures = runs.warnings
    assert "hold the same 5 trajectories" in copies and "failed measurements of pmass in" in failures
