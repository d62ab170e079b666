from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from klsurv.frames.duplicates import duplicates
from klsurv.source import digests
from tests.frames.drawn import INF, NAN
from tests.frames.source import Row, source, trajectory


def of_cell(cell: str, *, prompt: int = 0, **changed: Any) -> Row:
    """The same trajectory in every cell, but for what is changed."""
    plain: Row = {"kl": [0.1, 0.2], "fork": [0, 2], "pmass": [0.9, 0.8]}
    return trajectory(**{**plain, "cell": cell, "prompt": prompt, **changed})


def digested(*made: Row) -> pl.LazyFrame:
    """Trajectories with the digest of their KL in its place."""
    return source(*made).with_columns(digests(source(*made))).drop("kl")


def copies(*made: Row) -> list[tuple[list[str], list[float], int]]:
    """cells, alphas, n."""
    return duplicates(digested(*made)).collect().rows()


def test_cells_that_share_trajectories_are_named_with_the_alphas_and_the_count() -> None:
    made = [
        of_cell(cell, alpha=alpha, prompt=prompt, kl=[alpha, float(prompt)])
        for cell in "ba"
        for alpha in (2.0, 0.5)
        for prompt in range(3)
    ]
    found = duplicates(digested(*made)).collect()
    assert found.schema == {"cells": pl.List(pl.String), "alphas": pl.List(pl.Float64), "n": pl.Int64}
    assert found.rows() == [(["a", "b"], [0.5, 2.0], 6)]


def test_another_seed_method_window_or_target_makes_no_other_trajectory() -> None:
    assert copies(of_cell("a"), of_cell("b", seed=7, method="mean_diff", window=99, target_kl=3.0)) == [
        (["a", "b"], [1.0], 1)
    ]


@pytest.mark.parametrize(
    "changed",
    [
        {"kl": [0.1, 0.2 + 1e-15]},
        {"kl": [0.2, 0.1]},
        {"kl": [0.1, NAN]},
        {"kl": [0.1]},
        {"pmass": [0.9, 0.8 - 1e-15]},
        {"pmass": [0.8, 0.9]},
        {"pmass": [0.9, None]},
        {"fork": [0, 1]},
        {"fork": [0], "pmass": [0.9]},
        {"gen_len": 3},
        {"alpha": 2.0},
        {"prompt": 1},
        {"model": "other"},
        {"model": None},
    ],
    ids=lambda changed: " ".join(changed),
)
def test_what_differs_in_one_value_is_no_copy(changed: Row) -> None:
    assert copies(of_cell("a"), of_cell("b", **changed)) == []


@pytest.mark.parametrize(
    ("kl", "pmass"),
    [
        ([NAN, INF], [0.9, 0.8]),
        ([-INF, 0.0], [None, 0.8]),
        ([], [0.9, None]),
    ],
)
def test_failed_measurements_are_equal_where_they_failed_alike(kl: list[float], pmass: list[float | None]) -> None:
    assert copies(*(of_cell(cell, kl=kl, pmass=pmass) for cell in "ab")) == [(["a", "b"], [1.0], 1)]


def test_cells_of_unknown_models_can_hold_copies() -> None:
    assert copies(of_cell("a", model=None), of_cell("b", model=None)) == [(["a", "b"], [1.0], 1)]


def test_copies_inside_one_cell_are_not_reported() -> None:
    assert copies(of_cell("a"), of_cell("a"), of_cell("b", gen_len=1)) == []


def test_copies_inside_and_between_cells_count_once() -> None:
    assert copies(of_cell("a"), of_cell("a"), of_cell("b")) == [(["a", "b"], [1.0], 1)]


def test_trajectories_without_a_measured_fork_are_passed_over() -> None:
    made = [of_cell(cell, fork=fork, pmass=pmass) for cell in "ab" for fork, pmass in (([], []), ([0, 2], [None] * 2))]
    assert copies(*made) == []


def test_each_set_of_cells_has_a_row_of_its_own() -> None:
    shared = {"abc": 0, "ab": 1, "bc": 2, "c": 3}
    made = [of_cell(cell, prompt=prompt, kl=[float(prompt)]) for cells, prompt in shared.items() for cell in cells]
    made += [of_cell(cell, prompt=0, alpha=4.0) for cell in "abc"]
    assert copies(*made) == [(["a", "b"], [1.0], 1), (["a", "b", "c"], [1.0, 4.0], 2), (["b", "c"], [1.0], 1)]


def test_many_cells_of_one_trajectory_are_one_set() -> None:
    names = [f"s{seed:03d}" for seed in range(150)]
    assert copies(*map(of_cell, reversed(names))) == [(names, [1.0], 1)]


def test_two_cells_may_agree_in_length_and_sums_and_hold_no_copies() -> None:
    made = [of_cell("a", kl=[0.25, 0.5, 0.25]), of_cell("b", kl=[0.5, 0.25, 0.25]), of_cell("c", kl=[0.25, 0.25, 0.5])]
    assert copies(*made) == []


@pytest.mark.parametrize("order", [1, -1])
def test_what_else_a_cell_holds_hides_no_copy(order: int) -> None:
    # A column with a missing value anywhere is summed in another order than one without.
    forks = list(range(200))
    pmass = [0.5 + 0.4 * (fork * 0.618 % 1) for fork in forks]
    whole = of_cell("a", fork=forks, pmass=pmass)
    holed = [of_cell("b", fork=forks, pmass=pmass), of_cell("b", prompt=1, pmass=[0.9, None])]
    parts = [digested(whole).collect(), digested(*holed).collect()][::order]
    table = pl.concat(parts, rechunk=False)
    assert table.n_chunks() == 2
    assert duplicates(table.lazy()).collect().rows() == [(["a", "b"], [1.0], 1)]


def test_of_no_trajectories_there_are_no_copies() -> None:
    assert copies() == []
