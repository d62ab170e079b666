from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal
from scipy.stats import binom

from benchmarks import coverage, shares
from benchmarks.shares import APART, SHARED, Share
from benchmarks.simulated import EVEN, LOG, TOKEN, Design, clustered, counts, lives, risk, tally
from klsurv.frames.risk import risk as risk_of
from tests.frames.source import scored, trajectory

# Chance of a figure outside, were the true one at the edge of what is wanted. Runs are few, so bounds are wide;
# `python -m benchmarks.coverage` has the figures themselves.
CHANCE = 1e-4
PAGE = Path(__file__).resolve().parents[2] / "docs" / "coverage.md"

# Several tests look at one simulation.
of_survival, of_lifetimes, of_tests, of_prompts, of_doses = map(
    cache, (shares.of_survival, shares.of_lifetimes, shares.of_tests, shares.of_prompts, shares.of_doses)
)


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
    found = of_prompts(APART, prompts=prompts, runs=400, seed=1, draws=400)
    assert within(found["prompt bootstrap"], 0.92, 0.98)
    assert found["naive"].hits < binom.ppf(CHANCE, 400, 0.93)


def test_the_prompt_bootstrap_covers_where_the_naive_interval_is_too_wide() -> None:
    found = of_prompts(SHARED, prompts=30, runs=400, seed=1, draws=400)
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


def page() -> Iterator[tuple[tuple[str, ...], str]]:
    """Each figure of the page: the words of its row up to the first figure, with the heading of its column, and it."""
    heads: list[str] = []
    for line in PAGE.read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split(" | ")] if line.startswith("|") else []
        if not cells or not heads:
            heads = cells
            continue
        figures = [at for at, cell in enumerate(cells) if "±" in cell]
        yield from (((*cells[: figures[0]], heads[at]), cells[at]) for at in figures)


FIGURES = dict(page())


def agrees(share: Share, *words: str) -> bool:
    """Whether a share is the page's figure of these words, the errors of both allowed for."""
    rate, error = (float(number) / 100 for number in re.findall(r"[\d.]+", FIGURES[words]))
    slack = 3 * error + 0.0005
    return within(share, max(rate - slack, 0), min(rate + slack, 1))


@pytest.mark.parametrize("n", [30, 100])
@pytest.mark.parametrize("design", [LOG, EVEN, TOKEN], ids=lambda design: design.name)
def test_the_page_says_how_often_survival_and_lifetimes_are_covered(design: Design, n: int) -> None:
    found = of_survival(design, n=n, runs=2000, seed=1)
    truth = dict(zip(design.forks, design.survival(), strict=True))
    shown = [int(words[1]) for words in FIGURES if words[0] == design.name and words[-1] == f"n = {n}, log-log"]
    assert len(shown) == 5
    for fork in shown:
        for scale in ("log-log", "log", "plain"):
            words = (design.name, str(fork), f"{truth[fork]:.3f}", f"n = {n}, {scale}")
            assert agrees(found[fork, scale], *words), (words, found[fork, scale].rate)
    at = design.forks.index(design.median())
    around = [f"{s:.3f}" for s in design.survival()[at - 1 : at + 1]]
    lives = of_lifetimes(design, n=n, runs=800, seed=1)
    for name, head in {"median": "median", "RMST": "restricted mean", "RMST difference": "difference"}.items():
        assert agrees(lives[name], design.name, *around, str(n), head), (name, lives[name].rate)


@pytest.mark.parametrize("n", [30, 100])
@pytest.mark.parametrize("design", [LOG, EVEN], ids=lambda design: design.name)
def test_the_page_says_how_often_tests_reject(design: Design, n: int) -> None:
    for name, share in of_tests(design, n=n, runs=800, seed=1).items():
        assert agrees(share, name, f"{design.name}, n = {n}"), (name, share.rate)


@pytest.mark.parametrize(("design", "prompts"), [(APART, 8), (APART, 30), (SHARED, 30)], ids=str)
def test_the_page_says_what_recurring_prompts_do(design: Design, prompts: int) -> None:
    found = of_prompts(design, prompts=prompts, runs=400, seed=1, draws=400)
    for name, share in found.items():
        assert agrees(share, design.name, str(prompts), name), (name, share.rate)


def test_the_page_says_how_often_bands_of_doses_cover() -> None:
    found = of_doses(SHARED, prompts=30, runs=200, seed=1, draws=500)
    for share, head in zip(found.values(), ("restricted mean", "S(96)", "ED50"), strict=True):
        assert agrees(share, "30", head), (head, share.rate)


class Here:
    """Computes at once what it is given, in place of a pool."""

    def submit(self, function: Any, *places: Any, **keywords: Any) -> Future[Any]:
        done: Future[Any] = Future()
        done.set_result(function(*places, **keywords))
        return done


def test_the_page_is_what_the_command_that_it_names_writes_but_for_chance() -> None:
    pool: Any = Here()
    assert masked(coverage._page(pool, runs=20, seed=0)) == masked(PAGE.read_text())


def masked(text: str) -> str:
    """A page without what depends on chance, and on how often it was tried."""
    counted = re.sub(r"[\d,]+(?= data sets of| where prompts recur| of\ndoses| sweeps for| for the event)", "N", text)
    return re.sub(r"\*{0,2}\d+\.\d ± \d+\.\d\*{0,2}", "x ± e", counted)


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
