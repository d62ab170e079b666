"""500 random data sets against other packages, and against the formulas as plain loops: the log-rank family.

scikit-survival and lifelines are asked where they answer; where one of them errs, a test says how.
"""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from lifelines.statistics import multivariate_logrank_test
from scipy.stats import chi2
from sksurv.compare import compare_survival
from sksurv.util import Surv
from statsmodels.stats.multitest import multipletests

from klsurv.frames.risk import risk
from klsurv.inference import LogRank
from klsurv.stats.counted import Counted, counted
from klsurv.stats.logrank import holm, logrank
from tests.stats import plain
from tests.stats.compared import near
from tests.stats.drawn import DIED, FINISHED, DataSet, trajectories

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
Trials = list[tuple[DataSet, Counted]]


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
