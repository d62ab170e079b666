from __future__ import annotations

import warnings

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest
from sksurv.exceptions import NoComparablePairException
from sksurv.metrics import concordance_index_censored

import klsurv
from klsurv.inference import Interval
from klsurv.schema import LANDMARK
from klsurv.stats import landmark
from klsurv.stats.landmark import concordance, concordances, pairs
from klsurv.stats.resample import band
from tests.frames.source import Row, trajectory

Floats = npt.NDArray[np.float64]

N_PROMPTS = 6


def table(kl: list[float], time: list[int], event: list[bool], prompt: list[int] | None = None) -> pl.DataFrame:
    prompts = prompt if prompt is not None else list(range(len(kl)))
    return pl.DataFrame({"prompt": prompts, "early_kl": kl, "time": time, "event": event})


def drawn(rng: np.random.Generator) -> pl.DataFrame:
    """Few values, so that most are tied; prompts recur."""
    n = int(rng.integers(1, 40))
    return table(
        (rng.integers(0, rng.integers(2, 8), n) / 4).tolist(),
        rng.integers(1, rng.integers(2, 8), n).tolist(),
        (rng.random(n) < rng.uniform(0, 1)).tolist(),
        rng.integers(0, N_PROMPTS, n).tolist(),
    )


SETS = [drawn(np.random.default_rng(seed)) for seed in range(200)]


def counted(rows: pl.DataFrame) -> tuple[Floats, Floats]:
    """Concordant and comparable pairs, by a loop over all pairs."""
    found = np.zeros((2, N_PROMPTS, N_PROMPTS))
    for a in rows.iter_rows(named=True):
        for b in rows.iter_rows(named=True):
            if a["event"] and (b["time"] > a["time"] or (b["time"] == a["time"] and not b["event"])):
                at = a["prompt"], b["prompt"]
                found[1][at] += 1
                found[0][at] += 1 if a["early_kl"] > b["early_kl"] else 0.5 if a["early_kl"] == b["early_kl"] else 0
    return found[0], found[1]


def point(rows: pl.DataFrame, weights: Floats | None = None) -> float:
    once = np.ones(N_PROMPTS) if weights is None else weights
    return float(concordance(*pairs(rows, n_prompts=N_PROMPTS), once[None])[0])


def test_pairs_are_what_a_loop_over_pairs_counts() -> None:
    for rows in SETS:
        for found, expected in zip(pairs(rows, n_prompts=N_PROMPTS), counted(rows), strict=True):
            assert np.array_equal(found, expected)


def test_concordance_is_that_of_scikit_survival_and_nan_where_it_finds_no_pair() -> None:
    answers = 0
    for rows in SETS:
        event, time, kl = (rows.get_column(name).to_numpy() for name in ("event", "time", "early_kl"))
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                expected = concordance_index_censored(event, time.astype(float), kl)[0]
        except (NoComparablePairException, ValueError):
            expected = np.nan
        assert point(rows) == pytest.approx(expected, rel=1e-12, nan_ok=True)
        answers += bool(np.isfinite(expected))
    assert 120 < answers < 200


def test_pairs_counted_in_parts_are_the_same_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = [pairs(rows, n_prompts=N_PROMPTS) for rows in SETS[:30]]
    monkeypatch.setattr(landmark, "_PAIRS", 50)
    for rows, expected in zip(SETS[:30], whole, strict=True):
        for found, before in zip(pairs(rows, n_prompts=N_PROMPTS), expected, strict=True):
            assert np.array_equal(found, before)


def test_a_prompt_drawn_twice_counts_as_two_and_one_not_drawn_as_none() -> None:
    rng = np.random.default_rng(5)
    for rows in SETS[:60]:
        weights = rng.multinomial(N_PROMPTS, np.full(N_PROMPTS, 1 / N_PROMPTS))
        again = [row for row in rows.iter_rows(named=True) for _ in range(weights[row["prompt"]])]
        copied = pl.DataFrame(again, schema=rows.schema)
        assert point(rows, weights.astype(float)) == pytest.approx(point(copied), nan_ok=True)


