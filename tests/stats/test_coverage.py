from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal
from scipy.stats import binom

from benchmarks.shares import APART, SHARED, Share, of_doses, of_lifetimes, of_prompts, of_survival, of_tests
from benchmarks.simulated import EVEN, LOG, TOKEN, Design, clustered, counts, lives, risk, tally
from klsurv.frames.risk import risk as risk_of
from tests.frames.source import scored, trajectory

# Chance of a figure outside, were the true one at the edge of what is wanted. Runs are few, so bounds are wide;
# `python -m benchmarks.coverage` has the figures themselves.
CHANCE = 1e-4


def within(share: Share, low: float, high: float) -> bool:
    """Whether the share could be one between low and high, binomial error allowed for."""
    return bool(binom.ppf(CHANCE, share.runs, low) <= share.hits <= binom.ppf(1 - CHANCE, share.runs, high))


@pytest.mark.parametrize("n", [30, 100])
@pytest.mark.parametrize("design", [LOG, EVEN, TOKEN], ids=lambda design: design.name)
def test_the_interval_of_survival_covers_93_to_97_percent(design: Design, n: int) -> None:
    found = of_survival(design, n=n, runs=2000, seed=1)
    for fork, truth in zip(design.forks, design.survival(), strict=True):
        if 0.2 <= truth <= 0.8:
            assert within(found[fork, "log-log"], 0.93, 0.97), (fork, found[fork, "log-log"].rate)


@pytest.mark.parametrize("n", [30, 100])
@pytest.mark.parametrize("design", [LOG, EVEN, TOKEN], ids=lambda design: design.name)
def test_the_intervals_of_the_restricted_mean_and_of_a_difference_cover_93_to_97_percent(
    design: Design, n: int
) -> None:
    found = of_lifetimes(design, n=n, runs=800, seed=1)
    for name in ("RMST", "RMST difference"):
        assert within(found[name], 0.93, 0.97), (name, found[name].rate)


@pytest.mark.parametrize("n", [30, 100])
def test_the_interval_of_the_median_covers_93_to_97_percent_on_fine_grids_and_more_on_coarse_ones(n: int) -> None:
    assert within(of_lifetimes(TOKEN, n=n, runs=800, seed=1)["median"], 0.93, 0.97)
    assert within(of_lifetimes(LOG, n=n, runs=800, seed=1)["median"], 0.95, 1.0)


@pytest.mark.parametrize("n", [30, 100])
@pytest.mark.parametrize("design", [LOG, EVEN], ids=lambda design: design.name)
def test_tests_reject_a_true_hypothesis_in_4_to_6_percent(design: Design, n: int) -> None:
    for name, share in of_tests(design, n=n, runs=800, seed=1).items():
        assert within(share, 0.04, 0.06), (name, share.rate)


@pytest.mark.parametrize("prompts", [8, 30])
def test_the_prompt_bootstrap_covers_where_the_naive_interval_is_too_narrow(prompts: int) -> None:
    found = of_prompts(APART, prompts=prompts, runs=300, seed=1, draws=400)
    assert within(found["prompt bootstrap"], 0.92, 0.98)
    assert found["naive"].hits < binom.ppf(CHANCE, 300, 0.93)


def test_the_prompt_bootstrap_covers_where_the_naive_interval_is_too_wide() -> None:
    found = of_prompts(SHARED, prompts=30, runs=300, seed=1, draws=400)
    assert within(found["prompt bootstrap"], 0.92, 0.98)
    assert within(found["log-rank by prompt"], 0.04, 0.06)
    assert found["log-rank"].rate < 0.03


def test_plain_percentiles_of_few_prompts_are_too_narrow() -> None:
    found = of_prompts(APART, prompts=8, runs=400, seed=1, draws=400)
    assert found["plain percentiles"].hits < found["prompt bootstrap"].hits
    assert not within(found["plain percentiles"], 0.95, 1.0)


def test_the_bands_of_doses_and_of_ed50_cover_92_to_98_percent() -> None:
    for name, share in of_doses(SHARED, prompts=30, runs=200, seed=1, draws=500).items():
        assert within(share, 0.92, 0.98), (name, share.rate)


def test_simulated_counts_are_those_that_trajectories_give() -> None:
    rng = np.random.default_rng(0)
    last, died = lives(LOG, rng, (40,))
    after = np.array([*LOG.forks[1:], 97])[last]
    rows = [
        trajectory(
            [0.1],
            gen_len=int(rng.integers(LOG.forks[at], end)),
            window=96,
            fork=LOG.forks,
            pmass=[0.1 if dead and fork >= LOG.forks[at] else 0.9 for fork in LOG.forks],
        )
        for at, end, dead in zip(last, after, died, strict=True)
    ]
    simulated = risk(LOG, *(x[None, None] for x in tally(last, died, len(LOG.forks)))).drop("run", "group")
    assert_frame_equal(risk_of(scored(*rows), by=["alpha"]).drop("alpha").collect(), simulated)
    assert 0 < died.sum() < 40


@pytest.mark.parametrize("ratio", [0.5, 1.0])
@pytest.mark.parametrize("design", [LOG, EVEN, SHARED, APART], ids=lambda design: design.name)
def test_the_truth_is_what_many_simulated_lives_show(design: Design, ratio: float) -> None:
    # Without EOS, those still at risk past a fork are those who lived.
    endless = replace(design, eos=1e9)
    data = clustered(endless, np.random.default_rng(2), prompts=20_000, each=1, ratios=(ratio,))
    n_risk, n_events = data.n_risk.sum(0)[0], data.n_events.sum(0)[0]
    alive, truth = (n_risk - n_events) / n_risk[0], design.survival(ratio)
    error = np.sqrt(truth * (1 - truth) / n_risk[0])
    assert np.all(np.abs(alive - truth) <= 4.5 * error)
    assert design.mean(ratio) == pytest.approx(float(alive[:-1] @ np.diff(design.forks)), abs=1.0)


def test_groups_that_are_simulated_at_once_have_their_own_hazards() -> None:
    n_risk, n_events = counts(LOG, np.random.default_rng(0), runs=50, n=40, ratios=(1.0, 3.0))
    assert n_risk.shape == n_events.shape == (50, 2, len(LOG.forks))
    assert set(n_risk[..., 0].ravel().tolist()) == {40}
    dead = n_events.sum(axis=(0, 2))
    assert dead[1] > dead[0]
    table = risk(LOG, n_risk, n_events)
    assert table.select(pl.col("n_events", "n_censored").sum()).sum_horizontal().item() == 50 * 2 * 40
