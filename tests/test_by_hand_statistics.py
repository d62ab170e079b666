"""The statistics of three groups of the real cells, from their raw JSON by plain loops."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import klsurv

MODEL, METHODS = "SmolLM2-135M-Instruct", ("mean_diff", "pca")
FORKS = [0, 1, 2, 3, 6, 10, 17, 31, 54, 96]
ROLL, CALIB_TOKENS = 9, 20
# Method, alpha and threshold: deaths at once; two deaths, each with controls; and rollouts that end themselves.
GROUPS = [("pca", 1.0, 0.3), ("mean_diff", 1.0, 0.49), ("pca", 0.25, 0.3)]
# Of those, what the counts come to.
N_RISK = {
    ("pca", 1.0): [8, 3, 3, 3, 3, 3, 3, 3, 3, 3],
    ("mean_diff", 1.0): [8, 8, 8, 8, 8, 8, 8, 8, 7, 6],
    ("pca", 0.25): [8, 8, 7, 7, 7, 6, 6, 4, 2, 1],
}
N_EVENTS = {
    ("pca", 1.0): [5, 0, 0, 0, 0, 0, 0, 0, 0, 0],
    ("mean_diff", 1.0): [0, 0, 0, 0, 0, 0, 0, 1, 1, 0],
    ("pca", 0.25): [0, 1, 0, 0, 0, 0, 1, 0, 0, 0],
}


@dataclass(frozen=True)
class Life:
    """One trajectory as its files have it: KL and pmass end where the generation does."""

    prompt: int
    gen_len: int
    kl: list[float]
    pmass: list[float]

    def death(self, threshold: float) -> int | None:
        return next((fork for fork, mass in zip(FORKS, self.pmass, strict=False) if mass < threshold), None)

    def at_risk(self, fork: int, threshold: float) -> bool:
        died = self.death(threshold)
        return fork <= self.gen_len and (died is None or fork <= died)


@pytest.fixture(scope="module")
def files(real_cells: Path) -> dict[str, dict[str, Any]]:
    """The files of each method's cell."""
    names = ("calib", "trajectory", "pmass", "history")
    return {
        method: {
            name: json.loads((real_cells / f"{MODEL}_{method}_s0_w96" / f"{name}.json").read_text()) for name in names
        }
        for method in METHODS
    }


@pytest.fixture(scope="module")
def runs(real_cells: Path) -> klsurv.Runs:
    return klsurv.scan(real_cells, tell=lambda _: None)


def lives_of(files: dict[str, dict[str, Any]], method: str, alpha: float) -> list[Life]:
    cell, key = files[method], str(alpha)
    assert cell["pmass"]["fork_points"] == FORKS
    lives = []
    for prompt, gen_len in enumerate(cell["pmass"]["gen_lens_eval"][key]):
        measured = [fork for fork in FORKS if fork <= gen_len]
        pmass = cell["pmass"]["pmass_eval"][key][prompt][: len(measured)]
        kl = cell["trajectory"]["per_prompt_per_t_kl"][key][prompt][:gen_len]
        assert all(map(math.isfinite, [*pmass, *kl]))
        lives.append(Life(prompt, gen_len, kl, pmass))
    return lives


def curve(lives: list[Life], threshold: float) -> list[tuple[int, int, int, float]]:
    """At each fork at which any is at risk: the fork, how many are, how many die, and S after it."""
    steps, survival = [], 1.0
    for fork in FORKS:
        n_risk = sum(life.at_risk(fork, threshold) for life in lives)
        n_events = sum(life.death(threshold) == fork for life in lives)
        if n_risk:
            survival *= 1 - n_events / n_risk
            steps.append((fork, n_risk, n_events, survival))
    return steps


def group(table: pl.DataFrame, method: str, alpha: float) -> pl.DataFrame:
    return table.filter(pl.col("method") == method, pl.col("alpha") == alpha)


