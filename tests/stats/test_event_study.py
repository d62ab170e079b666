from __future__ import annotations

import math
from statistics import fmean
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest

import klsurv
from klsurv.inference import Interval
from klsurv.params import Scoring
from klsurv.schema import STUDY
from klsurv.stats.event_study import study, sums
from klsurv.stats.resample import band
from tests.frames.drawn import INF, NAN
from tests.frames.plain import measured, scale, smoothed
from tests.frames.source import Row, trajectory

N_LAGS, N_PROMPTS = 3, 5
MEASURES = ("raw", "relative")
SCHEMA = {"alpha": pl.Float64, "fork": pl.Int64, "prompt": pl.Int64, "event": pl.Boolean, "lag": pl.Int64}
MEANS = ("n_deaths", "died", "alive", "difference")


def at_lag(event: bool, raw: float, *, lag: int = -1, prompt: int = 0, fork: int = 10, **rest: Any) -> Row:
    return {
        "alpha": 1.0,
        "fork": fork,
        "prompt": prompt,
        "event": event,
        "lag": lag,
        "raw": raw,
        "relative": None,
        **rest,
    }


def answered(
    lags: list[Row], *, draws: npt.NDArray[np.float64] | None = None, n_lags: int = N_LAGS, level: float = 0.95
) -> dict[tuple[str, int], Row]:
    """(measure, lag) → the row of the table."""
    frame = pl.DataFrame(lags, schema={**SCHEMA, **dict.fromkeys(MEASURES, pl.Float64)})
    none = np.zeros((0, N_PROMPTS))
    rows = study(
        sums(frame.lazy(), by=()).collect(),
        n_lags=n_lags,
        draws=none if draws is None else draws,
        interval=Interval(level=level),
    )
    return {(row["measure"], row["lag"]): row for row in rows}  # type: ignore[misc]


def means(lags: list[Row], measure: str, lag: int) -> tuple[int, float | None, float | None, float | None]:
    """Each death beside the mean of its own controls, as a loop over deaths."""
    known = [row for row in lags if row["lag"] == lag and row[measure] is not None and math.isfinite(row[measure])]
    died, alive = [], []
    for death in known:
        controls = [
            row[measure] for row in known if not row["event"] and all(row[x] == death[x] for x in ("alpha", "fork"))
        ]
        if death["event"] and controls:
            died.append(death[measure])
            alive.append(fmean(controls))
    if not died:
        return 0, None, None, None
    return len(died), fmean(died), fmean(alive), fmean(died) - fmean(alive)


def drawn(seed: int) -> list[Row]:
    """Person-forks of several doses and forks, with values that are missing; some strata lack deaths or controls."""
    rng = np.random.default_rng(seed)
    made = []
    for _ in range(int(rng.integers(1, 25))):
        who = {
            "alpha": float(rng.choice([0.5, 2.0])),
            "fork": int(rng.choice([10, 20])),
            "prompt": int(rng.integers(N_PROMPTS)),
            "event": bool(rng.random() < 0.4),
        }
        for lag in range(-int(rng.integers(1, N_LAGS + 1)), 0):
            raw = float(rng.choice([rng.exponential(), rng.exponential(), NAN, INF]))
            made.append({**who, "lag": lag, "raw": raw, "relative": None if rng.random() < 0.3 else raw * 3})
    return made


def test_the_means_are_over_deaths_and_over_the_controls_of_each() -> None:
    for seed in range(150):
        lags = drawn(seed)
        for (measure, lag), row in answered(lags).items():
            found = tuple(row[name] for name in MEANS)
            assert found == tuple(map(pytest.approx, means(lags, measure, lag)))


