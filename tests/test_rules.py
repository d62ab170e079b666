"""R1 to R9 as properties of run cells that a producer could have written, read through `klsurv.scan`."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from itertools import pairwise
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

import klsurv
from klsurv.frames import spaghetti
from klsurv.frames.risk import risk
from klsurv.frames.score import score
from klsurv.inference import Interval
from klsurv.params import Scoring
from klsurv.schema import KEY
from klsurv.stats.survival import lifetimes, survival
from tests.effort import examples
from tests.generated import ROLLS, THRESHOLDS, Cells, Rollout, alphas, cells, quietly, rollouts, widest, written
from tests.whole import top, whole

Key = tuple[str, float, int]
Row = dict[str, Any]

COUNTS = ["n", "n_skipped", "n_died", "n_censored", "n_events", "n_eos", "n_running", "n_failed"]

# Reading files takes as long as the machine is busy.
RULES = settings(max_examples=examples(60), deadline=None, suppress_health_check=[HealthCheck.too_slow])
THRESHOLD = st.sampled_from(THRESHOLDS)
ROLL = st.sampled_from(ROLLS)


def keyed(table: pl.DataFrame) -> dict[Key, Row]:
    rows = {(row["cell"], row["alpha"], row["prompt"]): row for row in table.iter_rows(named=True)}
    assert len(rows) == table.height
    return rows


def by_key(table: pl.DataFrame) -> dict[Key, list[Row]]:
    rows: dict[Key, list[Row]] = {}
    for row in table.iter_rows(named=True):
        rows.setdefault((row["cell"], row["alpha"], row["prompt"]), []).append(row)
    return rows


def key_of(rollout: Rollout) -> Key:
    return rollout.cell, rollout.alpha, rollout.prompt


def length_of(rollout: Rollout) -> int:
    return min(len(rollout.kl), rollout.gen_len)


def death_of(rollout: Rollout, *, threshold: float) -> int | None:
    below = (fork for fork, mass in zip(rollout.forks, rollout.pmass, strict=True) if mass < threshold)
    return next(below, None)


def percentile(values: Iterable[float], q: float) -> float:
    ranked = sorted(values)
    rank = q / 100 * (len(ranked) - 1)
    low = math.floor(rank)
    high = min(low + 1, len(ranked) - 1)
    return ranked[low] + (rank - low) * (ranked[high] - ranked[low])


def window_of(made: Cells, cell: str) -> int:
    return next(one.window for one in made if one.name == cell)


@RULES
@given(made=cells())
def test_r1_and_r5_every_trajectory_has_the_length_and_the_end_that_its_files_say(made: Cells) -> None:
    with written(made) as root:
        found = keyed(quietly(root).trajectories().collect())
    expected = {
        key_of(r): (r.gen_len, length_of(r), "eos" if r.gen_len < window_of(made, r.cell) else "window")
        for r in rollouts(made)
    }
    assert {key: (row["gen_len"], row["length"], row["end"]) for key, row in found.items()} == expected


@RULES
@given(made=cells(), roll=ROLL)
def test_r2_smoothing_is_a_centred_mean_of_the_kl_inside_the_length(made: Cells, roll: int) -> None:
    with written(made) as root:
        found = by_key(quietly(root).scored(roll=roll).collect())
    for r in rollouts(made):
        kl = r.kl[: length_of(r)]
        smoothed = [row["kl_smooth"] for row in found.get(key_of(r), []) if row["kl"] is not None]
        assert len(smoothed) == len(kl)
        width = roll if 1 < roll <= len(kl) else 1
        padded = kl[:1] * (width // 2) + kl + kl[-1:] * (width - 1 - width // 2)
        for t, got in enumerate(smoothed):
            among = padded[t : t + width]
            assert math.isfinite(got) == all(map(math.isfinite, among))
            if math.isfinite(got):
                assert math.isclose(got, math.fsum(among) / width, rel_tol=1e-9)


@RULES
@given(made=cells(), roll=ROLL, calib_tokens=st.sampled_from([1, 5, 20, 500]))
def test_r3_the_scale_is_the_p95_of_early_smoothed_kl_and_without_one_nothing_is_drawn(
    made: Cells, roll: int, calib_tokens: int
) -> None:
    with written(made) as root:
        runs = quietly(root)
        found = keyed(runs.trajectories(roll=roll, calib_tokens=calib_tokens).collect())
        tokens = by_key(runs.scored(roll=roll, calib_tokens=calib_tokens).collect())
    for key, row in found.items():
        curve = [one for one in tokens.get(key, []) if one["kl_smooth"] is not None]
        early = [one["kl_smooth"] for one in curve[:calib_tokens]]
        finite = [y for y in early if math.isfinite(y)]
        p95 = percentile(finite, 95) if finite else 0.0
        assert row["scale"] == (pytest.approx(p95, rel=1e-9) if p95 > 1e-8 else None)
        assert row["drawn"] == (row["scale"] is not None)
        for one in curve:
            if row["scale"] is None:
                assert one["kl_rel"] is None
            else:
                assert one["kl_rel"] == pytest.approx(one["kl_smooth"] / row["scale"], rel=1e-12, nan_ok=True)


@RULES
@given(made=cells(), threshold=THRESHOLD)
def test_r4_death_is_the_first_fork_below_the_threshold_and_irreversible(made: Cells, threshold: float) -> None:
    with written(made) as root:
        runs = quietly(root)
        found = keyed(runs.trajectories(threshold=threshold).collect())
        tokens = by_key(runs.scored(threshold=threshold).collect())
    for r in rollouts(made):
        death_t = death_of(r, threshold=threshold)
        assert found[key_of(r)]["death_t"] == death_t
        for row in tokens.get(key_of(r), []):
            t = row["t"]
            assert row["alive"] == (death_t is None or t < death_t)
            seen = [m for fork, m in zip(r.forks, r.pmass, strict=True) if fork <= t and not math.isnan(m)]
            assert row["pmass_min"] == min(seen, default=None)


@RULES
@given(made=cells(), threshold=THRESHOLD, normalize=st.booleans())
def test_r6_r8_and_r9_the_summary_counts_what_a_loop_counts(made: Cells, threshold: float, normalize: bool) -> None:
    window = widest(made)
    scoring = Scoring(threshold=threshold, normalize_kl=normalize, window=window)
    with written(made) as root:
        runs = quietly(root)
        drawn = {
            key for key, row in keyed(score(whole(runs).lazy(), scoring=scoring).collect()).items() if row["drawn"]
        }
        found = runs.summary(threshold=threshold, normalize_kl=normalize, window=window)
    expected = {alpha: Counter(dict.fromkeys(COUNTS, 0)) for alpha in alphas(made)}
    for r in rollouts(made):
        death_t = death_of(r, threshold=threshold)
        event, eos = death_t is not None and death_t <= r.gen_len, r.gen_len < window
        seen = key_of(r) in drawn and length_of(r) >= 2
        expected[r.alpha].update(
            n=1,
            n_skipped=key_of(r) not in drawn,
            n_died=seen and death_t is not None and death_t < length_of(r),
            n_censored=seen and eos,
            n_events=event,
            n_eos=not event and eos,
            n_running=not event and not eos,
            n_failed=any(not math.isfinite(kl) for kl in r.kl[: r.gen_len])
            or any(math.isnan(m) and fork <= r.gen_len for fork, m in zip(r.forks, r.pmass, strict=True)),
        )
    assert {row["alpha"]: {name: row[name] for name in COUNTS} for row in found.iter_rows(named=True)} == expected


@RULES
@given(made=cells(), roll=ROLL, normalize=st.booleans())
def test_r7_the_axes_hold_what_is_drawn(made: Cells, roll: int, normalize: bool) -> None:
    scoring = Scoring(roll=roll, normalize_kl=normalize)
    with written(made) as root:
        trajectories = score(whole(quietly(root)).lazy(), scoring=scoring)
        drawn = spaghetti.drawn(trajectories, scoring=scoring)
        panels, lines = pl.collect_all([spaghetti.panels(trajectories), drawn])
    values = [y for row in lines.get_column("y") for y in row if math.isfinite(y) and y >= 0]
    y_max = max(1e-3, 1.4 * percentile(values, 99)) if values else 1.1
    assert math.isclose(top(lines.lazy()), y_max, rel_tol=1e-9)
    for alpha, x_max in panels.select("alpha", "x_max").rows():
        window = max(cell.window for cell in made if any(dose.alpha == alpha for dose in cell.doses))
        longest = max(lines.filter(alpha=alpha).get_column("length"), default=0)
        assert math.isclose(x_max, min(window, max(20, 1.05 * longest)))


@RULES
@given(made=cells(), threshold=THRESHOLD)
def test_r8_the_risk_set_is_what_a_loop_finds(made: Cells, threshold: float) -> None:
    with written(made) as root:
        trajectories = score(whole(quietly(root)).lazy(), scoring=Scoring(threshold=threshold))
        found = risk(trajectories, by=["alpha"]).collect()
    expected: dict[tuple[float, int], Counter[str]] = {}
    for r in rollouts(made):
        death_t = death_of(r, threshold=threshold)
        forks = [
            fork
            for fork, mass in zip(r.forks, r.pmass, strict=True)
            if fork <= r.gen_len and not math.isnan(mass) and (death_t is None or fork <= death_t)
        ]
        for fork in forks:
            tally = expected.setdefault((r.alpha, fork), Counter(n_risk=0, n_events=0, n_censored=0))
            dies = fork == death_t
            tally.update(n_risk=1, n_events=dies, n_censored=fork == forks[-1] and not dies)
    assert {row[:2]: Counter(n_risk=row[2], n_events=row[3], n_censored=row[4]) for row in found.rows()} == expected
    assert found.select("alpha", "fork").rows() == sorted(expected)


@RULES
@given(made=cells(), threshold=THRESHOLD)
def test_r8_every_trajectory_leaves_the_risk_set_once_and_survival_only_falls(made: Cells, threshold: float) -> None:
    with written(made) as root:
        runs = quietly(root)
        summary = runs.summary(threshold=threshold)
        trajectories = score(whole(runs).lazy(), scoring=Scoring(threshold=threshold))
        found = survival(risk(trajectories, by=["alpha"]).collect(), by=["alpha"], interval=Interval())
        lives = lifetimes(found, by=["alpha"])
    for alpha, n, n_events in summary.select("alpha", "n", "n_events").rows():
        forks = found.filter(alpha=alpha)
        assert forks.get_column("n_events").sum() == n_events
        assert n_events + forks.get_column("n_censored").sum() <= n
        assert forks.filter(pl.col("n_events") + pl.col("n_censored") > pl.col("n_risk")).is_empty()
        steps = [1.0, *forks.get_column("survival")]
        assert all(0 <= after <= before for before, after in pairwise(steps))
    for alpha, median, rmst, tau in lives.select("alpha", "median", "rmst", "tau").rows():
        forks = found.filter(alpha=alpha)
        assert median == forks.filter(pl.col("survival") <= 0.5 + 1e-12).get_column("fork").min()
        area, at, level = 0.0, 0, 1.0
        for fork, after in forks.select("fork", "survival").rows():
            area += level * (min(fork, tau) - min(at, tau))
            at, level = fork, after
        assert math.isclose(rmst, area + level * max(0, tau - at), abs_tol=1e-9)


@RULES
@given(made=cells())
def test_r9_failed_measurements_are_counted_and_shown_for_each_cell(made: Cells) -> None:
    with written(made) as root:
        runs = quietly(root)
        found = keyed(runs.trajectories().collect())
        shown = runs.check()
    totals: dict[str, Counter[str]] = {cell.name: Counter(n=0, kl=0, negative=0, pmass=0) for cell in made}
    for r in rollouts(made):
        kl = r.kl[: r.gen_len]
        n_kl = sum(not math.isfinite(x) for x in kl)
        n_negative = sum(x < 0 for x in kl)
        n_pmass = sum(math.isnan(m) and fork <= r.gen_len for fork, m in zip(r.forks, r.pmass, strict=True))
        row = found[key_of(r)]
        assert (row["n_kl_failed"], row["n_kl_negative"], row["n_pmass_failed"]) == (n_kl, n_negative, n_pmass)
        totals[r.cell].update(n=1, kl=n_kl, negative=n_negative, pmass=n_pmass)
    names = ["n_trajectories", "n_kl_failed", "n_kl_negative", "n_pmass_failed"]
    assert {row[0]: row[1:] for row in shown.select("cell", *names).rows()} == {
        cell: (tally["n"], tally["kl"], tally["negative"], tally["pmass"]) for cell, tally in totals.items()
    }


@RULES
@given(made=cells(), by=st.sampled_from(["alpha", "cell", "cell,alpha", "prompt", "window", "cell,alpha,prompt"]))
def test_events_eos_and_running_are_all_there_are_in_any_grouping(made: Cells, by: str) -> None:
    with written(made) as root:
        runs = quietly(root)
        groups, whole = runs.summary(by), runs.summary("model")
    total = groups.select(pl.sum_horizontal("n_events", "n_eos", "n_running")).to_series()
    assert total.to_list() == groups.get_column("n").to_list()
    assert groups.select(pl.col(COUNTS).sum()).row(0) == whole.select(COUNTS).row(0)
    assert whole.get_column("n").item() == len(list(rollouts(made)))


@RULES
@given(made=cells(), names=st.permutations("vwxyz"))
def test_what_cells_are_called_and_when_they_were_written_changes_nothing(made: Cells, names: list[str]) -> None:
    renamed = [replace(cell, name=name) for cell, name in zip(reversed(made), names, strict=False)]
    with written(made) as root, written(renamed) as other:
        assert quietly(root).summary(threshold=0.5).equals(quietly(other).summary(threshold=0.5))


@RULES
@given(made=cells())
def test_the_order_of_prompts_changes_nothing(made: Cells) -> None:
    turned = [replace(cell, doses=[dose.backwards() for dose in reversed(cell.doses)]) for cell in made]
    with written(made) as root, written(turned) as other:
        assert quietly(root).summary(threshold=0.5).equals(quietly(other).summary(threshold=0.5))
        medians = [spaghetti_medians(quietly(path)) for path in (root, other)]
    assert medians[0] == medians[1]


def spaghetti_medians(runs: klsurv.Runs) -> list[list[tuple[float, ...]]]:
    scoring = Scoring(roll=9)
    drawn = spaghetti.drawn(score(whole(runs).lazy(), scoring=scoring), scoring=scoring)
    return [spaghetti.medians(drawn.filter(alpha=alpha)).collect().rows() for alpha in runs.alphas]


@RULES
@given(made=cells(), longer=st.sampled_from([0, 5]))
def test_trajectories_scanned_again_give_the_same_answers_for_a_given_window(made: Cells, longer: int) -> None:
    window = widest(made) + longer
    with written(made) as root:
        runs = quietly(root)
        table = runs.trajectories(window=window).collect()
        summary = runs.summary(window=window)
    again = quietly(table)
    assert again.trajectories(window=window).collect().equals(table)
    assert again.summary(window=window).equals(summary)


@RULES
@given(made=cells())
def test_a_long_frame_scanned_again_is_the_same_where_it_can_tell_how_much_was_generated(made: Cells) -> None:
    window = widest(made)
    lost = ["fork", "pmass", "n_pmass_failed"]
    with written(made) as root:
        runs = quietly(root)
        ends_in_a_token = (pl.col("gen_len") == pl.col("length")) & pl.col("kl").list.last().is_finite()
        table = runs.trajectories(window=window).filter(ends_in_a_token.fill_null(False)).collect()
        assume(not table.is_empty())
        long = runs.long().join(table.lazy().select(KEY), on=KEY, how="semi", maintain_order="left").collect()
    again = quietly(long)
    assert again.long().collect().equals(long)
    assert again.trajectories(window=window).drop(lost).collect().equals(table.drop(lost))
