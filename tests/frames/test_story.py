from __future__ import annotations

import polars as pl
import pytest

from klsurv.frames.story import story
from klsurv.params import Scoring
from tests.frames.source import scored, trajectory

RAW = Scoring(roll=1, threshold=0.5, calib_tokens=1)
COLUMNS = ["fork", "pmass", "pmass_min", "kl_smooth", "alive", "kl_rel"]


def test_each_fork_that_was_reached_has_its_row_and_kl_where_there_is_a_token() -> None:
    # Four tokens: the fork at 4 was reached, and has no token; that at 5 was not.
    one = trajectory([2.0, 4.0, 6.0, 8.0], fork=[0, 2, 3, 4, 5], pmass=[0.9, None, 0.4, 0.7, 0.1])
    found = story(scored(one, scoring=RAW), scoring=RAW).collect()
    assert found.columns == COLUMNS
    assert found.rows() == [
        (0, 0.9, 0.9, 2.0, True, 1.0),
        (2, None, 0.9, 6.0, True, 3.0),
        (3, 0.4, 0.4, 8.0, False, 4.0),
        (4, 0.7, 0.4, None, False, None),
    ]


def test_kl_is_smoothed_and_relative_to_the_own_scale() -> None:
    wide = Scoring(roll=3, threshold=0.5, calib_tokens=1)
    (row,) = (
        story(scored(trajectory([3.0, 6.0, 9.0], fork=[1], pmass=[0.9]), scoring=wide), scoring=wide).collect().rows()
    )
    # Around token 1 a mean of 6; around token 0, with its own value before it, of 4.
    assert row[3:] == (6.0, True, pytest.approx(1.5))


def test_without_a_scale_kl_has_no_relative_value() -> None:
    zero = story(scored(trajectory([0.0, 0.0], fork=[0], pmass=[0.9]), scoring=RAW), scoring=RAW).collect()
    assert zero.select("kl_smooth", "kl_rel").rows() == [(0.0, None)]
    assert zero.schema["kl_rel"] == pl.Float64
