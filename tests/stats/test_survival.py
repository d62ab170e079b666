from __future__ import annotations

import math

import polars as pl
import pytest

from klsurv.inference import SCALES, Interval, Scale
from klsurv.schema import SURVIVAL
from klsurv.stats import survival as surviving
from tests.stats.counts import Forks, table

Z = 1.959963984540054


def curve(forks: Forks, ci: Scale = "log-log", level: float = 0.95) -> pl.DataFrame:
    """The table `survival` of one group."""
    return surviving.survival(table({"a": forks}), by=["g"], interval=Interval(ci=ci, level=level))


def bounds(forks: Forks, ci: Scale = "log-log", level: float = 0.95) -> list[tuple[float, float]]:
    found: list[tuple[float, float]] = curve(forks, ci, level).select("ci_low", "ci_high").rows()
    return found


def lives(risk: pl.DataFrame, by: list[str] | None = None, tau: int | None = None) -> pl.DataFrame:
    by = by or ["g"]
    return surviving.lifetimes(surviving.survival(risk, by=by, interval=Interval()), by=by, tau_at=tau)


def life(forks: Forks, tau: int | None = None) -> dict[str, object]:
    return lives(table({"a": forks}), tau=tau).row(0, named=True)


def test_the_columns_are_the_groups_those_that_the_schema_declares_and_where_it_fell() -> None:
    assert curve([(0, 4, 1)]).schema == {"g": pl.String, **SURVIVAL.schema, "left": pl.Int64}


def test_a_curve_one_can_check_by_eye() -> None:
    # 8 at risk, 2 die; 6 left, 1 is censored; of 5, 1 dies.
    found = curve([(0, 8, 0), (5, 8, 2), (10, 5, 1)])
    assert found.get_column("hazard").to_list() == pytest.approx([0, 0.25, 0.2])
    assert found.get_column("survival").to_list() == pytest.approx([1, 0.75, 0.6])
    errors = [0, 0.75 * math.sqrt(2 / 48), 0.6 * math.sqrt(2 / 48 + 1 / 20)]
    assert found.get_column("std_error").to_list() == pytest.approx(errors)
    assert found.get_column("estimator").to_list() == ["kaplan-meier"] * 3


def test_where_all_of_8_are_alive_the_interval_is_not_empty_but_clopper_and_pearson_s() -> None:
    assert bounds([(0, 8, 0), (5, 8, 0)]) == [pytest.approx((0.6306, 1.0), abs=5e-5)] * 2
    # 0.025 = p⁸.
    assert bounds([(0, 8, 0)])[0][0] ** 8 == pytest.approx(0.025)
    assert bounds([(0, 8, 0)], level=0.8)[0][0] ** 8 == pytest.approx(0.1)


def test_where_all_of_8_are_dead_it_is_clopper_and_pearson_s_too() -> None:
    assert bounds([(0, 8, 8)]) == [pytest.approx((0.0, 0.3694), abs=5e-5)]


def test_at_0_and_1_it_takes_those_at_risk_at_that_fork() -> None:
    found = bounds([(0, 20, 0), (5, 2, 0), (9, 1, 1)])
    assert found == [
        pytest.approx((0.025 ** (1 / 20), 1)),
        pytest.approx((math.sqrt(0.025), 1)),
        pytest.approx((0, 0.975)),
    ]


def test_where_the_last_one_dies_survival_is_no_higher_than_it_was_before() -> None:
    (_, before), (_, last) = bounds([(0, 20, 18), (5, 1, 1)])
    assert last == before < 0.4


def test_where_all_are_dead_the_bound_does_not_rise_with_fewer_at_risk_later() -> None:
    # Of 4, one was not measured at the fork at which the others died.
    (_, first), (_, then) = bounds([(0, 3, 3), (3, 1, 1)])
    assert first == then == pytest.approx(1 - 0.025 ** (1 / 3))
    found = surviving.survival(table({"a": [(0, 3, 3), (3, 1, 1)], "b": [(0, 2, 2)]}), by=["g"], interval=Interval())
    assert found.get_column("ci_high").to_list() == pytest.approx([first, first, 1 - 0.025 ** (1 / 2)])


