from __future__ import annotations

import time

import numpy as np
import polars as pl
import pytest
from sklearn.isotonic import IsotonicRegression

from klsurv.inference import Interval
from klsurv.stats.counted import Counted
from klsurv.stats.dose import dose, ed50
from klsurv.stats.resample import Draws

INF, NAN = float("inf"), float("nan")
ALPHAS = np.array([0.0, 0.5, 1.0, 2.0, 4.0])


def half(*survival: float, n: list[float] | None = None) -> float:
    """ED50 of one curve."""
    return float(ed50(np.array([survival]), ALPHAS[: len(survival)], np.array(n or [1.0] * len(survival)))[0])


@pytest.mark.parametrize(
    ("survival", "expected"),
    [
        pytest.param([1.0, 0.9, 0.6, 0.4, 0.0], 1.5, id="half-way between two doses"),
        pytest.param([1.0, 1.0, 1.0, 1.0, 0.0], 3.0, id="between all and none"),
        pytest.param([1.0, 0.9, 0.5, 0.4, 0.0], 1.0, id="just at a dose"),
        pytest.param([1.0, 0.9, 0.5, 0.5, 0.0], 1.0, id="the least dose at which half are dead"),
        pytest.param([0.5, 0.4, 0.3, 0.2, 0.1], 0.0, id="just at the least dose"),
        pytest.param([1.0, 0.9, 0.9, 0.8, 0.5], 4.0, id="just at the greatest dose"),
        pytest.param([0.4, 0.3, 0.2, 0.1, 0.0], -INF, id="below the least dose"),
        pytest.param([1.0, 0.9, 0.8, 0.7, 0.6], INF, id="above the greatest dose"),
        pytest.param([0.5 + 1e-13, 0.4, 0.3, 0.2, 0.1], 0.0, id="at the least dose but for rounding"),
        pytest.param([1.0, 0.3, 0.7, 0.1, 0.0], 0.5, id="a reversal averaged to a half"),
        pytest.param([0.4, 0.6, 0.6, 0.6, 0.6], INF, id="a reversal averaged to more than a half"),
    ],
)
def test_half_are_dead_where_the_falling_curve_crosses_a_half(survival: list[float], expected: float) -> None:
    assert half(*survival) == pytest.approx(expected)


def test_a_reversal_is_averaged_by_the_number_of_trajectories() -> None:
    assert half(1.0, 0.3, 0.7, n=[1, 1, 1]) == pytest.approx(0.5)
    # (3 · 0.3 + 0.7) / 4 = 0.4: the half is a sixth of the way back from there.
    assert half(1.0, 0.3, 0.7, n=[1, 3, 1]) == pytest.approx(0.5 / 0.6 * 0.5)


def test_a_curve_with_a_dose_of_which_nothing_is_known_has_no_half_and_others_have_theirs() -> None:
    both = ed50(np.array([[1.0, NAN, 0.2], [0.9, 0.4, 0.1]]), ALPHAS[:3], np.ones(3))
    assert both.tolist() == [pytest.approx(NAN, nan_ok=True), pytest.approx(0.4)]


def test_one_dose_has_a_half_only_if_half_are_dead_at_it() -> None:
    assert [half(s) for s in (1.0, 0.5, 0.2)] == [INF, 0.0, -INF]


def test_hundreds_of_doses_are_no_reason_to_wait() -> None:
    survival = np.linspace(1, 0, 400) + np.random.default_rng(0).normal(0, 0.1, (10, 400))
    start = time.process_time()
    found = ed50(survival, np.arange(400.0), np.ones(400))
    # Were each mean of neighbours taken for each dose between, it would be a minute.
    assert time.process_time() - start < 5
    assert np.isfinite(found).all()


