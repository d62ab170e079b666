from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from scipy.stats import binom

import klsurv
from benchmarks.shares import of_hazard
from benchmarks.spikes import INTERVALS, N_LAGS, SCORING, SPIKE_LAGS, STEP, sweep
from klsurv.frames.history import covariates, intervals
from klsurv.frames.score import score
from klsurv.params import Scoring
from tests.whole import whole


def known(frame: pl.DataFrame) -> pl.DataFrame:
    """What was known before each interval; `row` counts the rows of the frame."""
    scoring = Scoring(**SCORING)
    runs = klsurv.scan(frame)
    scored = score(whole(runs).lazy(), scoring=scoring).collect()
    at_fork = intervals(scored.lazy(), keep=["prompt"])
    with_kl = at_fork.join(scored.with_row_index("row").lazy().select("row", "kl"), on="row")
    return covariates(with_kl, scoring=scoring).collect()


def study(frame: pl.DataFrame) -> pl.DataFrame:
    """The event study in own p95, with a column that says whether spikes lie at the lag."""
    table = klsurv.scan(frame).study(lags=N_LAGS, bootstrap=500, **SCORING).filter(measure="relative")
    holds = pl.lit(0).is_between("difference_low", "difference_high")
    return table.with_columns(spiked=pl.col("lag").is_in(list(SPIKE_LAGS)), holds=holds)


def test_a_spike_of_the_simulation_is_one_doubling_and_nothing_else_varies() -> None:
    found = known(sweep(np.random.default_rng(0), ratio=2.0, prompts=40))
    assert found.get_column("spike").unique().sort().to_list() == pytest.approx([1.0, 2.0], rel=1e-12)
    assert found.get_column("fork").unique().sort().to_list() == [STEP * i for i in range(2, INTERVALS + 1)]
    # Those that set the scale have none.
    assert found.filter(fork=2 * STEP).get_column("spike").max() == pytest.approx(1.0)


def test_deaths_follow_spikes_at_twice_the_rate_in_the_simulation_itself() -> None:
    found = known(sweep(np.random.default_rng(0), ratio=2.0, prompts=1000)).filter(alpha=1.0)
    rates = found.group_by(pl.col("spike").round(3)).agg(pl.col("event").mean()).sort("spike").get_column("event")
    hazards = -np.log1p(-rates.to_numpy())
    assert hazards[0] == pytest.approx(0.07, rel=0.1)
    assert hazards[1] / hazards[0] == pytest.approx(2.0, rel=0.1)


@pytest.mark.parametrize("ratio", [2.0, 1.0], ids=["spikes double the hazard", "spikes do nothing"])
def test_the_intervals_of_the_hazard_ratios_cover_the_truth_in_nine_of_ten_runs(ratio: float) -> None:
    for name, share in of_hazard(ratio=ratio, runs=15, seed=1, prompts=40).items():
        assert share.hits >= binom.ppf(1e-3, share.runs, 0.9), name


def test_a_large_sweep_tells_a_hazard_that_spikes_double_from_one_that_they_leave_alone() -> None:
    for ratio, other in ((2.0, 1.0), (1.0, 2.0)):
        frame = sweep(np.random.default_rng(3), ratio=ratio, prompts=300)
        row = klsurv.scan(frame).hazard(**SCORING).row(by_predicate=pl.col("covariate") == "log2_spike", named=True)
        assert row["ci_low"] <= ratio <= row["ci_high"]
        assert not row["ci_low"] <= other <= row["ci_high"]


def test_the_ratio_is_one_of_hazards_however_high_these_are() -> None:
    # Of odds it would be 2.4 here.
    frame = sweep(np.random.default_rng(5), ratio=2.0, prompts=600, hazard=0.35, spikes=0.5)
    row = klsurv.scan(frame).hazard(**SCORING).row(by_predicate=pl.col("covariate") == "log2_spike", named=True)
    assert 1.7 < row["ci_low"] < 2.0 < row["ci_high"] < 2.3


def test_the_event_study_shows_the_spike_where_it_was_and_nowhere_else() -> None:
    table = study(sweep(np.random.default_rng(3), ratio=2.0, prompts=300))
    spiked, other = (table.filter(pl.col("spiked") == there) for there in (True, False))
    assert (spiked.get_column("difference_low") > 0).all()
    # Lags of one trajectory are drawn apart from each other, so that the bands miss 0 independently.
    assert other.get_column("holds").sum() >= binom.ppf(1e-3, other.height, 0.95)
    assert other.get_column("difference").abs().max() < spiked.get_column("difference").min()


def test_where_spikes_do_nothing_the_event_study_shows_nothing() -> None:
    table = study(sweep(np.random.default_rng(4), ratio=1.0, prompts=300))
    # A spike covers its lags together: they hold 0, or miss it, as one.
    assert table.filter("spiked").get_column("holds").all()
    assert table.filter(~pl.col("spiked")).get_column("holds").mean() > 0.8
