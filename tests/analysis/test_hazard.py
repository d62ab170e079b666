"""Hazard ratios that runs are asked for: which person-forks are left out, and what is said where there are none."""

from __future__ import annotations

import numpy as np
import polars as pl

import klsurv
from klsurv.schema import HAZARD
from tests.frames.source import trajectory


def steered(seed: int, alphas: tuple[float, ...]) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    forks = [0, 5, 10, 15, 20, 25]
    rows = [
        trajectory(
            (abs(alpha) * rng.exponential(size=25)).tolist(),
            alpha=alpha,
            prompt=prompt,
            window=25,
            fork=forks,
            pmass=[0.1 if rng.random() < 0.15 else 0.9 for _ in forks],
        )
        for alpha in alphas
        for prompt in range(40)
    ]
    return pl.DataFrame(rows)


def test_runs_tell_how_many_person_forks_lack_a_covariate() -> None:
    told: list[str] = []
    table = klsurv.scan(steered(0, (-1.0, 0.0, 1.0, 2.0)), tell=told.append).hazard(calib_tokens=5, roll=1)
    assert table.schema == HAZARD.schema
    assert table.get_column("hazard_ratio").null_count() == 0
    only = klsurv.scan(steered(0, (-1.0, 0.0, 1.0, 2.0)), alphas=[1.0, 2.0], tell=told.append).hazard(
        calib_tokens=5, roll=1
    )
    assert table.equals(only)
    (message,) = (one for one in told if "leaves out" in one)
    assert message.endswith("of which KL, the own scale or alpha is missing or not above 0")


def test_runs_without_a_late_death_say_so_and_have_no_ratios() -> None:
    told: list[str] = []
    table = klsurv.scan(steered(0, (1.0,)), tell=told.append).hazard(calib_tokens=25)
    assert table.get_column("hazard_ratio").null_count() == table.height
    assert any("no finite solution" in message for message in told)


def test_of_one_prompt_alone_it_is_not_deaths_that_are_said_to_be_few() -> None:
    told: list[str] = []
    rows = steered(0, (0.0, 1.0, 2.0))
    alone = rows.with_columns(cell=pl.format("{}_{}", "cell", "prompt"), prompt=pl.lit(0, pl.Int64))
    assert klsurv.scan(rows, tell=told.append).hazard(calib_tokens=5, roll=1)["hazard_ratio"].null_count() == 0
    table = klsurv.scan(alone, tell=told.append).hazard(calib_tokens=5, roll=1)
    assert table.get_column("hazard_ratio").null_count() == table.height
    assert table.get_column("n_events").min() > 5
    (message,) = (one for one in told if "no finite solution" in one)
    assert message == (
        "the hazard model has no finite solution, as with few deaths after the first calib_tokens tokens, one prompt "
        "alone, or values that tell all who die"
    )