def test_the_falling_curve_is_that_of_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    for _ in range(300):
        k = int(rng.integers(2, 9))
        alphas = np.sort(rng.choice(np.arange(0, 10, 0.25), size=k, replace=False))
        n = rng.integers(1, 30, k).astype(float)
        survival = rng.choice(np.arange(0, 21) / 20, size=k)
        falling = IsotonicRegression(increasing=False).fit(alphas, survival, sample_weight=n).predict(alphas)
        found = float(ed50(survival[None], alphas, n)[0])
        if falling[0] < 0.5 - 1e-12:
            assert found == -INF
        elif falling[-1] > 0.5 + 1e-12:
            assert found == INF
        else:
            first = int(np.argmax(falling <= 0.5 + 1e-12))
            between = slice(max(first - 1, 0), first + 1)
            expected = np.interp(-0.5, -falling[between], alphas[between]) if first else alphas[0]
            assert found == pytest.approx(float(expected))


def test_many_curves_at_once_are_each_as_if_alone() -> None:
    curves = np.random.default_rng(1).choice(np.arange(0, 11) / 10, size=(200, 5))
    n = np.array([3.0, 9.0, 1.0, 4.0, 5.0])
    together = ed50(curves, ALPHAS, n)
    alone = [ed50(curve[None], ALPHAS, n)[0] for curve in curves]
    assert together == pytest.approx(np.array(alone))


# Numbers at risk and deaths at one fork of 10 tokens; n trajectories a dose.
def answered(
    deaths: dict[str, list[int]],
    *,
    draws: Draws | None = None,
    alphas: tuple[float, ...] = (0.5, 1.0, 2.0),
    n: int = 20,
) -> pl.DataFrame:
    """The table `dose` of methods that lost so many at the doses."""
    keys = [(method, alpha) for method in deaths for alpha in alphas]
    lost = [x for method in deaths for x in deaths[method]]
    groups = pl.DataFrame(keys, schema=["method", "alpha"], orient="row")
    counted = Counted(
        groups,
        pl.DataFrame(),
        np.array([10]),
        np.full((1, len(keys), 1), float(n)),
        np.array(lost, float)[None, :, None],
    )
    lifetimes = groups.with_columns(
        n=pl.lit(n), n_events=pl.Series(lost), rmst=10.0, survival_tau=1 - pl.Series(lost) / n, tau=pl.lit(10)
    )
    return dose(lifetimes, counted, draws, by=["method"], interval=Interval())


def test_the_trend_is_above_0_where_more_die_at_more() -> None:
    rows = answered({"a": [2, 6, 12], "b": [12, 6, 2], "c": [5, 5, 5]}).group_by("method", maintain_order=True).first()
    up, down, none = rows.get_column("trend_z")
    assert up > 2 and none == 0
    assert down < -2
    small, also, one = rows.get_column("trend_p")
    assert small < 0.01 and also < 0.01
    assert one == 1


def test_doses_turned_round_turn_the_trend_round() -> None:
    ups = answered({"a": [2, 6, 12]}, alphas=(1.0, 2.0, 3.0))
    downs = answered({"a": [12, 6, 2]}, alphas=(1.0, 2.0, 3.0))
    assert ups["trend_z"][0] == pytest.approx(-downs["trend_z"][0])
    assert ups["trend_p"][0] == pytest.approx(downs["trend_p"][0])


def test_the_trend_of_two_doses_is_the_binomial_comparison_of_both() -> None:
    # One fork: the log-rank is the hypergeometric z of a 2 × 2 table.
    row = answered({"a": [4, 12]}, alphas=(1.0, 2.0)).row(0, named=True)
    variance = 20 * 20 * 16 * 24 / (40**2 * 39)
    assert row["trend_z"] == pytest.approx(4 / variance**0.5)


def test_one_dose_has_no_trend() -> None:
    row = answered({"a": [4]}, alphas=(1.0,)).row(0, named=True)
    assert (row["trend_z"], row["trend_p"]) == (None, None)


