from __future__ import annotations

from collections import Counter
from itertools import combinations
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from klsurv.frames.grids import agreeing, brackets, mixed
from tests.frames.drawn import PROPERTY, rows
from tests.frames.source import Row, scored, trajectory

Grid = list[int]


def looked_at(grid: Grid, **rest: Any) -> Row:
    return trajectory([0.1] * 10, fork=grid, pmass=[0.9] * len(grid), **rest)


def which(*made: Row, by: str = "alpha") -> list[object]:
    """The groups that mix grids."""
    return mixed(scored(*made), by=[by]).collect().get_column(by).to_list()


def agree(a: Grid, b: Grid) -> bool:
    shorter = min(len(a), len(b))
    return a[:shorter] == b[:shorter]


@pytest.mark.parametrize(
    "grids",
    [
        pytest.param([[0, 2, 4], [0, 2, 4]], id="equal"),
        pytest.param([[0, 2], [0, 2, 4, 8], [0]], id="each the beginning of the next"),
        pytest.param([[], [0, 2]], id="one without forks"),
        pytest.param([[], []], id="all without forks"),
        pytest.param([[3]], id="one trajectory"),
    ],
)
def test_grids_agree_where_one_is_the_beginning_of_the_other(grids: list[Grid]) -> None:
    assert which(*map(looked_at, grids)) == []


@pytest.mark.parametrize(
    "grids",
    [
        pytest.param([[0, 2], [0, 3]], id="as long"),
        pytest.param([[0, 4], [0, 2, 4]], id="a fork between"),
        pytest.param([[2, 4], [0, 2, 4]], id="a fork before"),
        pytest.param([[0], [1]], id="one fork each"),
        pytest.param([[0, 9], [0, 2, 4]], id="the shorter goes further"),
        pytest.param([[0, 2], [0, 2, 4], [0, 2, 5]], id="two go on differently from a third"),
        pytest.param([[0, 2, 4]] * 20 + [[0, 3]], id="one among many"),
    ],
)
def test_grids_that_part_are_mixed_in_any_order(grids: list[Grid]) -> None:
    assert which(*map(looked_at, grids)) == [1.0]
    assert which(*map(looked_at, reversed(grids))) == [1.0]


def test_only_the_groups_that_mix_grids_are_named_sorted_and_once() -> None:
    made = [
        looked_at(grid, alpha=alpha)
        for alpha, grids in {4.0: [[0], [1]], 0.5: [[0], [0, 1]], 2.0: [[5], [6], [7]], 1.0: [[9]]}.items()
        for grid in grids
    ]
    assert which(*made) == [2.0, 4.0]


def test_grids_that_differ_between_groups_only_are_not_mixed() -> None:
    made = [looked_at([0, 3], method="pca"), looked_at([0, 4], method="mean_diff"), looked_at([0, 5], method=None)]
    assert which(*made, by="method") == []


def test_a_group_without_a_name_can_mix_grids_and_comes_last() -> None:
    made = [looked_at(grid, method=method) for method in (None, "pca") for grid in ([0, 3], [0, 4])]
    assert which(*made, by="method") == ["pca", None]


def test_a_grid_is_where_it_was_looked_and_not_what_was_found() -> None:
    made = [
        trajectory([0.1] * gen_len, fork=[0, 3, 10], pmass=pmass)
        for gen_len, pmass in ((10, [0.9, None, 0.9]), (2, [0.9, None, None]), (10, [0.1, 0.1, 0.1]))
    ]
    assert which(*made) == []


def test_groups_of_several_columns_are_named_by_all_of_them() -> None:
    made = [looked_at(grid, alpha=2.0, method=None) for grid in ([0], [1])]
    found = mixed(scored(*made, looked_at([5])), by=["method", "alpha"]).collect()
    assert found.schema == {"method": pl.String, "alpha": pl.Float64}
    assert found.rows() == [(None, 2.0)]


@PROPERTY
@given(
    st.lists(
        st.tuples(st.sampled_from(["pca", None]), st.sets(st.integers(0, 3), max_size=3).map(sorted)),
        max_size=8,
    )
)
def test_a_group_is_mixed_where_any_two_of_its_grids_part(grids: list[tuple[str | None, Grid]]) -> None:
    expected = [
        group
        for group in ("pca", None)
        if not all(agree(a, b) for a, b in combinations([grid for name, grid in grids if name == group], 2))
    ]
    assert which(*(looked_at(grid, method=name) for name, grid in grids), by="method") == expected


def bounds(*made: Row) -> list[tuple[int, int | None, int]]:
    """left, right, n."""
    return brackets(scored(*made), by=["alpha"]).drop("alpha").collect().rows()


