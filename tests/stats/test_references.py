"""500 random data sets against other packages, and against the formulas as plain loops: survival.

scikit-survival and lifelines are asked where they answer; where one of them errs, a test says how.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import polars as pl
import pytest
from lifelines import KaplanMeierFitter
from lifelines.utils import restricted_mean_survival_time
from sksurv.nonparametric import (
    kaplan_meier_estimator,
)
from statsmodels.duration.survfunc import SurvfuncRight

from klsurv.frames.risk import risk
from klsurv.inference import SCALES, Interval, Scale
from klsurv.stats import survival as surviving
from tests.stats import plain
from tests.stats.compared import BY, at, near
from tests.stats.drawn import DataSet, trajectories

LEVEL = 0.9
Samples = list[tuple[DataSet, pl.DataFrame]]


@pytest.fixture(scope="module")
def samples(sets: list[DataSet], risks: pl.DataFrame) -> Samples:
    """Each group of each data set, and its rows of the table `survival`."""
    curves = surviving.survival(risks, by=BY, interval=Interval(level=LEVEL)).partition_by(BY, as_dict=True)
    return [(sets[dataset].of_group(group), rows) for (dataset, group), rows in curves.items()]


def lifetimes(samples: Samples, tau: int | None = None) -> list[dict[str, Any]]:
    """A row of the table `lifetimes` for each of the samples."""
    curves = pl.concat([rows for _, rows in samples])
    return surviving.lifetimes(curves, by=BY, tau_at=tau).to_dicts()


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


def test_counts_of_finer_groups_add_up(sets: list[DataSet], risks: pl.DataFrame) -> None:
    whole = risk(trajectories(sets), by=["dataset"]).collect()
    added = risks.group_by("dataset", "fork").agg(pl.col("n_risk", "n_events", "n_censored").sum())
    assert added.sort("dataset", "fork").equals(whole)
