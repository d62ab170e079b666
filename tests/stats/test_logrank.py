from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest
from scipy.stats import chi2

from klsurv.inference import Interval, LogRank, Test
from klsurv.schema import COMPARE
from klsurv.stats import survival as surviving
from klsurv.stats.compare import Trend, compare
from klsurv.stats.counted import Counted, Floats, counted
from klsurv.stats.logrank import Result, holm, logrank
from klsurv.stats.resample import Draws
from tests.stats.counts import Forks, table

Groups = dict[Any, Forks]
MEMBERS: list[Test] = ["logrank", "wilcoxon", "tarone-ware", "peto"]
# 4 against 4. Deaths at 3 and at 5 of the first, at 3 of the second; both are measured at both.
PAIR: Groups = {"a": [(3, 4, 2), (5, 2, 1)], "b": [(3, 4, 1), (5, 3, 0)]}


def counts(groups: Groups) -> Counted:
    return counted(table(groups), by=["g"])


def outcome(groups: Groups, test: LogRank | None = None, scores: Floats | None = None) -> Result:
    found = counts(groups)
    return logrank(found.n_risk, found.n_events, test=test or LogRank(), scores=scores)


def compared(groups: Groups, **rest: Any) -> list[dict[str, Any]]:
    risk = table(groups)
    means = surviving.lifetimes(surviving.survival(risk, by=["g"], interval=Interval()), by=["g"])
    arguments: dict[str, Any] = {"test": LogRank(), "interval": Interval(), "draws": None, **rest}
    found = compare(counted(risk, by=["g"]), means, by=["g"], **arguments)
    assert found.schema == COMPARE.schema
    return found.to_dicts()


def test_a_test_worked_by_hand() -> None:
    # At 3, 3 of 8 die: 1.5 expected in each. At 5, 1 of 5 dies: 0.4 expected among the 2 of the first.
    found = outcome(PAIR)
    assert found.excess.tolist() == pytest.approx([3 - 1.9, 1 - 2.1])
    # Hypergeometric: 3 × 5 / 7 × ½ × ½ at 3, 1 × 4 / 4 × 2/5 × 3/5 at 5.
    variance = 15 / 28 + 6 / 25
    assert found.covariance.tolist() == pytest.approx(np.array([[1, -1], [-1, 1]]) * variance)
    assert (found.statistic, found.df) == pytest.approx((1.1**2 / variance, 1))
    assert found.p == pytest.approx(chi2.sf(1.1**2 / variance, 1))


@pytest.mark.parametrize(
    ("test", "weights"),
    [
        pytest.param(LogRank(test="wilcoxon"), (8, 5), id="n at risk"),
        pytest.param(LogRank(test="tarone-ware"), (8**0.5, 5**0.5), id="its root"),
        pytest.param(LogRank(test="peto"), (6 / 9, 6 / 9 * 5 / 6), id="survival after the fork, with n + 1"),
        pytest.param(LogRank(test="fh"), (1, 1), id="0, 0 is the log-rank test"),
        pytest.param(LogRank(test="fh", rho=1), (1, 5 / 8), id="survival before the fork"),
        pytest.param(LogRank(test="fh", gamma=1), (0, 3 / 8), id="what had died before it"),
        pytest.param(LogRank(test="fh", rho=2, gamma=0.5), (0, (5 / 8) ** 2 * (3 / 8) ** 0.5), id="both"),
    ],
)
def test_the_weights_of_the_two_forks(test: LogRank, weights: tuple[float, float]) -> None:
    first, second = weights
    found = outcome(PAIR, test)
    variance = first**2 * 15 / 28 + second**2 * 6 / 25
    assert found.excess[0] == pytest.approx(first * 0.5 + second * 0.6)
    assert found.covariance[0, 0] == pytest.approx(variance)
    assert found.statistic == pytest.approx((first * 0.5 + second * 0.6) ** 2 / variance)


