from __future__ import annotations

import math

import polars as pl
import pytest

from klsurv.exprs.scale import own_p95

NAN, INF = math.nan, math.inf


def scale(row: list[float], *, tokens: int = 20) -> float | None:
    """Of a list, after making sure that a group gives the same."""
    lists = pl.DataFrame({"x": [row]}, schema={"x": pl.List(pl.Float64)})
    in_list: float | None = lists.select(pl.col("x").list.agg(own_p95(pl.element(), tokens=tokens))).item()
    groups = pl.DataFrame({"group": ["a", *["b"] * len(row)], "x": [7.0, *row]})
    over_group = groups.group_by("group").agg(own_p95(pl.col("x"), tokens=tokens)).filter(group="b").get_column("x")
    assert over_group.to_list() == ([in_list] if row else [])
    return in_list


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ([3.0], 3.0),
        ([0.0, 10.0], 9.5),
        ([5.0, 1.0, 4.0, 2.0, 3.0], 4.8),
        ([float(x) for x in range(21)], 18.05),
    ],
)
def test_the_scale_is_the_95th_percentile_with_linear_interpolation(row: list[float], expected: float) -> None:
    assert scale(row) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(("tokens", "expected"), [(1, 1.0), (2, 1.0), (3, 90.1)])
def test_only_the_first_tokens_count(tokens: int, expected: float) -> None:
    assert scale([1.0, 1.0, 100.0], tokens=tokens) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("odd", [NAN, INF, -INF])
def test_a_value_that_is_not_finite_is_left_out_but_takes_its_place_among_the_first(odd: float) -> None:
    assert scale([odd, 2.0, 100.0], tokens=2) == 2.0


@pytest.mark.parametrize(
    "row",
    [
        pytest.param([], id="no tokens"),
        pytest.param([NAN, INF, -INF], id="no finite value"),
        pytest.param([0.0, 0.0, 0.0], id="zero, as at alpha 0"),
        pytest.param([1e-8, 1e-8], id="1e-8 exactly"),
        pytest.param([-1.0, -2.0], id="negative"),
    ],
)
def test_where_there_is_nothing_to_divide_by_there_is_no_scale(row: list[float]) -> None:
    assert scale(row) is None


def test_just_above_1e_8_there_is_a_scale() -> None:
    assert scale([1.0001e-8, 1.0001e-8]) == pytest.approx(1.0001e-8, rel=1e-12)


def test_one_value_far_down_the_row_does_not_make_a_scale() -> None:
    assert scale([0.0, 0.0, 5.0], tokens=2) is None
