"""500 random data sets against other packages, and against the formulas as plain loops: incidence.

scikit-survival and lifelines are asked where they answer; where one of them errs, a test says how.
"""

from __future__ import annotations

import warnings

import numpy as np
import polars as pl
import pytest
from sksurv.nonparametric import (
    _compute_counts,
    _var_dinse_approx,
    cumulative_incidence_competing_risks,
)

from klsurv.frames.steps import steps
from klsurv.stats.incidence import incidence
from tests.stats import plain
from tests.stats.compared import at, near
from tests.stats.drawn import DIED, FINISHED, DataSet, trajectories

Samples = list[tuple[DataSet, pl.DataFrame]]


@pytest.fixture(scope="module")
def competing(sets: list[DataSet]) -> Samples:
    """Each data set, and its rows of the table `incidence`; groups do not matter."""
    table = incidence(steps(trajectories(sets), by=["dataset"]).collect(), by=["dataset"])
    return list(zip(sets, table.partition_by("dataset", maintain_order=True), strict=True))


def test_incidence_is_that_of_scikit_survival(competing: Samples) -> None:
    compared = 0
    for data, rows in competing:
        if not {DIED, FINISHED} <= set(data.way):
            # It wants an end of each kind.
            continue
        compared += 1
        time, (ended, died, finished) = cumulative_incidence_competing_risks(data.way, data.time)
        assert at(rows, time, "p_died") == near(died.tolist())
        assert at(rows, time, "p_finished") == near(finished.tolist())
        assert at(rows, time, "p_running") == near((1 - ended).tolist())
    assert compared > 200


def test_errors_of_incidence_are_dinse_and_larson_s_as_in_scikit_survival_but_where_all_are_gone(
    competing: Samples,
) -> None:
    compared = 0
    for data, rows in competing:
        if not {DIED, FINISHED} <= set(data.way):
            continue
        time, n_events, n_risk, _ = _compute_counts(data.way, data.time)
        _, reached = cumulative_incidence_competing_risks(data.way, data.time)
        before = np.concatenate([[1.0], 1 - reached[0, :-1]])
        # Where no one is left it divides by 0, and spoils the rows before with the NaN that follows from it.
        some = n_risk > n_events[:, 0]
        variance = _var_dinse_approx(n_events[some], before[some], n_risk[some], reached[:, some])
        for name, values in zip(("p_died_error", "p_finished_error"), variance, strict=True):
            # As a variance, because the root of its rounding is 1e-8 where the variance is 0.
            found = np.square(at(rows, time[some], name))
            compared += len(found)
            assert found.tolist() == near(values.tolist())
    assert compared > 4000


def test_scikit_survival_loses_every_error_where_all_are_gone_at_the_end_and_ours_has_them() -> None:
    data = DataSet(np.zeros(4, dtype=int), np.array([1, 2, 3, 3]), np.array([DIED, FINISHED, DIED, DIED]))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        _, (_, died, _), (_, (low, high), _) = cumulative_incidence_competing_risks(
            data.way, data.time, conf_type="log-log", var_type="Dinse_Approx"
        )
    assert low.tolist() == high.tolist() == died.tolist() == [0.25, 0.25, 0.75]
    found = incidence(steps(trajectories([data]), by=["dataset"]).collect(), by=["dataset"])
    # Nothing is censored, so that the error is the binomial one.
    assert at(found, [1, 2, 3], "p_died_error") == near([(p * (1 - p) / 4) ** 0.5 for p in died])


def test_errors_of_incidence_are_those_of_the_delta_method_everywhere(competing: Samples) -> None:
    for data, rows in competing:
        by_fork = {row["fork"]: row for row in rows.to_dicts()}
        for t, reached, errors in plain.incidence(data):
            found = by_fork[t]
            assert (found["p_died"], found["p_finished"]) == near(tuple(reached))
            assert (found["p_died_error"], found["p_finished_error"]) == near(tuple(errors))


def test_without_eos_incidence_is_1_minus_survival_and_so_are_the_errors(competing: Samples) -> None:
    compared = 0
    for data, rows in competing:
        if FINISHED in data.way:
            continue
        compared += 1
        survival = [float(s) for s in plain.survival(data)]
        errors = [error or 0.0 for error in plain.std_error(data)]
        assert rows.get_column("p_running").to_list() == near(survival)
        assert rows.get_column("p_died").to_list() == near([1 - s for s in survival])
        assert rows.get_column("p_finished").to_list() == [0.0] * rows.height
        for name in ("p_died_error", "p_running_error"):
            assert rows.get_column(name).to_list() == near(errors)
    assert compared > 100