def test_all_may_die_at_one_fork_and_then_it_says_nothing() -> None:
    found = outcome({"a": [(3, 4, 4)], "b": [(3, 2, 2)]})
    assert (found.statistic, found.df, found.p) == (None, 0, None)
    assert found.excess.tolist() == [0, 0]


def test_groups_that_die_alike_have_a_statistic_of_0() -> None:
    found = outcome({"a": [(3, 4, 1), (5, 3, 1)], "b": [(3, 8, 2), (5, 6, 2)]})
    assert found.statistic == pytest.approx(0, abs=1e-20)
    assert found.p == pytest.approx(1)


@pytest.mark.parametrize("test", MEMBERS)
@pytest.mark.parametrize(
    "groups",
    [
        pytest.param({"a": [(3, 4, 1)], "b": [(5, 4, 1)]}, id="never at risk together"),
        pytest.param({"a": [(3, 4, 1), (5, 3, 2)]}, id="one group only"),
        pytest.param({"a": [(3, 4, 0)], "b": [(3, 4, 0)]}, id="no one dies"),
        pytest.param({"a": [(3, 1, 1), (5, 0, 0)], "b": [(5, 3, 1)]}, id="gone before the other comes"),
    ],
)
def test_groups_that_cannot_be_compared_have_no_statistic(groups: Groups, test: Test) -> None:
    found = outcome(groups, LogRank(test=test))
    assert (found.statistic, found.df, found.p) == (None, 0, None)
    assert np.isfinite(found.excess).all() and np.isfinite(found.covariance).all()


def test_a_group_at_risk_at_no_death_takes_no_degree_of_freedom() -> None:
    found = outcome({**PAIR, "c": [(1, 9, 0)]})
    assert (found.statistic, found.df) == pytest.approx((outcome(PAIR).statistic, 1))


def test_two_pairs_that_never_meet_take_one_degree_of_freedom_each() -> None:
    later = {"c": [(13, 4, 2), (15, 2, 1)], "d": [(13, 4, 1), (15, 3, 0)]}
    found = outcome({**PAIR, **later})
    assert (found.statistic, found.df) == pytest.approx((2 * (outcome(PAIR).statistic or 0), 2))


def test_a_group_that_is_small_beside_the_others_counts() -> None:
    found = outcome({"a": [(3, 1, 1)], "b": [(3, 10**6, 1)], "c": [(3, 10**6, 1)]})
    assert found.df == 2


def test_the_order_of_the_groups_does_not_matter() -> None:
    three = {**PAIR, "c": [(3, 5, 0), (5, 4, 2)]}
    names = {"a": "z", "b": "a", "c": None}
    renamed = {names[name]: forks for name, forks in three.items()}
    for test in MEMBERS:
        first, second = outcome(three, LogRank(test=test)), outcome(renamed, LogRank(test=test))
        assert (first.statistic, first.df, first.p) == pytest.approx((second.statistic, second.df, second.p))


def test_strata_add_their_excess_and_covariance() -> None:
    # The same pair, and the pair the other way round: what one says the other takes back.
    forks = {("x", "a"): PAIR["a"], ("x", "b"): PAIR["b"], ("y", "a"): PAIR["b"], ("y", "b"): PAIR["a"]}
    found = counted(table(forks, by=["s", "g"]), by=["g"], strata=["s"])
    result = logrank(found.n_risk, found.n_events, test=LogRank())
    assert result.excess.tolist() == pytest.approx([0, 0], abs=1e-12)
    assert result.covariance == pytest.approx(2 * outcome(PAIR).covariance)
    # Twice the same is twice the evidence.
    twice = counted(
        table(
            {("x", "a"): PAIR["a"], ("x", "b"): PAIR["b"], ("y", "a"): PAIR["a"], ("y", "b"): PAIR["b"]}, by=["s", "g"]
        ),
        by=["g"],
        strata=["s"],
    )
    for test in MEMBERS:
        again = logrank(twice.n_risk, twice.n_events, test=LogRank(test=test))
        assert again.statistic == pytest.approx(2 * (outcome(PAIR, LogRank(test=test)).statistic or 0))


