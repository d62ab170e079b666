"""500 random data sets against other packages, and against the formulas as plain loops.

scikit-survival and lifelines are asked where they answer; where one of them errs, a test says how.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from typing import Any

import numpy as np
import polars as pl
import pytest
from lifelines import KaplanMeierFitter
from lifelines.statistics import multivariate_logrank_test
from lifelines.utils import restricted_mean_survival_time
from scipy.stats import chi2
from sksurv.compare import compare_survival
from sksurv.nonparametric import (
    _compute_counts,
    _var_dinse_approx,
    cumulative_incidence_competing_risks,
    kaplan_meier_estimator,
)
from sksurv.util import Surv
from statsmodels.duration.survfunc import SurvfuncRight
from statsmodels.stats.multitest import multipletests

from klsurv.frames.risk import risk
from klsurv.frames.steps import steps
from klsurv.inference import SCALES, Interval, LogRank, Scale
from klsurv.stats import survival as surviving
from klsurv.stats.counted import Counted, counted
from klsurv.stats.incidence import incidence
from klsurv.stats.logrank import holm, logrank
from tests.stats import plain
from tests.stats.drawn import DIED, FINISHED, DataSet, data_sets, trajectories

BY = ["dataset", "group"]
LEVEL = 0.9
FAMILY = {
    LogRank(): lambda n, before, modified: 1.0,
    LogRank(test="wilcoxon"): lambda n, before, modified: float(n),
    LogRank(test="tarone-ware"): lambda n, before, modified: n**0.5,
    LogRank(test="peto"): lambda n, before, modified: modified,
    LogRank(test="fh", rho=1.0): lambda n, before, modified: before,
    LogRank(test="fh", rho=0.5, gamma=2.0): lambda n, before, modified: before**0.5 * (1 - before) ** 2,
}
LIFELINES = {
    "logrank": {},
    "wilcoxon": {"weightings": "wilcoxon"},
    "tarone-ware": {"weightings": "tarone-ware"},
    "peto": {"weightings": "peto"},
}

Samples = list[tuple[DataSet, pl.DataFrame]]
Trials = list[tuple[DataSet, Counted]]


def near(value: object) -> object:
    return pytest.approx(value, rel=1e-10, abs=1e-10, nan_ok=False)


@pytest.fixture(scope="module")
def sets() -> list[DataSet]:
    return data_sets()


@pytest.fixture(scope="module")
def risks(sets: list[DataSet]) -> pl.DataFrame:
    """One risk table of all data sets and their groups."""
    return risk(trajectories(sets), by=BY).collect()


@pytest.fixture(scope="module")
def samples(sets: list[DataSet], risks: pl.DataFrame) -> Samples:
    """Each group of each data set, and its rows of the table `survival`."""
    curves = surviving.survival(risks, by=BY, interval=Interval(level=LEVEL)).partition_by(BY, as_dict=True)
    return [(sets[dataset].of_group(group), rows) for (dataset, group), rows in curves.items()]


def at(rows: pl.DataFrame, forks: Iterable[float], column: str) -> list[float]:
    """The values of a column at some of the forks."""
    values = dict(rows.select("fork", column).rows())
    return [values[int(fork)] for fork in forks]


def lifetimes(samples: Samples, tau: int | None = None) -> list[dict[str, Any]]:
    """A row of the table `lifetimes` for each of the samples."""
    curves = pl.concat([rows for _, rows in samples])
    return surviving.lifetimes(curves, by=BY, tau_at=tau).to_dicts()


@pytest.fixture(scope="module")
def trials(sets: list[DataSet], risks: pl.DataFrame) -> Trials:
    """Each data set, its groups numbered without gaps, and its counts."""
    found = []
    for data, rows in zip(sets, risks.partition_by("dataset", maintain_order=True), strict=True):
        values, numbered = np.unique(data.group, return_inverse=True)
        counts = counted(rows, by=["group"])
        assert counts.groups.get_column("group").to_list() == values.tolist()
        found.append((DataSet(numbered, data.time, data.way), counts))
    return found


def test_there_are_500_data_sets_of_every_kind(sets: list[DataSet], risks: pl.DataFrame) -> None:
    assert len(sets) == 500
    assert risks.get_column("dataset").n_unique() == 500
    assert {len(np.unique(data.group)) for data in sets} == {1, 2, 3, 4}
    assert {len(data.time) for data in sets} >= {1, 2, 30, 60}
    assert any(data.died.all() for data in sets) and any(not data.died.any() for data in sets)


def test_survival_is_the_exact_product(samples: Samples) -> None:
    for data, rows in samples:
        assert rows.get_column("fork").to_list() == [t for t, _, _ in plain.counts(data)]
        assert rows.get_column("survival").to_list() == near([float(s) for s in plain.survival(data)])


def test_survival_is_that_of_scikit_survival(samples: Samples) -> None:
    for data, rows in samples:
        time, expected = kaplan_meier_estimator(data.died, data.time)
        assert at(rows, time, "survival") == near(expected.tolist())


def test_the_log_log_interval_is_that_of_scikit_survival_between_0_and_1(samples: Samples) -> None:
    compared = 0
    for data, rows in samples:
        time, s, (low, high) = kaplan_meier_estimator(data.died, data.time, conf_level=LEVEL, conf_type="log-log")
        inside = (s > 0) & (s < 1)
        compared += inside.sum()
        assert at(rows, time[inside], "ci_low") == near(low[inside].tolist())
        assert at(rows, time[inside], "ci_high") == near(high[inside].tolist())
    assert compared > 4000


def test_scikit_survival_has_no_interval_where_survival_is_1_or_0_and_ours_is_clopper_and_pearson_s(
    samples: Samples,
) -> None:
    corners = 0
    for data, rows in samples:
        time, s, (low, high) = kaplan_meier_estimator(data.died, data.time, conf_level=LEVEL, conf_type="log-log")
        for t, value, lower, upper in zip(time, s, low, high, strict=True):
            if 0 < value < 1:
                continue
            corners += 1
            assert lower == upper == value
            n = int((data.time >= t).sum())
            # The lower bound p of n of n has pⁿ = 5 %, and the upper bound of 0 of n has (1 − p)ⁿ = 5 %.
            other = 0.05 ** (1 / n)
            # Where S is 0 it is no higher than it was before.
            before = at(rows, [u for u, s_u in zip(time, s, strict=True) if s_u > 0][-1:], "ci_high")
            expected = (other, 1.0) if value == 1 else (0.0, min(1 - other, *before, 1.0))
            assert (*at(rows, [t], "ci_low"), *at(rows, [t], "ci_high")) == near(expected)
    assert corners > 1000


def test_standard_errors_are_greenwood_s(samples: Samples) -> None:
    for data, rows in samples:
        found = rows.get_column("std_error").to_list()
        expected = plain.std_error(data)
        assert [x is None for x in found] == [x is None for x in expected]
        assert [x or 0.0 for x in found] == near([x or 0.0 for x in expected])


def test_standard_errors_are_those_of_statsmodels_where_someone_is_alive(samples: Samples) -> None:
    for data, rows in samples:
        with warnings.catch_warnings():
            # Where all at risk die it divides by 0 and has no error; so have we.
            warnings.simplefilter("ignore", RuntimeWarning)
            reference = SurvfuncRight(data.time, data.died.astype(int))
        some = reference.surv_prob > 1e-12
        found = at(rows, reference.surv_times[some], "std_error")
        assert found == near(reference.surv_prob_se[some].tolist())


@pytest.mark.parametrize("scale", SCALES)
def test_intervals_are_those_of_the_formulas_on_every_scale(
    sets: list[DataSet], risks: pl.DataFrame, scale: Scale
) -> None:
    table = surviving.survival(risks, by=BY, interval=Interval(ci=scale, level=0.8))
    compared = 0
    for (dataset, group), rows in table.partition_by(BY, as_dict=True).items():
        bounds = zip(rows.get_column("ci_low"), rows.get_column("ci_high"), strict=True)
        for found, expected in zip(bounds, plain.interval(sets[dataset].of_group(group), scale, 0.8), strict=True):
            if expected is not None:
                compared += 1
                assert found == near(expected)
    assert compared > 5000


def test_the_median_is_the_first_fork_at_which_exactly_half_are_dead(samples: Samples) -> None:
    for (data, _), row in zip(samples, lifetimes(samples), strict=True):
        assert row["median"] == plain.median(data)


def test_the_median_is_that_of_lifelines_but_where_survival_is_a_half_to_rounding(samples: Samples) -> None:
    differ = 0
    for (data, _), row in list(zip(samples, lifetimes(samples), strict=True))[::8]:
        found = KaplanMeierFitter().fit(data.time, data.died).median_survival_time_
        if found == (np.inf if row["median"] is None else row["median"]):
            continue
        # The product can come out just above a half, which lifelines takes as it is.
        differ += 1
        half = [t for (t, _, _), s in zip(plain.counts(data), plain.survival(data), strict=True) if s == 0.5]
        assert row["median"] == half[0] < found
    assert 0 < differ < 20


def test_restricted_means_and_their_errors_are_those_of_surv_rm2(samples: Samples) -> None:
    for tau in (1, 5, 17):
        for (data, _), row in zip(samples, lifetimes(samples, tau), strict=True):
            assert (row["rmst"], row["rmst_error"]) == near(plain.restricted_mean(data, tau))


def test_restricted_means_are_those_of_lifelines(samples: Samples) -> None:
    for (data, _), row in list(zip(samples, lifetimes(samples, 5), strict=True))[::16]:
        # It takes S from its own table, which must begin at 0.
        fit = KaplanMeierFitter().fit(data.time, data.died)
        assert row["rmst"] == near(float(restricted_mean_survival_time(fit, t=5)))


@pytest.mark.parametrize("test", FAMILY, ids=lambda test: test.name)
def test_the_family_is_that_of_the_formula(trials: Trials, test: LogRank) -> None:
    compared = 0
    for data, counts in trials:
        groups = counts.groups.height
        found = logrank(counts.n_risk, counts.n_events, test=test)
        excess, covariance = plain.logrank([data], groups, FAMILY[test])
        assert found.excess.tolist() == near(excess.tolist())
        assert found.covariance.ravel().tolist() == near(covariance.ravel().tolist())
        if 0 < found.df == groups - 1:
            compared += 1
            assert found.statistic == near(plain.chi_squared(excess, covariance))
    assert compared > 300


def test_the_log_rank_test_is_that_of_scikit_survival(trials: Trials) -> None:
    compared = 0
    for data, counts in trials:
        found = logrank(counts.n_risk, counts.n_events, test=LogRank())
        if 0 < found.df == counts.groups.height - 1:
            compared += 1
            statistic, p = compare_survival(Surv.from_arrays(data.died, data.time), data.group)
            assert (found.statistic, found.p) == near((statistic, p))
    assert compared > 300


def test_others_count_a_group_that_is_at_risk_at_no_death_and_ours_does_not() -> None:
    time, died = np.array([5, 7, 9, 4, 6, 8, 1, 1]), np.array([True, True, False, True, True, True, False, False])
    data = DataSet(np.array([0, 0, 0, 1, 1, 1, 2, 2]), time, np.where(died, DIED, FINISHED))
    counts = counted(risk(trajectories([data]), by=["group"]).collect(), by=["group"])
    found = logrank(counts.n_risk, counts.n_events, test=LogRank())
    # As R's survdiff, which leaves out a group in which no death was expected: that is the test of the other two.
    two = multivariate_logrank_test(time[:6], data.group[:6], died[:6])
    assert (found.statistic, found.p, found.df) == near((two.test_statistic, two.p_value, 1))
    three = multivariate_logrank_test(time, data.group, died)
    assert (three.test_statistic, three.degrees_of_freedom) == near((two.test_statistic, 2))
    assert three.p_value == near(chi2.sf(two.test_statistic, 2))
    # scikit-survival says the same if that group comes last, and nothing if it comes first.
    outcome = Surv.from_arrays(died, time)
    assert compare_survival(outcome, data.group) == near((three.test_statistic, three.p_value))
    with pytest.raises(np.linalg.LinAlgError):
        compare_survival(outcome, 2 - data.group)


@pytest.mark.parametrize("test", FAMILY, ids=lambda test: test.name)
def test_the_family_is_that_of_lifelines(trials: Trials, test: LogRank) -> None:
    compared = 0
    options = LIFELINES.get(test.test, {"weightings": "fleming-harrington", "p": test.rho, "q": test.gamma})
    for data, counts in trials[::12]:
        found = logrank(counts.n_risk, counts.n_events, test=test)
        if 0 < found.df == counts.groups.height - 1:
            compared += 1
            # It cannot weigh by S where anyone is seen at time 0, so that all are moved by one.
            expected = multivariate_logrank_test(data.time + 1, data.group, data.died, **options)
            assert (found.statistic, found.p) == near((expected.test_statistic, expected.p_value))
    assert compared > 20


def test_the_stratified_test_adds_over_strata(sets: list[DataSet], risks: pl.DataFrame) -> None:
    # Three data sets in a row are the strata of one test.
    tripled = risks.with_columns(stratum=pl.col("dataset") % 3, dataset=pl.col("dataset") // 3)
    compared = 0
    for trial, rows in enumerate(tripled.partition_by("dataset", maintain_order=True)):
        strata = sets[3 * trial : 3 * trial + 3]
        counts = counted(rows, by=["group"], strata=["stratum"])
        groups = counts.groups.get_column("group").to_list()
        own = [DataSet(np.searchsorted(groups, data.group), data.time, data.way) for data in strata]
        for test, weight in FAMILY.items():
            found = logrank(counts.n_risk, counts.n_events, test=test)
            excess, covariance = plain.logrank(own, len(groups), weight)
            assert found.excess.tolist() == near(excess.tolist())
            assert found.covariance.ravel().tolist() == near(covariance.ravel().tolist())
            if 0 < found.df == len(groups) - 1:
                compared += 1
                assert found.statistic == near(plain.chi_squared(excess, covariance))
    assert compared > 800


@pytest.mark.parametrize("test", FAMILY, ids=lambda test: test.name)
def test_the_trend_test_is_tarone_s(trials: Trials, test: LogRank) -> None:
    compared = 0
    rng = np.random.default_rng(3)
    for data, counts in trials:
        scores = np.sort(rng.uniform(0, 4, counts.groups.height))
        found = logrank(counts.n_risk, counts.n_events, test=test, scores=scores)
        top, variance = plain.trend(data, scores.tolist(), FAMILY[test])
        if variance > 1e-9:
            compared += 1
            assert found.df == 1
            assert found.statistic == pytest.approx(top**2 / variance, rel=1e-9, abs=1e-10)
        else:
            assert (found.df, found.statistic, found.p) == (0, None, None)
    assert compared > 300


def test_holm_s_p_values_are_those_of_statsmodels() -> None:
    rng = np.random.default_rng(5)
    for size in range(1, 40, 3):
        # Ties, and values so small and so large that both ends are met.
        p = np.round(rng.random(size) ** rng.integers(1, 9), 3).tolist()
        assert holm(p) == near(multipletests(p, method="holm")[1].tolist())


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


def test_counts_of_finer_groups_add_up(sets: list[DataSet], risks: pl.DataFrame) -> None:
    whole = risk(trajectories(sets), by=["dataset"]).collect()
    added = risks.group_by("dataset", "fork").agg(pl.col("n_risk", "n_events", "n_censored").sum())
    assert added.sort("dataset", "fork").equals(whole)
