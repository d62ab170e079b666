"""Trajectories of the real cells, from their raw JSON by arithmetic written out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import klsurv

CELL = "SmolLM2-135M-Instruct_pca_s0_w96"
# (alpha, prompt, tokens generated): one that filled the window, and one that ended itself.
PICKED = [("1.0", 3, 96), ("1.0", 0, 22)]
ROLL, CALIB_TOKENS, THRESHOLD = 9, 20, 0.2


@pytest.fixture(scope="module")
def files(real_cells: Path) -> dict[str, Any]:
    return {name: json.loads((real_cells / CELL / f"{name}.json").read_text()) for name in ("trajectory", "pmass")}


@pytest.fixture(scope="module")
def runs(real_cells: Path) -> klsurv.Runs:
    return klsurv.scan(real_cells, alphas=[1.0])


def of(table: pl.LazyFrame, prompt: int) -> pl.DataFrame:
    return table.filter(pl.col("cell") == CELL, pl.col("alpha") == 1.0, pl.col("prompt") == prompt).collect()


def smooth_by_hand(kl: list[float], t: int) -> float:
    total = 0.0
    for offset in (-4, -3, -2, -1, 0, 1, 2, 3, 4):
        total += kl[min(max(t + offset, 0), len(kl) - 1)]
    return total / 9


@pytest.mark.parametrize(("alpha", "prompt", "generated"), PICKED)
def test_length_scale_and_death_of_a_real_trajectory(
    files: dict[str, Any], runs: klsurv.Runs, alpha: str, prompt: int, generated: int
) -> None:
    kl = files["trajectory"]["per_prompt_per_t_kl"][alpha][prompt][:generated]
    assert files["pmass"]["gen_lens_eval"][alpha][prompt] == generated

    early = sorted(smooth_by_hand(kl, t) for t in range(CALIB_TOKENS))
    # The 95th percentile of 20 values lies at rank 0.95 × 19 = 18.05, counted from 0.
    scale = early[18] + 0.05 * (early[19] - early[18])
    forks = files["pmass"]["fork_points"]
    masses = files["pmass"]["pmass_eval"][alpha][prompt]
    deaths = [fork for fork, mass in zip(forks, masses, strict=True) if mass < THRESHOLD]

    table = runs.trajectories(threshold=THRESHOLD, roll=ROLL, calib_tokens=CALIB_TOKENS)
    row = of(table, prompt).row(0, named=True)
    assert row["length"] == row["gen_len"] == generated
    assert row["end"] == ("window" if generated == 96 else "eos")
    assert row["scale"] == pytest.approx(scale, rel=1e-9, abs=0)
    assert row["death_t"] == (deaths[0] if deaths else None)
    assert row["kl"] == kl


@pytest.mark.parametrize(("alpha", "prompt", "generated"), PICKED)
def test_smoothed_kl_of_a_real_trajectory_at_three_tokens(
    files: dict[str, Any], runs: klsurv.Runs, alpha: str, prompt: int, generated: int
) -> None:
    kl = files["trajectory"]["per_prompt_per_t_kl"][alpha][prompt]
    table = of(runs.scored(roll=ROLL), prompt)
    for t, expected in (
        (0, (5 * kl[0] + kl[1] + kl[2] + kl[3] + kl[4]) / 9),
        (10, sum(kl[6:15]) / 9),
        (generated - 1, (sum(kl[generated - 5 : generated]) + 4 * kl[generated - 1]) / 9),
    ):
        assert table.filter(t=t).get_column("kl_smooth").item() == pytest.approx(expected, rel=1e-9, abs=0)


def test_of_the_trajectories_picked_one_lives_and_one_dies(files: dict[str, Any]) -> None:
    masses = [files["pmass"]["pmass_eval"][alpha][prompt] for alpha, prompt, _ in PICKED]
    assert [any(mass < THRESHOLD for mass in row) for row in masses] == [False, True]