def test_a_stratum_with_one_group_says_nothing() -> None:
    forks = {("x", "a"): PAIR["a"], ("x", "b"): PAIR["b"], ("y", "a"): [(3, 50, 20), (5, 30, 30)]}
    found = counted(table(forks, by=["s", "g"]), by=["g"], strata=["s"])
    assert logrank(found.n_risk, found.n_events, test=LogRank()).statistic == pytest.approx(outcome(PAIR).statistic)


def test_a_fork_at_which_one_alone_is_at_risk_says_nothing() -> None:
    found = outcome({"a": [*PAIR["a"], (9, 1, 1)], "b": PAIR["b"]})
    assert found.excess.tolist() == pytest.approx(outcome(PAIR).excess.tolist())
    assert found.statistic == pytest.approx(outcome(PAIR).statistic)


def test_a_fork_at_which_two_are_at_risk_counts() -> None:
    # One of two dies: a half more than expected, with a variance of a quarter.
    assert outcome({"a": [(3, 1, 1)], "b": [(3, 1, 0)]}).statistic == pytest.approx(1)


# Four forks of a stratum; one that was not measured at the second and third; one in which a single one dies first.
FORKS = {
    ("x", "a"): [(1, 4, 2), (3, 2, 0), (5, 2, 1), (7, 1, 1)],
    ("x", "b"): [(1, 4, 2), (3, 2, 1), (5, 1, 0), (7, 1, 0)],
    ("y", "a"): [(1, 4, 1), (7, 3, 1)],
    ("y", "b"): [(1, 4, 1), (7, 3, 0)],
    ("z", "a"): [(3, 1, 1), (5, 2, 1)],
    ("z", "b"): [(5, 2, 0)],
}


@pytest.mark.parametrize(
    ("rho", "gamma", "excess"),
    [
        # S before the forks: 1, 1/2, 3/8, 1/4; 1 and 3/4; 1 and 0. Observed − expected: −1/2, 1/3, 1/2; 1/2; 1/2.
        (1, 1, -1 / 2 * 1 / 4 + 1 / 3 * 15 / 64 + 1 / 2 * 3 / 16 + 1 / 2 * 3 / 16),
        (0, 1, -1 / 2 * 1 / 2 + 1 / 3 * 5 / 8 + 1 / 2 * 3 / 4 + 1 / 2 * 1 / 4 + 1 / 2),
    ],
)
def test_fleming_and_harrington_weigh_by_survival_before_each_fork_of_the_stratum(
    rho: float, gamma: float, excess: float
) -> None:
    found = counted(table(FORKS, by=["s", "g"]), by=["g"], strata=["s"])
    result = logrank(found.n_risk, found.n_events, test=LogRank(test="fh", rho=rho, gamma=gamma))
    assert result.excess.tolist() == pytest.approx([excess, -excess])


def test_weights_that_are_all_tiny_weigh_as_any_others() -> None:
    # 3/8 are dead before the second fork; all the weight is there.
    found = outcome(PAIR, LogRank(test="fh", gamma=100))
    assert (found.statistic, found.df) == (pytest.approx(0.6**2 / (6 / 25)), 1)


def test_without_groups_there_is_nothing_to_test() -> None:
    none = logrank(np.zeros((1, 0, 0)), np.zeros((1, 0, 0)), test=LogRank())
    assert (none.statistic, none.df, none.p) == (None, 0, None)


@pytest.mark.parametrize("scores", [[0.0, 1.0, 3.0], [2.0, 2.0, 2.0]])
def test_a_trend_has_the_excess_and_covariance_of_its_groups_whether_it_can_be_tested_or_not(
    scores: list[float],
) -> None:
    three = {**PAIR, "c": [(3, 5, 0), (5, 5, 2)]}
    found, plain = outcome(three, scores=np.array(scores)), outcome(three)
    assert (found.excess.tolist(), found.covariance.tolist()) == (plain.excess.tolist(), plain.covariance.tolist())


