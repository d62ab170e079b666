from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from klsurv.stats.blocks import of_blocks
from klsurv.stats.quantiles import quantiles
from tests.effort import examples

PERCENTS = (50, 0, 1, 5, 99, 25, 100, 75, 95)
# Many equal values, some next to each other, and any.
VALUES = st.sampled_from([0.0, -0.0, 1.0, 1.0 + 2**-52, 1.0 - 2**-53, 5e-324]) | st.floats(-1e300, 1e300)
# What a dose of a cell has, and in which group it is.
DOSES = st.lists(st.tuples(st.integers(0, 2), st.lists(VALUES, max_size=40)), max_size=6)
Dose = tuple[int, list[float]]


def cut(doses: Sequence[Dose], size: int) -> tuple[pl.DataFrame, Callable[[pl.DataFrame], pl.Series], list[Any]]:
    """The values of each dose in order, in blocks of so many; how they are read; and what of them was, each time."""
    blocks, held = [], []
    for group, values in doses:
        values = sorted(values)
        for start in range(0, len(values), size):
            block = values[start : start + size]
            # Of the next block the least: a store keeps one number between two.
            greatest = values[start + size] if start + size < len(values) else values[-1]
            blocks.append((group, len(block), block[0], greatest, len(held)))
            held.append(block)
    asked: list[list[int]] = []

    def read(some: pl.DataFrame) -> pl.Series:
        asked.append(some.get_column("at").to_list())
        return pl.Series([x for at in asked[-1] for x in held[at]], dtype=pl.Float64)

    schema = {"group": pl.UInt32, "n": pl.Int64, "least": pl.Float64, "greatest": pl.Float64, "at": pl.Int64}
    return pl.DataFrame(blocks, schema=schema, orient="row"), read, asked


def of_all(doses: Sequence[Dose], percents: Sequence[int] = PERCENTS) -> pl.DataFrame:
    """The same of all values at once."""
    schema = {"group": pl.UInt32, "x": pl.List(pl.Float64)}
    rows = pl.DataFrame(list(doses), schema=schema, orient="row")
    return quantiles([rows.lazy], percents=percents).sort("group")


@settings(max_examples=examples(300), deadline=None)
@given(doses=DOSES, size=st.integers(1, 7))
@example(doses=[(0, [1.0] * 5), (0, [0.0, 1.0, 2.0]), (0, [1.0, 1.0, 3.0])], size=2)
@example(doses=[(0, [1.0, 3.0]), (0, [2.0] * 3)], size=3)
def test_they_are_those_of_all_values_to_the_last_bit(doses: list[Dose], size: int) -> None:
    blocks, read, _ = cut(doses, size)
    found, want = of_blocks(blocks, read, percents=PERCENTS).sort("group"), of_all(doses)
    assert found.schema == want.schema
    assert found.equals(want)
    signs = [[math.copysign(1, x) for x in row] for row in found.rows()]
    assert signs == [[math.copysign(1, x) for x in row] for row in want.rows()]


def test_quantiles_one_can_check_by_eye() -> None:
    blocks, read, asked = cut([(0, [1.0, 2.0, 3.0, 4.0]), (0, [5.0, 6.0, 7.0, 8.0, 9.0]), (3, [7.0])], 2)
    found = of_blocks(blocks, read, percents=(0, 50, 95))
    assert found.sort("group").rows() == [(0, 1.0, 5.0, pytest.approx(8.6)), (3, 7.0, 7.0, 7.0)]
    # Of two blocks that meet in a bound the one inside is read, and of the group of one value nothing.
    assert asked == [[0, 2, 3]]


def test_it_is_read_once_and_few_values_of_many() -> None:
    doses = [(dose % 2, [math.sin(dose + i) for i in range(10_000)]) for dose in range(10)]
    blocks, read, asked = cut(doses, 100)
    found = of_blocks(blocks, read, percents=(50, 95, 99))
    assert found.sort("group").equals(of_all(doses, (50, 95, 99)))
    assert len(asked) == 1
    # Of each of five doses in a group, and of three quantiles, at most four blocks of a hundred.
    assert 30 <= len(asked[0]) <= 10 * 3 * 4


@pytest.mark.parametrize("more", [(0, 0, 0), (-4, 1, 3), (-4, 1, 4)], ids=str)
def test_few_values_are_read_of_many_that_are_equal(more: tuple[int, ...]) -> None:
    # The median is between the last zero and the first value that is none, or about there.
    doses = [(0, [0.0] * (5000 + n) + [1 + i / 5000 for i in range(5000 - n)]) for n in more]
    blocks, read, asked = cut(doses, 10)
    assert of_blocks(blocks, read, percents=(50,)).equals(of_all(doses, (50,)))
    assert len(asked[0]) <= 6


def test_values_that_are_all_the_same_are_not_read() -> None:
    blocks, read, asked = cut([(0, [0.0] * 1000), (1, [2.5] * 10), (0, [0.0] * 7)], 100)
    found = of_blocks(blocks, read, percents=(50, 99)).sort("group")
    assert found.rows() == [(0, 0.0, 0.0), (1, 2.5, 2.5)]
    assert asked == [[]]


def test_without_blocks_there_is_no_row() -> None:
    blocks, read, _ = cut([(0, [])], 3)
    found = of_blocks(blocks, read, percents=(5, 50))
    assert (found.rows(), found.schema) == ([], {"group": pl.UInt32, "p5": pl.Float64, "p50": pl.Float64})
