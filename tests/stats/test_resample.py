from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import polars as pl
import pytest
from scipy.stats import norm, t

from benchmarks.simulated import LOG, WINDOW, clustered
from klsurv.inference import Interval, Resampling
from klsurv.stats import resample
from klsurv.stats import survival as surviving
from klsurv.stats.counted import Counted, Floats
from klsurv.stats.resample import Draws, area, band, bootstrap, weights

INF, NAN = float("inf"), float("nan")


def prompts(n_risk: list[list[list[int]]], n_events: list[list[list[int]]], forks: tuple[int, ...]) -> Counted:
    """Counts by prompt, group and fork."""
    n_groups = len(n_risk[0])
    return Counted(
        groups=pl.DataFrame({"group": range(n_groups)}),
        strata=pl.DataFrame({"prompt": range(len(n_risk))}),
        forks=np.array(forks),
        n_risk=np.array(n_risk, dtype=float),
        n_events=np.array(n_events, dtype=float),
    )


# Two prompts, one group: the first lives to 10, the second dies at 3.
TWO = prompts([[[1, 1, 1]], [[1, 1, 0]]], [[[0, 0, 0]], [[0, 1, 0]]], (0, 3, 10))


def drawn(counted: Counted, *, tau: int = 10, draws: int = 200, seed: int = 0) -> Draws:
    return bootstrap(counted, tau=tau, resampling=Resampling(draws=draws, seed=seed))


def test_each_draw_has_as_many_prompts_as_there_are() -> None:
    found = weights(7, resampling=Resampling(draws=500, seed=3))
    assert found.shape == (500, 7)
    assert set(found.sum(axis=1).tolist()) == {7.0}
    assert found.mean(axis=0) == pytest.approx(np.ones(7), abs=0.2)
    assert len(np.unique(found, axis=0)) > 300


def test_a_seed_gives_the_same_draws_again_and_another_seed_others() -> None:
    one, again, other = (weights(7, resampling=Resampling(draws=50, seed=seed)) for seed in (3, 3, 4))
    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)


def test_a_draw_of_two_prompts_has_the_curve_of_those_drawn() -> None:
    found = drawn(TWO)
    assert set(zip(found.rmst[0].tolist(), found.survival[0].tolist(), strict=True)) == {
        (10.0, 1.0),
        (6.5, 0.5),
        (3.0, 0.0),
    }


def test_a_group_has_as_many_prompts_as_were_measured_in_it() -> None:
    three = prompts([[[1, 0], [1, 1]], [[0, 0], [2, 1]], [[3, 1], [1, 0]]], [[[0, 0]] * 2] * 3, (0, 3))
    assert drawn(three, draws=2).prompts.tolist() == [2, 3]