def test_one_group_has_no_trend() -> None:
    found = outcome({"a": PAIR["a"]}, scores=np.array([1.0]))
    assert (found.statistic, found.df, found.p) == (None, 0, None)
    assert (found.excess.tolist(), found.covariance.tolist()) == ([0], [[0]])


def test_the_trend_of_two_groups_is_their_test_whatever_the_scores() -> None:
    for scores in ([0.0, 1.0], [5.0, -3.0], [1e9, 1e9 + 1], [0.0, 1e-9], [0.0, 1e200], [-1.7e308, 1.7e308]):
        # Also where weights, and with them variances, are some 1e-20.
        for test in (LogRank(), LogRank(test="fh", gamma=60)):
            found = outcome(PAIR, test, scores=np.array(scores))
            assert (found.statistic, found.df) == pytest.approx((outcome(PAIR, test).statistic, 1))


def test_a_trend_does_not_depend_on_where_scores_begin_and_on_their_unit() -> None:
    three = {**PAIR, "c": [(3, 5, 0), (5, 5, 2)]}
    first = outcome(three, scores=np.array([0.0, 0.5, 2.0])).statistic
    assert outcome(three, scores=np.array([100.0, 101.0, 104.0])).statistic == pytest.approx(first)
    assert outcome(three, scores=np.array([2.0, 1.5, 0.0])).statistic == pytest.approx(first)
    assert outcome(three, scores=np.array([0.0, 2.0, 0.5])).statistic != pytest.approx(first, rel=1e-3)


def test_there_is_no_trend_among_equal_scores() -> None:
    for score in (0.0, 1.0, 0.1):
        found = outcome({**PAIR, "c": [(3, 5, 0), (5, 5, 2)]}, scores=np.full(3, score))
        assert (found.statistic, found.df, found.p) == (None, 0, None)


def test_holm_multiplies_the_least_by_the_number_of_tests_and_never_lets_them_fall() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5, 0.9]) == [1.0, 1.0]
    assert holm([None, 0.02, None, 0.03]) == [None, pytest.approx(0.04), None, pytest.approx(0.04)]
    assert holm([]) == [] and holm([None]) == [None]


def test_no_adjusted_p_is_above_1() -> None:
    assert holm([0.6, None, 0.9, 0.2]) == pytest.approx([1.0, None, 1.0, 0.6])


def test_the_table_has_the_overall_test_then_every_pair_in_order() -> None:
    rows = compared({"b": PAIR["b"], "a": PAIR["a"], None: [(3, 5, 0), (5, 5, 2)]})
    assert [(row["group_a"], row["group_b"]) for row in rows] == [
        (None, None),
        ("a", "b"),
        ("a", "unknown"),
        ("b", "unknown"),
    ]
    assert [row["df"] for row in rows] == [2, 1, 1, 1]
    assert rows[1]["statistic"] == pytest.approx(outcome(PAIR).statistic)
    assert [row["p_holm"] for row in rows[1:]] == pytest.approx(holm([row["p"] for row in rows[1:]]))
    assert rows[0]["p_holm"] is None


def test_a_pair_that_cannot_be_compared_has_no_p_and_does_not_count_for_holm() -> None:
    rows = compared({**PAIR, "c": [(13, 4, 1)]})
    by_pair = {(row["group_a"], row["group_b"]): row for row in rows[1:]}
    assert by_pair["a", "c"]["df"] == by_pair["b", "c"]["df"] == 0
    assert by_pair["a", "c"]["p"] is by_pair["a", "c"]["p_holm"] is None
    assert by_pair["a", "b"]["p_holm"] == by_pair["a", "b"]["p"] == pytest.approx(outcome(PAIR).p)


def test_one_group_has_an_overall_row_and_no_pair() -> None:
    (row,) = compared({"a": PAIR["a"]})
    assert (row["statistic"], row["df"], row["p"], row["rmst_diff"]) == (None, 0, None, None)


