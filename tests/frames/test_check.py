from __future__ import annotations

import math
from typing import Any

import polars as pl
import pytest

from klsurv.frames.check import check
from klsurv.schema import CELLS, CHECK
from tests.frames.source import scored, trajectory

NAN = math.nan


@pytest.fixture
def cells() -> pl.LazyFrame:
    facts: list[dict[str, Any]] = [
        {"cell": "b", "alphas": [0.0, 1.0], "n_prompts": 2, "status": "ok", "reason": None},
        {"cell": "a", "alphas": None, "n_prompts": None, "status": "broken", "reason": "pmass.json: is empty"},
        {"cell": "c", "alphas": [1.0], "n_prompts": 1, "status": "partial", "reason": "calib.json: seed: missing"},
    ]
    return pl.DataFrame([{**dict.fromkeys(CELLS.names), **row} for row in facts], schema=CELLS.schema).lazy()


@pytest.fixture
def trajectories() -> pl.LazyFrame:
    return scored(
        trajectory([0.1, NAN, -0.1], cell="b", fork=[0, 2, 9], pmass=[None, None, None]),
        trajectory([NAN, NAN, NAN], cell="b", gen_len=2, fork=[0], pmass=[0.9]),
        trajectory([0.1], cell="c"),
    )


def test_each_cell_has_a_row_in_order_with_what_was_counted_in_it(
    cells: pl.LazyFrame, trajectories: pl.LazyFrame
) -> None:
    table = check(cells, trajectories).collect()
    assert table.drop("reason").rows() == [
        ("b", "ok", 2, 2, 2, 3, 1, 2),
        ("a", "broken", None, None, None, None, None, None),
        ("c", "partial", 1, 1, 1, 0, 0, 0),
    ]


def test_of_a_usable_cell_without_trajectories_none_is_counted(cells: pl.LazyFrame) -> None:
    table = check(cells, scored(trajectory([0.1], cell="c"))).collect()
    assert table.drop("reason").rows() == [
        ("b", "ok", 2, 2, 0, 0, 0, 0),
        ("a", "broken", None, None, None, None, None, None),
        ("c", "partial", 1, 1, 1, 0, 0, 0),
    ]


def test_the_reason_is_that_of_the_cell(cells: pl.LazyFrame, trajectories: pl.LazyFrame) -> None:
    table = check(cells, trajectories).collect()
    assert table.get_column("reason").to_list() == [None, "pmass.json: is empty", "calib.json: seed: missing"]


def test_the_columns_are_those_that_the_schema_declares(cells: pl.LazyFrame, trajectories: pl.LazyFrame) -> None:
    assert check(cells, trajectories).collect().schema == CHECK.schema
    assert check(cells, scored()).collect().schema == CHECK.schema