def test_bounds_are_those_of_the_draws_at_the_level_and_for_so_few_prompts() -> None:
    # One died with 4; of the living one had 1, the other 2, and how often each is drawn says what their mean is.
    lags = [at_lag(True, 4.0, prompt=0), at_lag(False, 1.0, prompt=1), at_lag(False, 2.0, prompt=2)]
    draws = np.array([[1, a, b, 0, 0] for a in range(1, 8) for b in range(1, 8)], float)
    values = np.array([4 - (a + 2 * b) / (a + b) for _, a, b, *_ in draws])
    row = answered(lags, draws=draws, level=0.5)["raw", -1]
    # Prompts that are drawn, but of which nothing is here, do not count.
    expected = band(values, interval=Interval(level=0.5), prompts=3)
    assert expected != band(values, interval=Interval(level=0.5), prompts=N_PROMPTS)
    assert (row["difference_low"], row["difference_high"]) == pytest.approx(expected)


def test_without_person_forks_no_one_died_and_nothing_is_known() -> None:
    found = answered([])
    assert [(row["n_deaths"], row["died"], row["difference_low"]) for row in found.values()] == [(0, None, None)] * 6


def test_the_draws_of_a_prompt_are_copies_of_its_trajectories() -> None:
    rng = np.random.default_rng(0)
    bands = 0
    for seed in range(80):
        lags = drawn(seed)
        weights = rng.multinomial(N_PROMPTS, np.full(N_PROMPTS, 1 / N_PROMPTS))
        copied = [row for row in lags for _ in range(weights[row["prompt"]])]
        # Of two draws, one of them each prompt once, the bounds are the two.
        found = answered(lags, draws=np.array([np.ones(N_PROMPTS), weights]))
        for (measure, lag), row in found.items():
            pairs = zip(MEANS[1:], means(lags, measure, lag)[1:], means(copied, measure, lag)[1:], strict=True)
            for name, once, again in pairs:
                both = (
                    [] if once is None or again is None or math.isclose(once, again, abs_tol=1e-12) else [once, again]
                )
                if both:
                    bands += 1
                    assert [row[f"{name}_low"], row[f"{name}_high"]] == pytest.approx(sorted(both))
    assert bands > 150


def test_a_fork_at_which_all_or_none_die_has_no_controls_or_no_deaths() -> None:
    lags = [at_lag(True, 9.0, fork=20), at_lag(False, 7.0, fork=30), at_lag(True, 3.0), at_lag(False, 1.0)]
    row = answered(lags)["raw", -1]
    assert tuple(row[name] for name in MEANS) == (1, 3.0, 1.0, 2.0)


def test_controls_are_of_the_same_alpha_and_fork() -> None:
    lags = [at_lag(True, 3.0), at_lag(False, 100.0, alpha=2.0), at_lag(False, 100.0, fork=20)]
    assert answered(lags)["raw", -1]["n_deaths"] == 0
    assert answered([*lags, at_lag(False, 1.0)])["raw", -1]["alive"] == 1.0


def test_each_death_weighs_the_same_however_many_controls_it_has() -> None:
    few = [at_lag(True, 1.0, fork=10), at_lag(False, 4.0, fork=10)]
    many = [at_lag(True, 3.0, fork=20), *[at_lag(False, 0.0, fork=20)] * 9]
    assert tuple(answered(few + many)["raw", -1][name] for name in MEANS) == (2, 2.0, 2.0, 0.0)


def test_a_death_counts_at_the_lags_at_which_it_and_a_control_are_known() -> None:
    lags = [
        at_lag(True, 1.0, lag=-1),
        at_lag(True, 1.0, lag=-2),
        at_lag(False, 2.0, lag=-1),
        at_lag(False, NAN, lag=-2),
    ]
    found = answered(lags)
    assert [found["raw", lag]["n_deaths"] for lag in (-3, -2, -1)] == [0, 0, 1]
    assert found["raw", -2]["died"] is None
    assert found["relative", -1]["n_deaths"] == 0


def test_the_rows_are_each_measure_from_the_first_lag_to_the_last() -> None:
    found = answered(drawn(3))
    assert list(found) == [(measure, lag) for measure in MEASURES for lag in (-3, -2, -1)]
    assert all(list(row) == STUDY.names for row in found.values())


