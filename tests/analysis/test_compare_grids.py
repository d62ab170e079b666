from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from klsurv.stats.caveats import of_other_grids
from tests.analysis.lived import frame, life
from tests.analysis.pairs import BOOT, NAIVE, pair
from tests.generated import quietly


def mixed() -> pl.DataFrame:
    """Two methods, each with a cell whose forks are 0, 3, 10 and one with 0, 5, 10."""
    grids = {0: (0, 3, 10), 1: (0, 5, 10)}
    deaths = {"pca": (1, 3, None, None, 1, 2), "sae": (2, None, None, None, None, 1)}
    return frame(
        *(
            life(None if death is None else grid[min(death, 2)], fork=grid, method=method, seed=seed, prompt=i)
            for seed, grid in grids.items()
            for method, those in deaths.items()
            for i, death in enumerate(those)
        )
    )


def test_groups_that_mix_fork_grids_have_a_difference_without_intervals_and_are_tested_within_each_grid() -> None:
    runs = quietly(mixed())
    row = pair(runs)
    assert {row[name] for name in (*NAIVE, *BOOT, "rmst_p")} == {None}
    lives = runs.lifetimes("method").get_column("rmst").to_list()
    assert (row["rmst_a"], row["rmst_b"], row["rmst_diff"]) == pytest.approx((*lives, lives[0] - lives[1]))
    # A seed is a grid here.
    assert row["statistic"] == pytest.approx(pair(runs, stratify="seed")["statistic"])
    assert row["statistic"] != pytest.approx(pair(frame(*grid_forgotten(mixed())))["statistic"])
    assert any("fork grids of the cells differ in method=pca, method=sae" in text for text in runs.warnings)


def grid_forgotten(source: pl.DataFrame) -> list[dict[str, Any]]:
    """The rows as if all had been looked at on the forks 0, 3, 10."""
    return source.with_columns(fork=pl.lit([0, 3, 10])).to_dicts()


def test_groups_on_grids_of_their_own_are_estimated_but_never_at_risk_together() -> None:
    one = mixed().filter((pl.col("method") == "pca") == (pl.col("seed") == 0))
    row = pair(one)
    assert row["ci_low"] < row["rmst_diff"] < row["ci_high"]
    assert row["boot_low"] is not None
    assert (row["statistic"], row["df"], row["p"]) == (None, 0, None)
    runs = quietly(one)
    runs.compare(bootstrap=0)
    runs.dose("method", bootstrap=0)
    assert [text for text in runs.warnings if "fork grids" in text] == of_other_grids(True)


def test_a_group_on_another_grid_takes_no_test_from_others() -> None:
    grids = {"a": (0, 3), "b": (0, 3, 10), "c": (0, 5, 10)}
    three = frame(
        *(life(grid[1] if i < n else None, fork=grid, method=method, prompt=i, gen_len=10)
          for (method, grid), n in zip(grids.items(), (1, 4, 2), strict=True) for i in range(6))
    )  # fmt: skip
    runs = quietly(three)
    rows = {row["group_a"] + row["group_b"]: row for row in runs.compare(bootstrap=0).to_dicts() if row["group_a"]}
    alone = pair(three.filter(pl.col("method") != "c"))
    assert alone["df"] == 1
    assert {name: (row["statistic"], row["df"]) for name, row in rows.items()} == {
        "ab": (pytest.approx(alone["statistic"]), 1),
        "ac": (None, 0),
        "bc": (None, 0),
    }
    assert of_other_grids(True)[0] in runs.warnings


def test_a_grid_that_is_the_beginning_of_another_is_no_other_grid() -> None:
    short = frame(
        *(life(3 if i < 3 else None, fork=grid, method=method, seed=seed, prompt=i, gen_len=10)
          for seed, grid in ((0, (0, 3)), (1, (0, 3, 10))) for method in ("pca", "sae") for i in range(6))
    )  # fmt: skip
    row = pair(short)
    assert row["rmst_diff"] == 0
    assert row["ci_low"] is not None