def test_where_all_are_dead_the_bound_does_not_fall_with_more_alive_later() -> None:
    # One of 10 was measured at the fork at which it died; the others are seen alive at the next.
    found = bounds([(0, 10, 0), (3, 1, 1), (6, 9, 0)])
    assert found[1:] == [(0, pytest.approx(0.975))] * 2
    assert life([(0, 10, 0), (3, 1, 1), (6, 9, 0)])["median_high"] is None
    assert life([(0, 10, 0), (3, 1, 1), (6, 9, 0)])["end_high"] == pytest.approx(0.975)


def test_between_0_and_1_each_scale_has_its_own_interval() -> None:
    # 6 of 10 survive: S = 0.6, standard error √(0.6 × 0.4 / 10), of log S 1 / √15.
    forks, error = [(0, 10, 4)], math.sqrt(1 / 15)
    assert bounds(forks, "plain") == [pytest.approx((0.6 - Z * 0.6 * error, 0.6 + Z * 0.6 * error))]
    assert bounds(forks, "log") == [pytest.approx((0.6 * math.exp(-Z * error), 0.6 * math.exp(Z * error)))]
    power = math.exp(Z * error / math.log(0.6))
    assert bounds(forks, "log-log") == [pytest.approx((0.6 ** (1 / power), 0.6**power))]