def test_values_too_large_to_add_are_null_and_not_an_error() -> None:
    lags = [at_lag(event, 1.5e308, prompt=prompt) for event in (True, False) for prompt in range(N_PROMPTS)]
    found = answered(lags, draws=np.ones((20, N_PROMPTS)))["raw", -1]
    assert (found["n_deaths"], found["died"], found["difference"], found["died_low"]) == (5, None, None, None)


def frame(seed: int) -> list[Row]:
    """Trajectories of which some die at each fork; KL fails here and there."""
    rng = np.random.default_rng(seed)
    made = []
    for i in range(24):
        gen_len = int(rng.choice([3, 9, 20, 30]))
        kl = rng.exponential(size=int(rng.integers(gen_len - 2, gen_len + 3)))
        kl[rng.random(len(kl)) < 0.05] = NAN
        forks = [0, 4, 9, 20]
        pmass = [None if rng.random() < 0.1 else 0.9 if rng.random() < 0.8 else 0.1 for _ in forks]
        key = {"alpha": (0.0, 0.5, 2.0)[i % 3], "prompt": i // 3, "method": "pca" if i % 2 else "mean_diff"}
        made.append(
            trajectory(kl.tolist(), gen_len=gen_len, window=30, fork=forks, pmass=pmass, cell=f"c{i % 2}", **key)
        )
    return made


def before_forks(made: list[Row], scoring: Scoring, n_lags: int) -> list[Row]:
    """Every steered trajectory at every fork at which it is at risk, with what was known by then, by rule."""
    found = []
    for row in made:
        kl, forks = row["kl"][: row["gen_len"]], measured(row)
        dead = next((f for f, m in zip(row["fork"], row["pmass"], strict=True) if m is not None and m < 0.8), None)
        for fork in forks:
            if row["alpha"] == 0 or len(kl) < fork:
                continue
            curve = smoothed(kl[:fork], scoring.roll)
            own = scale(curve, scoring.calib_tokens)
            who = {name: row[name] for name in ("alpha", "prompt", "method")} | {"fork": fork, "event": fork == dead}
            for t in range(max(0, fork - n_lags), fork):
                found.append({**who, "lag": t - fork, "raw": curve[t], "relative": curve[t] / own if own else None})
    return found


@pytest.mark.parametrize("roll", [1, 4, 65])
@pytest.mark.parametrize("by", ["", "method"])
def test_the_study_of_runs_is_what_loops_over_the_rules_find(roll: int, by: str) -> None:
    options: dict[str, Any] = {"roll": roll, "calib_tokens": 6}
    deaths = 0
    for seed in range(6):
        made = frame(seed)
        table = klsurv.scan(pl.DataFrame(made), tell=lambda message: None).study(by, lags=5, bootstrap=0, **options)
        lags = before_forks(made, Scoring(**options), 5)
        for row in table.iter_rows(named=True):
            own = [one for one in lags if not by or one["method"] == row["method"]]
            found = tuple(row[name] for name in MEANS)
            assert found == tuple(map(pytest.approx, means(own, row["measure"], row["lag"])))
            deaths += row["n_deaths"]
    assert deaths > 50


def test_the_order_of_the_sums_changes_no_bit() -> None:
    lags = [
        at_lag(event, value * 1.1, fork=fork, prompt=fork % N_PROMPTS)
        for fork, value in enumerate([1e16, 1.0, 3.0, 1e-3, 7e8], 1)
        for event in (True, False, False)
    ]
    table = sums(pl.DataFrame(lags, schema={**SCHEMA, **dict.fromkeys(MEASURES, pl.Float64)}).lazy(), by=()).collect()
    draws = np.ones((2, N_PROMPTS)) * [[1], [2]]
    answers = [
        study(table.sample(fraction=1, shuffle=True, seed=seed), n_lags=1, draws=draws, interval=Interval())
        for seed in range(20)
    ]
    assert all(answer == answers[0] for answer in answers)
