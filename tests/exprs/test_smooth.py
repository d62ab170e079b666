from __future__ import annotations

import polars as pl
import pytest

from klsurv.exprs.smooth import padded, unpadded

LISTS = pl.DataFrame({"x": [[1.0, 2.0, 3.0], [4.0, 5.0], [], None]}, schema={"x": pl.List(pl.Float64)})


@pytest.mark.parametrize(
    ("width", "first"),
    [
        (2, [1.0, 1.0, 2.0, 3.0]),
        (3, [1.0, 1.0, 2.0, 3.0, 3.0]),
        (4, [1.0, 2.0, 3.0]),
        (100_000, [1.0, 2.0, 3.0]),
    ],
)
def test_a_list_is_padded_with_its_ends_and_one_shorter_than_the_width_is_not(width: int, first: list[float]) -> None:
    found = LISTS.select(padded(pl.col("x"), width=width)).to_series().to_list()
    second = [4.0, 4.0, 5.0] if width == 2 else [4.0, 5.0]
    assert found == [first, second, [], None]


def test_means_of_what_lies_before_a_list_are_cut_off_and_a_short_list_is_itself() -> None:
    means = LISTS.with_columns(m=pl.Series([[8.0, 9.0, 0.1, 0.2, 0.3], [9.0] * 4, [9.0] * 2, [9.0]]))
    found = means.select(unpadded(pl.col("m"), pl.col("x"), width=3)).to_series().to_list()
    assert found == [[0.1, 0.2, 0.3], [4.0, 5.0], [], None]
