from __future__ import annotations

import math

import polars as pl
import pytest

from klsurv.exprs.axes import LINEAR_BELOW, Axes


def pixels(expr: pl.Expr) -> list[float]:
    return pl.select(expr).to_series().to_list()


@pytest.fixture
def axes() -> Axes:
    return Axes(width=202, height=105, x_max=100.0, y_max=2.0)


def test_x_runs_from_minus_1_at_the_left_edge_to_x_max_at_the_right(axes: Axes) -> None:
    assert axes.x_domain == (-1.0, 100.0)
    t = pl.lit(pl.Series([-1, 0, 49, 100]))
    assert pixels(axes.x(t)) == pytest.approx([0.0, 2.0, 100.0, 202.0])


def test_y_runs_down_from_y_max_at_the_top_to_minus_5_percent(axes: Axes) -> None:
    assert axes.y_domain == pytest.approx((-0.1, 2.0))
    kl = pl.lit(pl.Series([2.0, 1.0, 0.0, -0.1]))
    assert pixels(axes.y(kl)) == pytest.approx([0.0, 50.0, 100.0, 105.0])


def test_the_logarithmic_axis_spans_the_same_domain_and_places_values_by_symlog() -> None:
    axes = Axes(width=202, height=105, x_max=100.0, y_max=2.0, kl_log=True)

    def level(kl: float) -> float:
        return math.copysign(math.log1p(abs(kl) / LINEAR_BELOW), kl)

    span = level(2.0) - level(-0.1)
    expected = [105 * (level(2.0) - level(kl)) / span for kl in (2.0, 0.5, 0.0, -0.05, -0.1)]
    assert pixels(axes.y(pl.lit(pl.Series([2.0, 0.5, 0.0, -0.05, -0.1])))) == pytest.approx(expected)
    assert expected[0] == 0.0
    assert expected[-1] == pytest.approx(105.0)


def test_what_lies_some_panels_off_keeps_its_place(axes: Axes) -> None:
    assert pixels(axes.y(pl.lit(pl.Series([22.0, -20.1])))) == pytest.approx([-1000.0, 1105.0])


@pytest.mark.parametrize("kl_log", [False, True])
def test_what_lies_astronomically_far_off_is_still_off_but_finite(kl_log: bool) -> None:
    axes = Axes(width=202, height=105, x_max=100.0, y_max=1e-3, kl_log=kl_log)
    above, below = pixels(axes.y(pl.lit(pl.Series([1e300, -1e300]))))
    assert -200 * 105 <= above < 0
    assert 105 < below <= 200 * 105


@pytest.mark.parametrize("kl_log", [False, True])
def test_the_kl_at_so_many_pixels_is_placed_there(kl_log: bool) -> None:
    axes = Axes(width=202, height=105, x_max=100.0, y_max=2.0, kl_log=kl_log)
    assert (axes.kl(0), axes.kl(105)) == pytest.approx(axes.y_domain[::-1])
    for height in (0.0, 4.0, 52.5, 99.0, 104.0):
        assert pixels(axes.y(pl.lit(axes.kl(height)))) == pytest.approx([height])


@pytest.mark.parametrize("kl_log", [False, True])
def test_one_kl_is_placed_where_a_column_of_it_is(kl_log: bool) -> None:
    axes = Axes(width=202, height=105, x_max=100.0, y_max=2.0, kl_log=kl_log)
    values = [-0.1, -0.02, 0.0, 0.03, 0.5, 2.0]
    assert [axes.pixel(kl) for kl in values] == pytest.approx(pixels(axes.y(pl.lit(pl.Series(values)))))