def test_blocks_of_draws_are_asked_of_the_executor_and_a_group_is_told_when_its_last_is_done(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[int] = []

    class Counting(ThreadPoolExecutor):
        def submit(self, *arguments: Any, **options: Any) -> Any:
            asked.append(len(arguments[1].draws))
            return super().submit(*arguments, **options)

    # Five draws of three forks at a time.
    monkeypatch.setattr(resample, "_CELLS", 15)
    told: list[tuple[int, int]] = []
    with Counting(1) as executor:
        found = bootstrap(
            TWO,
            tau=10,
            resampling=Resampling(draws=10),
            step=lambda done, of: told.append((done, of)),
            executor=executor,
        )
    assert (asked, told) == ([5, 5], [(1, 1)])
    assert np.array_equal(found.rmst, drawn(TWO, draws=10).rmst)


@pytest.mark.parametrize(("n", "low"), [(1, None), (38, 0), (78, 0), (79, 1), (2000, 49)])
def test_bounds_are_the_draws_of_whole_ranks_from_either_end(n: int, low: int | None) -> None:
    expected = (None, None) if low is None else (low, n - 1 - low)
    assert band(np.arange(n, dtype=float), interval=Interval()) == expected


@pytest.mark.parametrize("values", [[0.0, 1.0, 1.0], [0.0, 0.0, 1.0]])
def test_one_draw_that_is_another_is_enough_to_vary(values: list[float]) -> None:
    assert band(np.array(values), interval=Interval()) == (0.0, 1.0)


def test_the_draws_are_the_lifetimes_of_the_prompts_drawn() -> None:
    counted = clustered(LOG, np.random.default_rng(5), prompts=9, each=2, ratios=(1.0, 2.0))
    found = drawn(counted, tau=WINDOW, draws=25)
    for draw, times in enumerate(weights(9, resampling=Resampling(draws=25))):
        n_risk, n_events = (np.einsum("p,pgf->gf", times, x) for x in (counted.n_risk, counted.n_events))
        for group in (0, 1):
            table = pl.DataFrame(
                {
                    "group": group,
                    "fork": counted.forks,
                    "n_risk": n_risk[group].astype(int),
                    "n_events": n_events[group].astype(int),
                    "n_censored": 0,
                }
            ).filter(pl.col("n_risk") > 0)
            curve = surviving.survival(table, by=["group"], interval=Interval())
            row = surviving.lifetimes(curve, by=["group"], tau_at=WINDOW).row(0, named=True)
            assert found.rmst[group, draw] == pytest.approx(row["rmst"], rel=1e-12)
            assert found.survival[group, draw] == pytest.approx(row["survival_end"], abs=1e-12)


def test_the_same_prompts_are_drawn_for_every_group_so_that_equal_groups_never_differ() -> None:
    counted = clustered(LOG, np.random.default_rng(5), prompts=9, each=2, ratios=(1.0,))
    twice = Counted(
        pl.DataFrame({"group": [0, 1]}),
        counted.strata,
        counted.forks,
        *(np.repeat(x, 2, axis=1) for x in (counted.n_risk, counted.n_events)),
    )
    found = drawn(twice, tau=WINDOW)
    assert np.array_equal(found.rmst[0], found.rmst[1])
    assert np.ptp(found.rmst[0]) > 0


def test_a_draw_without_a_trajectory_of_the_group_has_no_value() -> None:
    counted = prompts([[[1, 1], [1, 1]], [[1, 1], [0, 0]]], [[[0, 1], [0, 0]], [[0, 0], [0, 0]]], (0, 10))
    found = drawn(counted)
    without = weights(2, resampling=Resampling(draws=200))[:, 0] == 0
    assert 0 < without.sum() < 200
    assert np.array_equal(np.isnan(found.rmst[1]), without)
    assert np.array_equal(np.isnan(found.survival[1]), without)
    assert not np.isnan(found.rmst[0]).any()


def test_prompts_are_counted_in_each_group() -> None:
    counted = prompts([[[1, 1], [1, 1]], [[1, 1], [0, 0]]], [[[0, 1], [0, 0]], [[0, 0], [0, 0]]], (0, 10))
    assert drawn(counted).prompts.tolist() == [2, 1]


def test_draws_in_parts_are_the_draws_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    counted = clustered(LOG, np.random.default_rng(5), prompts=9, each=2, ratios=(1.0, 2.0))
    whole = drawn(counted, tau=WINDOW)
    monkeypatch.setattr(resample, "_CELLS", 7 * len(LOG.forks))
    parts = drawn(counted, tau=WINDOW)
    # A product of fewer rows may be added up in another order.
    assert parts.rmst == pytest.approx(whole.rmst, rel=1e-12)
    assert parts.survival == pytest.approx(whole.survival, rel=1e-12)


def test_progress_is_told_after_each_group() -> None:
    told: list[tuple[int, int]] = []
    counted = clustered(LOG, np.random.default_rng(5), prompts=3, each=1, ratios=(1.0, 2.0, 3.0))
    bootstrap(counted, tau=10, resampling=Resampling(draws=2), step=lambda *step: told.append(step))
    assert told == [(1, 3), (2, 3), (3, 3)]


@pytest.mark.parametrize(
    ("tau", "mean", "end"),
    [(1, 1.0, 1.0), (2, 2.0, 0.5), (4, 3.0, 0.5), (6, 4.0, 0.25), (10, 5.0, 0.25)],
)
def test_the_area_under_steps_ends_at_tau(tau: int, mean: float, end: float) -> None:
    found = area(np.array([[0.5, 0.25]]), np.array([2, 6]), tau)
    assert [x.tolist() for x in found] == [[mean], [end]]


@pytest.mark.parametrize(
    ("draws", "level", "expected"),
    [(2000, 0.95, (50, 1951)), (1999, 0.95, (50, 1950)), (2000, 0.9, (100, 1901)), (999, 0.9, (50, 950))],
)
def test_a_band_lies_as_many_ranks_from_either_end(draws: int, level: float, expected: tuple[int, int]) -> None:
    values = np.random.default_rng(0).permutation(np.arange(1.0, draws + 1))
    assert band(values, interval=Interval(level=level)) == expected


def test_a_band_of_few_draws_is_from_the_least_to_the_greatest() -> None:
    assert band(np.array([3.0, 1.0, 2.0]), interval=Interval()) == (1.0, 3.0)


@pytest.mark.parametrize("n", [None, 5, 30])
def test_the_band_of_what_is_turned_round_is_turned_round(n: int | None) -> None:
    values = np.random.default_rng(0).gamma(2.0, size=777)
    low, high = band(values, interval=Interval(), prompts=n)
    assert low is not None and high is not None
    assert band(-values, interval=Interval(), prompts=n) == (-high, -low)


@pytest.mark.parametrize("n", [4, 8, 30, 200])
@pytest.mark.parametrize("level", [0.8, 0.95])
def test_the_band_of_a_mean_of_normal_prompts_is_students_interval(n: int, level: float) -> None:
    # A bootstrapped mean of n has the variance (n − 1)/n of the one that Student's interval takes.
    draws = norm.ppf((np.arange(200_000) + 0.5) / 200_000) * np.sqrt((n - 1) / n)
    low, high = band(draws, interval=Interval(level=level), prompts=n)
    width = t.ppf((1 + level) / 2, n - 1)
    assert (low, high) == pytest.approx((-width, width), rel=1e-2)


def test_with_many_prompts_the_band_is_that_of_plain_percentiles() -> None:
    values = np.random.default_rng(0).normal(size=2000)
    assert band(values, interval=Interval(), prompts=100_000) == band(values, interval=Interval())


def test_one_prompt_alone_has_no_band() -> None:
    values = np.arange(100.0)
    assert band(values, interval=Interval(), prompts=1) == (None, None)
    assert None not in band(values, interval=Interval(), prompts=2)


def test_draws_that_do_not_vary_have_no_band() -> None:
    assert band(np.full(100, 3.0), interval=Interval()) == (None, None)
    for value, rounding in ((3.0, 4e-16), (-1e6, 1e-10), (0.0, 1e-17)):
        assert band(np.array([value, value + rounding] * 50), interval=Interval()) == (None, None)
        assert None not in band(np.array([value, value + 1e6 * rounding] * 50), interval=Interval())


def test_draws_without_a_value_do_not_count() -> None:
    values = np.arange(1.0, 1000)
    with_nan = np.concatenate([values, np.full(300, NAN)])
    assert band(with_nan, interval=Interval()) == band(values, interval=Interval())
    assert band(np.full(5, NAN), interval=Interval()) == (None, None)
    assert band(np.empty(0), interval=Interval()) == (None, None)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.concatenate([np.full(10, -INF), np.arange(90.0)]), (None, 88.0)),
        (np.concatenate([np.arange(90.0), np.full(10, INF)]), (1.0, None)),
        (np.concatenate([np.full(10, -INF), np.arange(80.0), np.full(10, INF)]), (None, None)),
        (np.concatenate([[-INF], np.arange(98.0), [INF]]), (0.0, 97.0)),
    ],
    ids=["often below", "often above", "both", "rarely either"],
)
def test_a_bound_that_is_not_finite_is_none(values: Floats, expected: tuple[float | None, float | None]) -> None:
    assert band(values, interval=Interval()) == expected


def test_duplicated_trajectories_leave_every_draw_as_it_is() -> None:
    counted = clustered(LOG, np.random.default_rng(5), prompts=9, each=2, ratios=(1.0, 2.0))
    doubled = Counted(counted.groups, counted.strata, counted.forks, 2 * counted.n_risk, 2 * counted.n_events)
    one, two = drawn(counted, tau=WINDOW), drawn(doubled, tau=WINDOW)
    assert np.array_equal(one.rmst, two.rmst)
    assert np.array_equal(one.survival, two.survival)