def test_the_difference_of_means_is_a_minus_b_with_a_normal_interval() -> None:
    # To 5, the last fork of who lives: 3 + ½ × 2, and 3 + ¾ × 2.
    row = compared(PAIR, interval=Interval(level=0.9))[-1]
    assert (row["rmst_a"], row["rmst_b"], row["rmst_diff"]) == pytest.approx((4.0, 4.5, -0.5))
    error = (1.0**2 * 2 / (4 * 2) + 1.5**2 * 1 / (4 * 3)) ** 0.5
    assert (row["ci_low"], row["ci_high"]) == pytest.approx((-0.5 - 1.644854 * error, -0.5 + 1.644854 * error))
    assert row["rmst_p"] == pytest.approx(chi2.sf((0.5 / error) ** 2, 1))


def test_means_that_have_no_error_have_a_difference_without_an_interval() -> None:
    row = compared({"a": [(0, 4, 0), (5, 4, 0)], "b": [(0, 4, 4)]})[-1]
    assert (row["rmst_a"], row["rmst_b"], row["rmst_diff"]) == (5.0, 0.0, 5.0)
    assert (row["ci_low"], row["ci_high"], row["rmst_p"]) == (None, None, None)


def test_the_resampled_interval_is_of_the_paired_differences() -> None:
    # 101 draws, in which the groups rise and fall together.
    common = np.arange(101.0)
    draws = Draws(np.stack([common + 3, common + 0.01 * common]), np.zeros((2, 101)), np.full(2, 10**6))
    row = compared(PAIR, draws=draws, interval=Interval(level=0.8))[-1]
    # 3 − 0.01 i, of which the 10th and 90th percentile are 2.1 and 2.9.
    assert (row["boot_low"], row["boot_high"]) == pytest.approx((2.1, 2.9), abs=0.02)


def test_trends_are_tested_within_each_group_of_the_other_columns() -> None:
    doses = {
        ("pca", 0.5): PAIR["b"],
        ("pca", 1.0): PAIR["a"],
        ("caa", 0.5): PAIR["a"],
        ("caa", 1.0): PAIR["a"],
    }
    risk = table({(m, str(dose)): forks for (m, dose), forks in doses.items()}, by=["method", "alpha"])
    risk = risk.with_columns(pl.col("alpha").cast(pl.Float64))
    means = surviving.lifetimes(
        surviving.survival(risk, by=["method", "alpha"], interval=Interval()), by=["method", "alpha"]
    )
    trend = Trend(counted(risk, by=["method", "alpha"]), ["method"], "alpha")
    rows = compare(
        trend.counted,
        means,
        by=["method", "alpha"],
        test=LogRank(),
        interval=Interval(),
        draws=None,
        trend=trend,
    ).to_dicts()
    assert [(row["test"], row["group_a"], row["group_b"]) for row in rows[1:3]] == [
        ("trend in alpha", "caa", None),
        ("trend in alpha", "pca", None),
    ]
    assert (rows[1]["statistic"], rows[1]["p"]) == pytest.approx((0, 1), abs=1e-12)
    assert (rows[2]["statistic"], rows[2]["p"]) == pytest.approx((outcome(PAIR).statistic, outcome(PAIR).p))
    assert rows[3]["group_a"] == "method=caa, alpha=0.5"
    assert len(rows) == 1 + 2 + 6


def test_a_trend_over_a_missing_score_is_not_tested() -> None:
    risk = table({"1": PAIR["a"], "2": PAIR["b"], None: PAIR["a"]}).with_columns(pl.col("g").cast(pl.Int64))
    means = surviving.lifetimes(surviving.survival(risk, by=["g"], interval=Interval()), by=["g"])
    found = counted(risk, by=["g"])
    rows = compare(
        found, means, by=["g"], test=LogRank(), interval=Interval(), draws=None, trend=Trend(found, [], "g")
    ).to_dicts()
    assert (rows[1]["test"], rows[1]["statistic"], rows[1]["df"], rows[1]["p"]) == ("trend in g", None, 0, None)