def lived(*pmass: float | None, gen_len: int = 10, **rest: Any) -> Row:
    return trajectory([0.1] * gen_len, fork=[0, 3, 5, 10][: len(pmass)], pmass=pmass, **rest)


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        pytest.param(lived(0.9, 0.9, 0.1, 0.9), (3, 5), id="between two forks"),
        pytest.param(lived(0.1, 0.9), (-1, 0), id="at the first fork"),
        pytest.param(lived(0.9, None, 0.1), (0, 5), id="over a fork that was not measured"),
        pytest.param(lived(None, None, 0.1), (-1, 5), id="at the first that was measured"),
        pytest.param(lived(0.9, 0.9, 0.9, 0.9), (10, None), id="never"),
        pytest.param(lived(0.9, 0.9, None, None), (3, None), id="never, not measured at the end"),
        pytest.param(lived(0.9, 0.9, 0.1, gen_len=5), (3, 5), id="just at the end"),
        pytest.param(lived(0.9, 0.9, 0.1, gen_len=4), (3, None), id="below the threshold past the end"),
        pytest.param(lived(0.9, 0.9, 0.9, gen_len=2), (0, None), id="above the threshold past the end"),
    ],
)
def test_death_lies_between_the_last_measured_fork_alive_and_the_fork_of_death(
    row: Row, expected: tuple[int, int | None]
) -> None:
    assert bounds(row) == [(*expected, 1)]


def test_who_was_never_measured_has_no_bracket() -> None:
    assert bounds(lived(None, None), lived(), lived(None, 0.1, gen_len=2)) == []


def test_equal_brackets_are_counted_together_and_sorted() -> None:
    made = [lived(0.9, 0.9), lived(0.9, 0.1), lived(0.1), lived(0.9, 0.9), lived(0.9, 0.9, 0.1)]
    assert bounds(*made) == [(-1, 0, 1), (0, 3, 1), (3, 5, 1), (3, None, 2)]


def test_brackets_are_by_group_and_a_group_without_a_name_is_one() -> None:
    made = [lived(0.9, 0.1, method=None), lived(0.9, method="pca"), lived(0.9, 0.1, method=None)]
    found = brackets(scored(*made), by=["method"]).collect()
    assert found.schema == {"method": pl.String, **dict.fromkeys(["left", "right", "n"], pl.Int64)}
    assert found.rows() == [("pca", 0, None, 1), (None, 0, 3, 2)]


@PROPERTY
@given(made=rows())
def test_brackets_are_what_a_loop_over_forks_finds(made: list[Row]) -> None:
    expected: Counter[tuple[float, int, int | None]] = Counter()
    for row in made:
        seen = [
            (fork, mass)
            for fork, mass in zip(row["fork"], row["pmass"], strict=True)
            if fork <= row["gen_len"] and mass is not None
        ]
        right = next((fork for fork, mass in seen if mass < 0.8), None)
        left = max((fork for fork, _ in seen if right is None or fork < right), default=-1)
        expected[row["alpha"], left, right] += bool(seen)
    found = brackets(scored(*made), by=["alpha"]).collect()
    assert Counter({row[:3]: row[3] for row in found.rows()}) == +expected


def test_brackets_are_in_order_of_their_left_ends_and_then_of_their_right_ones() -> None:
    rows = [
        {"g": 0, "gen_len": 9, "death_t": death, "fork": fork, "pmass": [0.9] * len(fork)}
        for fork, death in (([0, 4], None), ([4, 8], 8), ([0, 4], 4), ([0], None), ([0, 2], 2))
    ]
    found = brackets(pl.LazyFrame(rows, schema_overrides={"death_t": pl.Int64}), by=["g"]).collect()
    assert found.rows() == [(0, 0, 2, 1), (0, 0, 4, 1), (0, 0, None, 1), (0, 4, 8, 1), (0, 4, None, 1)]


def test_each_grid_is_with_the_first_of_the_longest_that_it_is_the_beginning_of() -> None:
    grids = [[0, 8], [0], [0, 8, 16], [0, 8, 16, 31], [0, 10, 20], [], [0, 9], [0, 8], [0, 8, 17, 31]]
    found = agreeing(pl.LazyFrame({"fork": grids}, schema={"fork": pl.List(pl.Int64)})).collect()
    assert sorted(found.rows(), key=str) == [
        ([0, 10, 20], 3),
        ([0, 8, 16, 31], 0),
        ([0, 8, 16], 0),
        ([0, 8, 17, 31], 1),
        ([0, 8], 0),
        ([0, 9], 5),
        ([0], 0),
    ]
    apart = agreeing(pl.LazyFrame({"fork": [[0, 8], [8]]}, schema={"fork": pl.List(pl.Int64)})).collect()
    assert sorted(apart.rows()) == [([0, 8], 0), ([8], 1)]
    many = [[0, i] for i in range(200, 0, -1)]
    found = agreeing(pl.LazyFrame({"fork": [*many, [0]]}, schema={"fork": pl.List(pl.Int64)})).collect()
    assert dict((fork[-1], grid) for fork, grid in found.rows()) == {0: 0, **{i: i - 1 for i in range(1, 201)}}