@pytest.mark.parametrize(
    ("kl", "time", "event", "expected"),
    [
        pytest.param([3.0, 2.0, 1.0], [1, 2, 3], [True, True, True], 1.0, id="the higher KL dies first"),
        pytest.param([1.0, 2.0, 3.0], [1, 2, 3], [True, True, True], 0.0, id="the lower KL dies first"),
        pytest.param([1.0, 1.0], [1, 2], [True, False], 0.5, id="equal KL is a half"),
        pytest.param([2.0, 1.0], [3, 3], [True, False], 1.0, id="censored at the time of death: lived longer"),
        pytest.param([2.0, 1.0], [3, 3], [True, True], np.nan, id="two deaths at one time: not comparable"),
        pytest.param([2.0, 1.0], [1, 3], [False, True], np.nan, id="censored before the death: not comparable"),
        pytest.param([2.0, 1.0], [1, 3], [False, False], np.nan, id="no death"),
        pytest.param([1.0], [1], [True], np.nan, id="one"),
        pytest.param([], [], [], np.nan, id="none"),
    ],
)
def test_a_pair_is_comparable_where_it_is_known_who_died_first(
    kl: list[float], time: list[int], event: list[bool], expected: float
) -> None:
    rows = table(kl, time, event).cast(
        {"early_kl": pl.Float64, "time": pl.Int64, "event": pl.Boolean, "prompt": pl.Int64}
    )
    assert point(rows) == pytest.approx(expected, nan_ok=True)


def test_a_draw_without_a_comparable_pair_has_no_concordance_and_spoils_no_other() -> None:
    rows = table([2.0, 1.0], [1, 3], [True, True])
    draws = np.array([[1.0, 1.0], [2.0, 0.0], [0.0, 2.0]])
    found = concordance(*pairs(rows, n_prompts=2), draws)
    assert found.tolist() == [1.0, pytest.approx(np.nan, nan_ok=True), pytest.approx(np.nan, nan_ok=True)]


def followed(kl: list[float], dies: int | None, forks: tuple[int, ...] = (0, 2, 4, 8), **facts: object) -> Row:
    pmass = [0.1 if fork == dies else 0.9 for fork in forks]
    return trajectory(kl, fork=forks, pmass=pmass, **facts)


def answers(*made: Row, landmarks: tuple[int, ...] = (3,), bootstrap: int = 0) -> list[Row]:
    rows = [{"prompt": i, **row} for i, row in enumerate(made)]
    table = klsurv.scan(pl.DataFrame(rows), tell=lambda message: None).landmark(
        landmarks=landmarks, bootstrap=bootstrap
    )
    assert table.schema == LANDMARK.schema
    return table.to_dicts()


def test_who_was_not_seen_alive_at_the_landmark_or_after_it_is_not_followed() -> None:
    calm = [0.1] * 8
    made = [followed(calm, 4), followed(calm, 2), followed(calm, 8), followed(calm[:3], None), followed(calm, None)]
    counts = [
        (row["landmark"], row["n"], row["n_events"]) for row in answers(*made, landmarks=(8, 3, 4)) if row["alpha"]
    ]
    # The one that dies at 4 may have died before 3: its early KL would be that of the dead.
    assert counts == [(3, 2, 1), (4, 2, 1)]


def test_kl_at_or_after_the_landmark_is_not_known() -> None:
    levels = {5: (1.0, 0.0), 8: (0.5, 100.0), None: (0.1, 1000.0)}
    made = [followed([early] * 3 + [late] * 5, dies, (0, 2, 5, 8)) for dies, (early, late) in levels.items()]
    found = {(row["landmark"], row["alpha"]): row["concordance"] for row in answers(*made, landmarks=(3, 4))}
    # Token 3, which turns the order around, is known at landmark 4.
    assert found == {(3, 1.0): 1.0, (3, None): 1.0, (4, 1.0): 0.0, (4, None): 0.0}


