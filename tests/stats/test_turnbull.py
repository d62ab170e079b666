from __future__ import annotations

import warnings
from collections import Counter

import numpy as np
import pytest
from lifelines.exceptions import ConvergenceWarning
from lifelines.fitters.npmle import npmle

from klsurv.stats import turnbull as module
from klsurv.stats.counted import Floats
from klsurv.stats.turnbull import turnbull
from tests.effort import examples

INF = float("inf")
Bracket = tuple[float, float]
# Months to the first sign of breast retraction after radiotherapy: Finkelstein & Wolfe (1985), (left, right].
RADIOTHERAPY: list[Bracket] = [
    *[(0, 5), (0, 7), (0, 8), (4, 11), (5, 11), (5, 12), (6, 10), (7, 14), (7, 16), (11, 15), (11, 18), (17, 25)],
    *[(17, 25), (19, 26), (19, 35), (25, 37), (26, 40), (27, 34), (36, 44), (36, 48), (37, 44), (15, INF), (17, INF)],
    *[(18, INF), (22, INF), (24, INF), (24, INF), (32, INF), (33, INF), (34, INF), (36, INF), (36, INF), (37, INF)],
    *[(37, INF), (37, INF), (38, INF), (40, INF), (45, INF), *[(46, INF)] * 8],
]
# Fay & Shaw (2010), as their R package `interval` prints it.
PUBLISHED = {5: 0.0463, 7: 0.0334, 8: 0.0887, 12: 0.0708, 25: 0.0926, 34: 0.0818, 40: 0.1209, 48: 0.4656}


def arrays(found: list[Bracket]) -> tuple[Floats, Floats, Floats]:
    counts = sorted(Counter(found).items())
    left, right = (np.array([bracket[side] for bracket, _ in counts], dtype=float) for side in (0, 1))
    return left, right, np.array([n for _, n in counts], dtype=float)


def falls(found: list[Bracket]) -> dict[float, float]:
    """Where S falls, and by how much."""
    _, ends, survival = turnbull(*arrays(found))
    return dict(zip(ends.tolist(), (-np.diff(survival, prepend=1.0)).tolist(), strict=True))


def conditions(left: Floats, right: Floats, n: Floats) -> tuple[float, float]:
    """How far the estimate is from a maximum: gradient above 1 anywhere, and off 1 where there is mass.

    The likelihood is taken at the brackets, from S, and differentiated with respect to mass at each right end and
    beyond them all: all there is, not only the innermost intervals.
    """
    _, ends, survival = turnbull(left, right, n)
    mass = -np.diff(survival, prepend=1.0)
    places = np.append(np.unique(right[np.isfinite(right)]), INF)
    weights = np.array([mass[ends == place].sum() for place in places[:-1]] + [1 - mass.sum()])
    inside = (left[:, None] < places) & (places <= right[:, None])
    gradient = (n / n.sum() / (inside @ weights)) @ inside
    return float(gradient.max() - 1), float(np.abs(gradient[weights > 1e-6] - 1).max())


def assert_greatest(left: Floats, right: Floats, n: Floats, *, level: float = 1e-9) -> None:
    above, off = conditions(left, right, n)
    assert above < 1e-9
    assert off < level


def random_brackets(rng: np.random.Generator) -> list[Bracket]:
    n, last = rng.integers(1, 80), rng.integers(2, 40)
    left = rng.integers(-1, last, n)
    right = np.where(rng.random(n) < rng.random(), INF, left + rng.integers(1, last + 1, n))
    return list(zip(left.tolist(), right.tolist(), strict=True))


def swept(rng: np.random.Generator) -> list[Bracket]:
    """Deaths of trajectories on 2 to 6 grids of forks, spaced evenly in the logarithm, with failures and EOS."""
    n, window = int(rng.choice([200, 1000, 5000])), 4096
    grids = [
        np.unique(np.round(np.geomspace(rng.integers(1, 20), window * rng.choice([0.5, 1]), rng.integers(5, 16))))
        for _ in range(rng.integers(2, 7))
    ]
    death = np.exp(rng.normal(np.log(window / 4), 1.5, n))
    eos = np.where(rng.random(n) < 0.5, np.exp(rng.normal(np.log(window / 3), 1, n)), window)
    failed = rng.choice([0, 0.02, 0.2])
    found = []
    for i in range(n):
        forks = grids[i % len(grids)]
        forks = forks[(forks <= eos[i]) & (rng.random(len(forks)) >= failed)]
        if len(forks):
            before, after = forks[forks < death[i]], forks[forks >= death[i]]
            found.append((before[-1] if len(before) else -1.0, after[0] if len(after) else INF))
    return found