def near(value: float | None) -> Any:
    return None if value is None else pytest.approx(value, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize(("method", "alpha", "threshold"), GROUPS)
def test_those_at_risk_those_who_die_and_the_survival_of_a_group(
    files: dict[str, dict[str, Any]], runs: klsurv.Runs, method: str, alpha: float, threshold: float
) -> None:
    table = group(runs.survival("method,alpha", threshold=threshold, roll=ROLL), method, alpha)
    steps = curve(lives_of(files, method, alpha), threshold)
    assert table.select("fork", "n_risk", "n_events").rows() == [step[:3] for step in steps]
    assert table.get_column("survival").to_list() == near_all([step[3] for step in steps])
    assert [step[1] for step in steps] == N_RISK[method, alpha]
    assert [step[2] for step in steps] == N_EVENTS[method, alpha]
    assert table.get_column("hazard").to_list() == near_all([step[2] / step[1] for step in steps])
    greenwood = 0.0
    for row, (_, n_risk, n_events, survival) in zip(table.iter_rows(named=True), steps, strict=True):
        greenwood += n_events / (n_risk * (n_risk - n_events))
        assert row["std_error"] == near(survival * math.sqrt(greenwood))


def near_all(values: list[float]) -> Any:
    return pytest.approx(values, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize(("method", "alpha", "threshold"), GROUPS)
def test_the_shares_that_died_finished_and_run_on_are_what_a_count_finds(
    files: dict[str, dict[str, Any]], runs: klsurv.Runs, method: str, alpha: float, threshold: float
) -> None:
    """No one is lost before the window, so that Aalen–Johansen's estimates are shares of all."""
    table = group(runs.incidence("method,alpha", threshold=threshold, roll=ROLL), method, alpha)
    lives = lives_of(files, method, alpha)
    for row in table.iter_rows(named=True):
        died = finished = 0
        for life in lives:
            death = life.death(threshold)
            died += death is not None and death <= row["fork"]
            finished += death is None and life.gen_len < 96 and life.gen_len <= row["fork"]
        assert row["p_died"] == near(died / 8)
        assert row["p_finished"] == near(finished / 8)
        assert row["p_running"] == near((8 - died - finished) / 8)
        for name, count in (("died", died), ("finished", finished), ("running", 8 - died - finished)):
            assert row[f"p_{name}_error"] == near(math.sqrt(count / 8 * (1 - count / 8) / 8))


@pytest.mark.parametrize(("method", "alpha", "threshold"), GROUPS)
def test_the_restricted_mean_is_the_area_below_the_curve(
    files: dict[str, dict[str, Any]], runs: klsurv.Runs, method: str, alpha: float, threshold: float
) -> None:
    row = group(runs.lifetimes("method,alpha", threshold=threshold, roll=ROLL), method, alpha).row(0, named=True)
    steps = curve(lives_of(files, method, alpha), threshold)
    area = area_left = 0.0
    before, level = 0, 1.0
    for fork, _, _, survival in steps:
        area += (fork - before) * level
        # A death at a fork may have come right after the fork before.
        area_left += (fork - before) * survival
        before, level = fork, survival
    assert (row["tau"], row["rmst"], row["rmst_left"]) == (96, near(area), near(area_left))
    assert (row["n"], row["n_events"]) == (8, sum(step[2] for step in steps))
    assert row["survival_end"] == near(level)
    assert row["median"] == next((step[0] for step in steps if step[3] <= 0.5), None)


def test_the_restricted_means_written_out(runs: klsurv.Runs) -> None:
    dead_at_once = group(runs.lifetimes("method,alpha", threshold=0.3), "pca", 1.0)
    assert dead_at_once.get_column("rmst").item() == near(96 * 3 / 8)
    two_deaths = group(runs.lifetimes("method,alpha", threshold=0.49), "mean_diff", 1.0)
    assert two_deaths.get_column("rmst").item() == near(31 + (54 - 31) * 7 / 8 + (96 - 54) * 6 / 8)
    assert two_deaths.get_column("rmst_left").item() == near(17 + (31 - 17) * 7 / 8 + (96 - 31) * 6 / 8)


@pytest.mark.parametrize("consecutive", [1, 2])
@pytest.mark.parametrize(("method", "alpha", "at"), GROUPS)
def test_a_row_of_the_thresholds(
    files: dict[str, dict[str, Any]], runs: klsurv.Runs, method: str, alpha: float, at: float, consecutive: int
) -> None:
    table = runs.threshold("method,alpha", start=at, stop=at, steps=1, consecutive=consecutive)
    row = group(table, method, alpha).row(0, named=True)
    deaths, recovered, alive = {}, 0, 1.0
    lives = lives_of(files, method, alpha)
    for life in lives:
        below = [mass < at for mass in life.pmass]
        last = [i for i in range(len(below)) if i + 1 >= consecutive and all(below[i + 1 - consecutive : i + 1])]
        if last:
            deaths[life.prompt] = FORKS[last[0]]
            recovered += any(mass >= at for mass in life.pmass[last[0] + 1 :])
    for fork in FORKS:
        risk = [life for life in lives if life.gen_len >= fork and deaths.get(life.prompt, fork) >= fork]
        alive *= 1 - sum(deaths.get(life.prompt) == fork for life in risk) / len(risk) if risk else 1
    assert (row["n"], row["n_events"]) == (8, len(deaths))
    assert row["survival_end"] == near(alive)
    assert row["recovery"] == near(recovered / len(deaths) if deaths else None)


def smooth(kl: list[float], t: int) -> float:
    return sum(kl[min(max(i, 0), len(kl) - 1)] for i in range(t - 4, t + 5)) / 9


def percentile_95(values: list[float]) -> float:
    ranked = sorted(values)
    rank = 0.95 * (len(ranked) - 1)
    low = int(rank)
    return ranked[low] + (rank - low) * (ranked[min(low + 1, len(ranked) - 1)] - ranked[low])


def test_the_kl_before_a_death_and_that_of_those_who_lived_on(
    files: dict[str, dict[str, Any]], real_cells: Path
) -> None:
    """At a threshold of 0.49 prompt 3 dies at fork 31, with seven controls, and prompt 5 at fork 54, with six."""
    method, alpha, threshold = GROUPS[1]
    runs = klsurv.scan(real_cells, where="method = 'mean_diff'", alphas=[alpha])
    lives = lives_of(files, method, alpha)
    assert [life.death(threshold) for life in lives] == [None, None, None, 31, None, 54, None, None]
    table = runs.study(lags=20, threshold=threshold, roll=ROLL, calib_tokens=CALIB_TOKENS, bootstrap=0)
    for lag in (-1, -2, -5, -20):
        means = {"raw": [0.0, 0.0], "relative": [0.0, 0.0]}
        for dying, fork in ((lives[3], 31), (lives[5], 54)):
            controls = [life for life in lives if life is not dying and life.at_risk(fork, threshold)]
            assert len(controls) == (7 if fork == 31 else 6)
            for measure in means:
                values = []
                for life in [dying, *controls]:
                    # What was generated by then.
                    known = life.kl[:fork]
                    scale = percentile_95([smooth(known, t) for t in range(CALIB_TOKENS)])
                    values.append(smooth(known, fork + lag) / (scale if measure == "relative" else 1))
                means[measure][0] += values[0] / 2
                means[measure][1] += sum(values[1:]) / len(controls) / 2
        for measure, (died, alive) in means.items():
            row = table.filter(pl.col("measure") == measure, pl.col("lag") == lag).row(0, named=True)
            assert row["n_deaths"] == 2
            assert (row["died"], row["alive"], row["difference"]) == (near(died), near(alive), near(died - alive))


def test_early_kl_orders_the_deaths_that_follow_as_pairs_counted_one_by_one(
    files: dict[str, dict[str, Any]], runs: klsurv.Runs
) -> None:
    found = runs.landmark(landmarks=[5], threshold=0.5, roll=ROLL, bootstrap=0)
    total = concordant_total = 0.0
    for alpha in (0.25, 0.5, 1.0, 1.5, 2.0):
        alive = []
        for method in METHODS:
            for life in lives_of(files, method, alpha):
                last = max(fork for fork in FORKS if life.at_risk(fork, 0.5))
                seen = [fork for fork in FORKS if fork >= 5 and life.at_risk(fork, 0.5)]
                if seen and last > seen[0]:
                    alive.append((last, life.death(0.5) is not None, sum(life.kl[:5]) / 5))
        pairs = concordant = 0.0
        for time, died, kl in alive:
            for other_time, other_died, other_kl in alive:
                if died and (other_time > time or (other_time == time and not other_died)):
                    pairs += 1
                    concordant += 1 if kl > other_kl else 0.5 if kl == other_kl else 0
        row = found.filter(pl.col("alpha") == alpha).row(0, named=True)
        assert (row["n"], row["n_pairs"]) == (len(alive), pairs)
        assert row["n_events"] == sum(died for _, died, _ in alive)
        assert row["concordance"] == near(concordant / pairs if pairs else None)
        total, concordant_total = total + pairs, concordant_total + concordant
    together = found.filter(pl.col("alpha").is_null()).row(0, named=True)
    assert (together["n_pairs"], together["concordance"]) == (total, near(concordant_total / total))
    assert total > 20


def test_the_log_rank_test_of_the_methods_at_the_calibrated_dose(
    files: dict[str, dict[str, Any]], runs: klsurv.Runs
) -> None:
    """Five of the eight of pca die at fork 0, none of mean_diff ever."""
    observed = expected = variance = 0.0
    curves = {method: curve(lives_of(files, method, 1.0), 0.3) for method in METHODS}
    for fork, (_, n_a, d_a, _), (_, n_b, d_b, _) in zip(FORKS, curves["mean_diff"], curves["pca"], strict=True):
        n, d = n_a + n_b, d_a + d_b
        observed, expected = observed + d_a, expected + d * n_a / n
        variance += d * (n_a / n) * (n_b / n) * (n - d) / (n - 1)
        assert d == (5 if fork == 0 else 0)
    statistic = (observed - expected) ** 2 / variance
    assert statistic == near(2.5**2 / (5 * 0.5 * 0.5 * 11 / 15))
    overall, pair = runs.compare("method", at_alpha=1.0, threshold=0.3, bootstrap=0).iter_rows(named=True)
    assert (overall["statistic"], pair["statistic"], pair["df"]) == (near(statistic), near(statistic), 1)
    assert pair["p"] == near(math.erfc(math.sqrt(statistic / 2)))
    assert (pair["group_a"], pair["group_b"]) == METHODS
    assert (pair["rmst_a"], pair["rmst_b"], pair["rmst_diff"]) == (near(96), near(36), near(60))


def test_the_dose_at_which_half_are_dead_lies_between_2_and_4(
    files: dict[str, dict[str, Any]], runs: klsurv.Runs
) -> None:
    alphas = (0.0, 0.25, 0.5, 1.0, 1.5, 2.0, 4.0)
    ends = [curve(lives_of(files, "mean_diff", alpha), 0.3)[-1][3] for alpha in alphas]
    assert ends[2:] == [1.0, 1.0, 1.0, 1.0, 0.0]
    # S is lowest at alpha = 0, so that the decreasing fit of the first six is their mean.
    level = sum(ends[:6]) / 6
    table = runs.dose("method", threshold=0.3, bootstrap=0).filter(pl.col("method") == "mean_diff")
    assert table.get_column("survival_tau").to_list() == near_all(ends)
    assert table.get_column("ed50").unique().to_list() == near_all([2 + (level - 0.5) / level * 2])


@pytest.mark.parametrize("method", METHODS)
def test_the_held_out_kl_the_calibrated_coefficient_and_the_growth_of_kl(
    files: dict[str, dict[str, Any]], runs: klsurv.Runs, method: str
) -> None:
    calib = files[method]["calib"]
    p95 = {
        alpha: percentile_95([kl for life in lives_of(files, method, alpha) for kl in life.kl])
        for alpha in (0.25, 0.5, 1.0, 1.5, 2.0, 4.0)
    }
    heldout = runs.heldout().filter(pl.col("method") == method, pl.col("alpha") > 0)
    for row, (alpha, value) in zip(heldout.iter_rows(named=True), p95.items(), strict=True):
        target = calib["target_kl"] * alpha**2
        assert (row["alpha"], row["kl_p95"], row["target_kl"]) == (alpha, near(value), near(target))
        assert (row["ratio"], row["in_band"]) == (near(value / target), 0.7 <= value / target <= 1.4)
    x, y = [math.log(alpha) for alpha in p95], [math.log(value) for value in p95.values()]
    mean_x, mean_y = sum(x) / 6, sum(y) / 6
    slope = sum((a - mean_x) * (b - mean_y) for a, b in zip(x, y, strict=True)) / sum((a - mean_x) ** 2 for a in x)
    row = runs.calibration().filter(pl.col("method") == method).row(0, named=True)
    assert (row["c_star_mean"], row["c_star_std"], row["c_star_cv"]) == (calib["c_star"], None, None)
    assert (row["n_cells"], row["n_seeds"], row["n_doses"], row["window"]) == (1, 1, 6, 96)
    assert (row["kl_p95"], row["ratio"], row["exponent"]) == (near(p95[1.0]), near(p95[1.0]), near(slope))


@pytest.mark.parametrize("method", METHODS)
def test_the_bisection_is_its_file_and_its_last_step_is_c_star(
    files: dict[str, dict[str, Any]], runs: klsurv.Runs, method: str
) -> None:
    table = runs.bisection().filter(pl.col("cell") == f"{MODEL}_{method}_s0_w96")
    steps = files[method]["history"]
    assert table.get_column("step").to_list() == list(range(len(steps)))
    for name in ("coeff", "kl_mean", "kl_p50", "kl_p90", "kl_p95", "kl_max", "n_pos"):
        assert table.get_column(name).to_list() == [step[name] for step in steps]
    assert table.get_column("coeff").to_list()[-1] == files[method]["calib"]["c_star"]