def test_pairs_are_taken_within_a_dose_and_added_up_over_doses() -> None:
    made = [
        followed([alpha * level] * 8, dies, alpha=alpha)
        for alpha in (1.0, 100.0)
        for level, dies in ((1.0, 4), (0.5, 8), (0.7, None))
    ]
    first, second, both = answers(*made, landmarks=(2,))
    # Of each dose: (1, .5) and (1, .7) are concordant, (.5, .7) is not.
    assert [row["alpha"] for row in (first, second, both)] == [1.0, 100.0, None]
    assert [row["n_pairs"] for row in (first, second, both)] == [3, 3, 6]
    for row in (first, second, both):
        assert row["concordance"] == pytest.approx(2 / 3)


def test_alpha_0_and_those_without_finite_kl_are_left_out() -> None:
    nothing = [float("nan")] * 8
    made = [followed([0.0] * 8, 4, alpha=0.0), followed(nothing, 4), followed([0.2] * 8, 8), followed([0.1] * 8, None)]
    found = answers(*made)
    assert [(row["alpha"], row["n"], row["n_pairs"], row["concordance"]) for row in found] == [
        (1.0, 2, 1, 1.0),
        (None, 2, 1, 1.0),
    ]


def test_prompts_that_are_only_drawn_do_not_narrow_the_bounds() -> None:
    early = np.random.default_rng(1).random(12)
    rows = [(1.0, prompt, early[prompt], 5 + prompt, prompt % 2 == 0) for prompt in range(12)]
    alive = pl.DataFrame(rows, schema=["alpha", "prompt", "early_kl", "time", "event"], orient="row")
    draws = np.random.default_rng(0).multinomial(40, [1 / 40] * 40, size=999).astype(float)
    (row, _) = concordances(alive, draws, interval=Interval(level=0.6))
    values = concordance(*pairs(alive, n_prompts=40), draws)
    assert (row["ci_low"], row["ci_high"]) == band(values, interval=Interval(level=0.6), prompts=12)
    assert (row["ci_low"], row["ci_high"]) != band(values, interval=Interval(level=0.6), prompts=40)


def test_each_dose_has_its_row_in_order_and_then_all_of_them_with_bounds_of_the_draws() -> None:
    rows = [
        # alpha, prompt, early_kl, time, event
        (2.0, 0, 1.0, 5, True),
        (2.0, 1, 2.0, 9, False),
        (2.0, 2, 0.5, 7, True),
        (0.5, 0, 3.0, 5, True),
        (0.5, 1, 1.0, 9, False),
        (0.5, 3, 4.0, 6, True),
        (1.0, 3, 4.0, 6, True),
    ]
    alive = pl.DataFrame(rows, schema=["alpha", "prompt", "early_kl", "time", "event"], orient="row")
    draws = np.random.default_rng(0).multinomial(4, [0.25] * 4, size=60).astype(float)
    found = concordances(alive, draws, interval=Interval(level=0.5))
    assert [(row["alpha"], row["n"], row["n_events"], row["n_pairs"], row["concordance"]) for row in found] == [
        (0.5, 3, 2, 3, pytest.approx(2 / 3)),
        (1.0, 1, 1, 0, None),
        (2.0, 3, 2, 3, pytest.approx(1 / 3)),
        (None, 7, 5, 6, pytest.approx(1 / 2)),
    ]
    by_dose = [pairs(alive.filter(alpha=alpha), n_prompts=4) for alpha in (0.5, 1.0, 2.0)]
    over_all = sum(a for a, _ in by_dose), sum(b for _, b in by_dose)
    for row, (concordant, comparable), prompts in zip(found, [*by_dose, over_all], (3, 1, 3, 4), strict=True):
        values = concordance(concordant, comparable, draws)
        assert (row["ci_low"], row["ci_high"]) == band(values, interval=Interval(level=0.5), prompts=prompts)
    assert found[-1]["ci_low"] < found[-1]["ci_high"]