def test_the_published_estimate_comes_out() -> None:
    assert len(RADIOTHERAPY) == 46
    found = {end: fall for end, fall in falls(RADIOTHERAPY).items() if fall > 1e-6}
    assert list(found) == list(PUBLISHED)
    assert [round(fall, 4) for fall in found.values()] == list(PUBLISHED.values())


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        pytest.param([(-1, 0)], {0: 1.0}, id="one, never alive"),
        pytest.param([(3, 10)], {10: 1.0}, id="one death: at the right end"),
        pytest.param([(3, INF)], {}, id="one alive: S stays 1"),
        pytest.param([(3, INF), (10, INF)], {}, id="all alive"),
        pytest.param([(0, 3), (3, 10)], {3: 0.5, 10: 0.5}, id="brackets that touch do not overlap"),
        pytest.param([(0, 3), (0, 10)], {3: 1.0}, id="a wide bracket leans on the narrow one within it"),
        pytest.param([(0, 10), (3, 20)], {10: 1.0}, id="two that overlap meet where they overlap"),
        pytest.param([(0, 3), (3, 10), (0, 10)], {3: 0.5, 10: 0.5}, id="one that holds both says nothing"),
        pytest.param([(0, 3), (0, 3), (3, 10), (0, 10)], {3: 2 / 3, 10: 1 / 3}, id="and is shared out as the others"),
        pytest.param([(0, 3), (3, INF)], {3: 0.5}, id="half alive at the last fork"),
        pytest.param([(0, 3), (0, INF)], {3: 1.0}, id="censored before it could be seen: like the others"),
        pytest.param([(0, 5), (3, INF)], {5: 1.0}, id="censored within the bracket of the only death"),
        # Mass a in (0, 3], b in (3, 5]: a (a + b) b² is greatest at b = 2/3, as the censored at 3 may be b or beyond.
        pytest.param([(0, 3), (0, 5), (3, 5), (3, INF)], {3: 1 / 3, 5: 2 / 3}, id="censored among deaths"),
    ],
)
def test_worked_by_hand(found: list[Bracket], expected: dict[float, float]) -> None:
    assert {end: fall for end, fall in falls(found).items() if fall > 1e-9} == pytest.approx(expected, abs=1e-9)


def test_survival_falls_from_1_to_no_less_than_0() -> None:
    rng = np.random.default_rng(1)
    for _ in range(300):
        starts, ends, survival = turnbull(*arrays(random_brackets(rng)))
        assert (starts < ends).all()
        assert (np.diff(ends) > 0).all()
        assert (np.diff(survival, prepend=1.0) <= 0).all()
        assert survival.min(initial=1.0) >= 0


def test_where_all_died_survival_ends_at_0() -> None:
    rng = np.random.default_rng(2)
    for _ in range(300):
        found = [(left, right if right < INF else left + 1) for left, right in random_brackets(rng)]
        assert turnbull(*arrays(found))[2][-1] == pytest.approx(0, abs=1e-13)


def test_random_brackets_meet_the_conditions_of_a_maximum() -> None:
    rng = np.random.default_rng(3)
    for _ in range(1000):
        assert_greatest(*arrays(random_brackets(rng)))


def test_sweeps_over_several_grids_meet_them_well_before_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    # Here self-consistency needs up to 200,000 steps and more, as mass that vanishes does so ever more slowly.
    monkeypatch.setattr(module, "MOST", 50)
    rng = np.random.default_rng(4)
    for _ in range(40):
        assert_greatest(*arrays(swept(rng)))


def test_numbers_that_differ_by_a_factor_of_a_million_meet_them_too() -> None:
    rng = np.random.default_rng(9)
    for _ in range(300):
        left, right, n = arrays(random_brackets(rng))
        assert_greatest(left, right, np.round(10 ** rng.uniform(0, 6, len(n))))