@pytest.mark.parametrize("ci", SCALES)
@pytest.mark.parametrize("level", [0.5, 0.95, 0.999])
def test_bounds_stay_between_0_and_1_and_enclose_survival(ci: Scale, level: float) -> None:
    for n in range(1, 12):
        for d in range(n + 1):
            found = curve([(0, n, d), (5, n - d, (n - d) // 2)][: 2 if d < n else 1], ci, level)
            for low, survival, high in found.select("ci_low", "survival", "ci_high").rows():
                assert 0 <= low <= survival <= high <= 1
                assert low < high


def test_a_plain_interval_that_leaves_0_to_1_is_cut() -> None:
    assert bounds([(0, 2, 1)], "plain") == [(0.0, 1.0)]


def test_the_error_is_null_where_survival_is_0_and_0_where_no_one_has_died() -> None:
    assert curve([(0, 3, 0), (5, 3, 1), (9, 2, 2)]).get_column("std_error").to_list() == [
        0.0,
        pytest.approx(2 / 3 * math.sqrt(1 / 6)),
        None,
    ]


def test_survival_stays_0_for_who_was_not_measured_when_the_others_died() -> None:
    # One was not measured at 5, where all others died; it is still at risk at 9.
    found = curve([(0, 3, 0), (5, 2, 2), (9, 1, 0)])
    assert found.get_column("survival").to_list() == [1, 0, 0]
    assert found.get_column("std_error").to_list() == [0, None, None]
    # As it was with two at risk, although there is one now: S does not rise.
    assert found.select("ci_low", "ci_high").rows()[1:] == [(0, pytest.approx(1 - math.sqrt(0.025)))] * 2


def test_rows_and_groups_keep_their_order_and_groups_do_not_meet() -> None:
    risk = table({"b": [(0, 4, 1), (5, 3, 3)], "a": [(2, 4, 2)], None: [(0, 2, 1), (1, 1, 0)]})
    found = surviving.survival(risk, by=["g"], interval=Interval())
    assert found.select("g", "fork", "survival").rows() == [
        ("a", 2, 0.5),
        ("b", 0, 0.75),
        ("b", 5, 0.0),
        (None, 0, 0.5),
        (None, 1, 0.5),
    ]
    alone = surviving.survival(risk.filter(pl.col("g").is_null()), by=["g"], interval=Interval())
    assert alone.rows() == found.rows()[3:]


def test_two_columns_make_a_group_even_where_one_of_them_is_null() -> None:
    risk = table(
        {("a", "x"): [(0, 4, 2)], ("a", None): [(0, 4, 1), (3, 3, 3)], (None, "x"): [(0, 4, 0)]}, by=["g", "h"]
    )
    found = surviving.survival(risk, by=["g", "h"], interval=Interval())
    assert found.select("g", "h", "fork", "survival").rows() == [
        ("a", "x", 0, 0.5),
        ("a", None, 0, 0.75),
        ("a", None, 3, 0.0),
        (None, "x", 0, 1.0),
    ]
    means = lives(risk, ["g", "h"], tau=4)
    assert means.select("g", "h", "median", "rmst").rows() == [
        ("a", "x", 0, 2.0),
        ("a", None, 3, 2.25),
        (None, "x", None, 4.0),
    ]


def test_no_trajectory_at_risk_gives_no_row() -> None:
    risk = table({})
    assert surviving.survival(risk, by=["g"], interval=Interval()).is_empty()
    assert lives(risk).is_empty()
    assert lives(risk).schema["tau"] == pl.Int64
    assert surviving.tau(surviving.survival(risk, by=["g"], interval=Interval()), by=["g"]) is None


@pytest.mark.parametrize(
    ("groups", "expected"),
    [
        pytest.param({"a": [(0, 4, 1), (9, 3, 0)]}, 9, id="one group: its last fork"),
        pytest.param({"a": [(0, 4, 1), (9, 3, 0)], "b": [(0, 4, 0), (6, 2, 1)]}, 6, id="the smallest"),
        pytest.param({"a": [(0, 4, 1), (9, 3, 0)], "b": [(0, 4, 4)]}, 9, id="who are all dead set no limit"),
        pytest.param({"a": [(0, 4, 1), (3, 3, 3)], "b": [(0, 4, 4)]}, 3, id="all are: the last death"),
        pytest.param({"a": [(0, 4, 0)], "b": [(0, 4, 1), (5, 1, 0)]}, 0, id="one fork only, at 0"),
        pytest.param({None: [(0, 4, 0), (2, 4, 0)], "b": [(0, 4, 1), (5, 1, 0)]}, 2, id="a group without a name"),
    ],
)
def test_means_end_at_the_smallest_last_fork_of_the_groups_still_alive(
    groups: dict[str | None, Forks], expected: int
) -> None:
    risk = table(groups)
    assert surviving.tau(surviving.survival(risk, by=["g"], interval=Interval()), by=["g"]) == expected
    assert lives(risk).get_column("tau").to_list() == [expected] * len(groups)
    assert lives(risk, tau=4).get_column("tau").to_list() == [4] * len(groups)


def test_the_mean_is_the_area_and_its_least_has_deaths_just_after_the_fork_before() -> None:
    # S: 1 in [0, 4), 0.75 in [4, 10), 0.5 from 10. If early: 0.75 in (0, 4], 0.5 in (4, 10].
    forks = [(0, 4, 0), (4, 4, 1), (10, 3, 1)]
    found = life(forks)
    assert (found["tau"], found["rmst"], found["rmst_left"]) == (10, 8.5, 6.0)
    # To 12: 0.5 for two tokens more, either way.
    assert (life(forks, 12)["rmst"], life(forks, 12)["rmst_left"]) == (9.5, 7.0)
    # To 6: the death at 10 was no later than 10, and perhaps at 4.
    assert (life(forks, 6)["rmst"], life(forks, 6)["rmst_left"]) == (5.5, 4.0)
    # To 2: the death at 4 may have come at once.
    assert (life(forks, 2)["rmst"], life(forks, 2)["rmst_left"]) == (2.0, 1.5)


def test_the_error_of_the_mean_is_that_of_the_areas_after_the_deaths() -> None:
    # After 4: 0.75 × 6; after 10: nothing.
    assert life([(0, 4, 0), (4, 4, 1), (10, 3, 1)])["rmst_error"] == pytest.approx(4.5 * math.sqrt(1 / 12))
    # To 12: 4.5 + 1 after 4, 1 after 10.
    found = life([(0, 4, 0), (4, 4, 1), (10, 3, 1)], 12)["rmst_error"]
    assert found == pytest.approx(math.sqrt(5.5**2 / 12 + 1 / 6))
    # Nothing is censored: as the error of a mean of 2, 2, 8, 8, with n in place of n − 1.
    assert life([(2, 4, 2), (8, 2, 2)])["rmst_error"] == pytest.approx(3 / 2)
    assert life([(2, 4, 0), (8, 4, 0)])["rmst_error"] == 0.0


def test_all_dead_at_fork_0_lived_for_no_token() -> None:
    found = life([(0, 4, 4)], tau=9)
    assert [found[name] for name in ("median", "median_left", "rmst", "rmst_left", "rmst_error")] == [0, 0, 0, 0, 0]


def test_the_median_lies_between_two_forks_and_its_bounds_are_where_the_band_crosses_a_half() -> None:
    forks = [(1, 10, 1), (2, 9, 2), (3, 7, 2), (4, 5, 2), (5, 3, 2)]
    assert curve(forks).select("fork", pl.col("survival", "ci_low", "ci_high").round(2)).rows() == [
        (1, 0.9, 0.47, 0.99),
        (2, 0.7, 0.33, 0.89),
        (3, 0.5, 0.18, 0.75),
        (4, 0.3, 0.07, 0.58),
        (5, 0.1, 0.01, 0.36),
    ]
    found = life(forks)
    assert [found[name] for name in ("median_left", "median", "median_low", "median_high")] == [2, 3, 1, 5]


def test_a_median_that_is_not_reached_is_null_and_so_is_its_upper_bound() -> None:
    found = life([(0, 10, 0), (4, 10, 4)])
    assert [found[name] for name in ("median", "median_left", "median_low", "median_high")] == [None, None, 4, None]
    assert found["survival_end"] == pytest.approx(0.6)


def test_the_end_is_the_last_fork_with_its_interval() -> None:
    found = life([(0, 8, 0), (4, 8, 0)])
    assert (found["survival_end"], found["end_low"], found["end_high"]) == (1.0, pytest.approx(0.6306, abs=5e-5), 1.0)


def test_exactly_a_half_is_the_median_although_the_product_is_above_it_by_rounding() -> None:
    forks = [(1, 10, 1), (2, 9, 2), (3, 7, 2), (4, 5, 1)]
    assert curve(forks).get_column("survival").to_list()[2] > 0.5
    assert life(forks)["median"] == 3


@pytest.mark.parametrize(
    ("groups", "expected"),
    [
        pytest.param({"a": [(0, 4, 1), (9, 3, 0)]}, [], id="one group has no other"),
        pytest.param({"a": [(4, 4, 0)], "b": [(9, 3, 0)]}, [("a", 4, 9)], id="less than half as long"),
        pytest.param({"a": [(5, 4, 0)], "b": [(10, 3, 0)]}, [], id="half as long"),
        pytest.param({"a": [(4, 4, 4)], "b": [(9, 3, 0)]}, [], id="who are all dead set no limit"),
        pytest.param({"a": [(4, 4, 0)], "b": [(9, 3, 3)]}, [("a", 4, 9)], id="the others may be"),
        pytest.param({"a": [(4, 4, 0)], "b": [(9, 3, 0)], "c": [(4, 4, 4)]}, [("a", 4, 9)], id="nor where one does"),
        pytest.param(
            {"z": [(9, 1, 0)], **{f"{i:03}": [(2, 4, 0)] for i in range(300)}},
            [(f"{i:03}", 2, 9) for i in range(300)],
            id="in order",
        ),
        pytest.param(
            {"a": [(2, 4, 0)], None: [(2, 4, 0)], "b": [(3, 3, 0)], "c": [(9, 1, 0)]},
            [("a", 2, 9), (None, 2, 9)],
            id="the least of them",
        ),
        pytest.param({}, [], id="no group"),
    ],
)
def test_a_group_that_was_followed_for_less_than_half_as_long_as_another_limits_the_means(
    groups: dict[str | None, Forks], expected: list[tuple[str | None, int, int]]
) -> None:
    curve = surviving.survival(table(groups), by=["g"], interval=Interval())
    assert surviving.limiting(curve, by=["g"]).rows() == expected