def test_what_is_said_of_a_group_is_said_in_each_of_its_rows_and_groups_keep_apart() -> None:
    table = answered({"a": [2, 6, 14], "b": [0, 1, 2]})
    assert table.get_column("method").to_list() == ["a"] * 3 + ["b"] * 3
    assert table.get_column("ed50").to_list() == [pytest.approx(1.5)] * 3 + [None] * 3
    for method in ("a", "b"):
        alone = answered({method: {"a": [2, 6, 14], "b": [0, 1, 2]}[method]})
        assert table.filter(method=method).drop("index").equals(alone.drop("index"))


def test_without_draws_there_are_no_bands() -> None:
    table = answered({"a": [2, 6, 14]})
    bands = ["rmst_low", "rmst_high", "survival_low", "survival_high", "ed50_low", "ed50_high"]
    assert table.select(bands).null_count().sum_horizontal().item() == 18
    assert table.get_column("ed50").null_count() == 0


def test_values_that_are_all_null_are_numbers_all_the_same() -> None:
    table = answered({"a": [4]}, alphas=(1.0,))
    names = ["rmst_low", "rmst_high", "survival_low", "survival_high", "trend_z", "trend_p", "ed50", "ed50_low"]
    assert {table.schema[name] for name in (*names, "ed50_high")} == {pl.Float64()}


def test_groups_stay_in_order() -> None:
    names = [f"m{i}" for i in range(20)]
    table = answered({name: [2, 6, 12] for name in names})
    assert table.get_column("method").unique(maintain_order=True).to_list() == names


def test_bands_are_those_of_the_draws_of_the_dose() -> None:
    rng = np.random.default_rng(0)
    survival = np.sort(rng.uniform(0.05, 0.95, (3, 2000)), axis=0)[::-1]
    draws = Draws(np.arange(6000.0).reshape(3, 2000), survival, np.array([10_000] * 3))
    table = answered({"a": [2, 6, 14]}, draws=draws)
    assert table.get_column("rmst_low").to_list() == [48.0, 2048.0, 4048.0]
    assert table.get_column("rmst_high").to_list() == [1951.0, 3951.0, 5951.0]
    assert table.get_column("survival_low").is_sorted(descending=True)


def test_the_band_of_ed50_is_open_where_draws_lie_beyond_the_doses() -> None:
    inside, low, high = [0.9, 0.4, 0.1], [0.4, 0.3, 0.1], [0.9, 0.8, 0.7]
    moved = [[0.9, 0.6 + i / 1000, 0.1] for i in range(100)]
    for extra, expected in ((inside, (True, True)), (low, (False, True)), (high, (True, False))):
        survival = np.array([extra] * 20 + moved).T
        draws = Draws(np.zeros_like(survival), survival, np.array([10_000] * 3))
        row = answered({"a": [2, 9, 18]}, draws=draws).row(0, named=True)
        assert (row["ed50_low"] is not None, row["ed50_high"] is not None) == expected
        assert row["ed50"] is not None


def test_the_dose_with_the_fewest_prompts_says_how_wide_the_band_of_ed50_is() -> None:
    survival = np.array([[0.9, 0.5 + i / 1000, 0.1] for i in range(-100, 101)]).T
    rows = [
        answered({"a": [2, 9, 18]}, draws=Draws(survival, survival, np.array(prompts))).row(0, named=True)
        for prompts in ([50, 50, 50], [50, 50, 6])
    ]
    many, few = (row["ed50_high"] - row["ed50_low"] for row in rows)
    assert few > many


@pytest.mark.parametrize("doses", [(0.15, 0.45), (0.1, 0.45), (0.3, 0.9), (0.3, 0.85)])
def test_ed50_at_a_dose_that_was_tried_is_that_dose(doses: tuple[float, float]) -> None:
    low, high = doses
    for survival in ([0.875, 0.5], [0.875, 0.5 - 1e-13], [0.875, 0.5 + 1e-13]):
        assert ed50(np.array([survival]), np.array(doses), np.ones(2)).tolist() == [high]
    assert low < ed50(np.array([[0.875, 0.4]]), np.array(doses), np.ones(2))[0] < high