def test_mass_that_vanishes_with_its_multiplier_is_none() -> None:
    # Masses a, b, c: a (a + b) (b + c) c is at most ((1 − b²) / 4)², which is greatest at b = 0.
    found = [(2, 4), (2, 6), (4, 8), (6, 8)]
    assert turnbull(*arrays(found))[2].tolist() == pytest.approx([0.5, 0.5, 0], abs=1e-15)


def test_without_the_last_digits_the_estimate_is_near(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "NEWTON", 0)
    rng = np.random.default_rng(10)
    for _ in range(300):
        assert_greatest(*arrays(random_brackets(rng)), level=1e-5)


def test_the_order_and_grouping_of_the_brackets_do_not_matter() -> None:
    rng = np.random.default_rng(5)
    for _ in range(20):
        found = random_brackets(rng)
        _, ends, survival = turnbull(*arrays(found))
        mixed_up = [found[i] for i in rng.permutation(len(found))]
        left, right = (np.array(side, dtype=float) for side in zip(*mixed_up, strict=True))
        again = turnbull(left, right, np.ones(len(found)))
        assert again[1].tolist() == ends.tolist()
        assert again[2] == pytest.approx(survival, abs=1e-9)


def test_of_left_ends_that_share_their_next_right_end_only_the_last_bounds_mass() -> None:
    starts, ends, survival = turnbull(*arrays([(0, 2), (2, 5), (3, 5), (6, 9), (7, 9)]))
    assert (starts.tolist(), ends.tolist()) == ([0, 3, 7], [2, 5, 9])
    assert survival == pytest.approx([0.8, 0.4, 0.0], abs=1e-9)


def theirs(left: Floats, right: Floats) -> dict[float, float]:
    """Where S falls and by how much, by lifelines; its brackets are closed."""
    with warnings.catch_warnings(), np.errstate(divide="ignore", invalid="ignore"):
        # It takes the log of 0 where all the mass is at one place, and does not stop where rounding is all that the
        # likelihood has left to gain.
        warnings.simplefilter("ignore", ConvergenceWarning)
        mass, intervals = npmle(left, right, tol=1e-12, max_iter=3000)
    found = zip(intervals, mass, strict=True)
    return {float(place.right): float(fall) for place, fall in found if place.right < INF}


def agree(found: list[Bracket], reference: dict[float, float]) -> bool:
    """Whether S is that of lifelines. Its self-consistency leaves up to 1e-3 where mass ought to vanish."""
    ours = falls(found)
    assert list(ours) == list(reference)
    apart = np.cumsum(list(ours.values())) - np.cumsum(list(reference.values()))
    return bool(np.abs(apart).max(initial=0.0) < 2e-3)


def test_it_is_lifelines_where_no_bracket_begins_where_another_ends() -> None:
    rng = np.random.default_rng(7)
    for _ in range(examples(40)):
        # Left ends are even, right ends odd.
        n = int(rng.integers(2, 40))
        left = np.asarray(2.0 * rng.integers(0, 10, n), dtype=np.float64)
        right = np.where(rng.random(n) < 0.3, INF, left + 1 + 2 * rng.integers(0, 6, n))
        assert agree(list(zip(left.tolist(), right.tolist(), strict=True)), theirs(left, right))


def test_lifelines_takes_brackets_as_closed_and_errs_at_ties_unless_left_ends_are_moved() -> None:
    # Deaths in (1, 3] and in (3, 5] are not one death at 3.
    left, right = np.array([1.0, 3.0]), np.array([3.0, 5.0])
    assert theirs(left, right) == {3.0: 1.0}
    assert falls([(1, 3), (3, 5)]) == pytest.approx({3.0: 0.5, 5.0: 0.5})
    assert theirs(left + 1e-6, right) == pytest.approx({3.0: 0.5, 5.0: 0.5})
    # Nor did who was alive at 3 die there.
    left, right = np.array([1.0, 3.0]), np.array([3.0, INF])
    assert theirs(left, right) == {3.0: 1.0}
    assert falls([(1, 3), (3, INF)]) == pytest.approx({3.0: 0.5})
    rng = np.random.default_rng(8)
    for _ in range(examples(40)):
        found = random_brackets(rng)
        left, right = (np.array(side, dtype=float) for side in zip(*found, strict=True))
        assert agree(found, theirs(left + 1e-6, right))
