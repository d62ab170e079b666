"""Groups as panels and series."""

from __future__ import annotations

from itertools import pairwise

import polars as pl

from klsurv.charts.series import panels_of, series_of
from klsurv.charts.theme import ALIVE, dose_colours


def grey(colour: str) -> float:
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_doses_go_from_light_to_dark_and_eight_are_apart_in_grey() -> None:
    greys = [grey(colour) for colour in dose_colours(8)]
    assert all(first - second > 5 for first, second in pairwise(greys))
    assert dose_colours(1) == [ALIVE]


def test_alpha_makes_the_colour_and_the_others_the_dash() -> None:
    groups = pl.DataFrame({"method": ["a", "a", "b", "b"], "alpha": [0.0, 1.0, 0.0, 1.0]})
    one, two, three, four = series_of(groups, by=["method", "alpha"])
    assert [one.name, four.name] == ["a, α = 0.0", "b, α = 1.0"]
    assert (one.colour, two.colour) == (three.colour, four.colour) and one.colour != two.colour
    assert (one.dash, three.dash) == (two.dash, four.dash) and one.dash != three.dash


def test_sixty_four_series_are_all_drawn_differently() -> None:
    series = series_of(pl.DataFrame({"seed": list(range(64))}), by=["seed"])
    assert len({(one.colour, *one.dash) for one in series}) == 64
    assert series[3].name == "seed 3"


def test_a_series_finds_its_rows_also_where_its_key_is_null() -> None:
    table = pl.DataFrame({"method": ["a", None, "a"], "y": [1, 2, 3]})
    assert [one.rows(table)["y"].to_list() for one in series_of(table, by=["method"])] == [[1, 3], [2]]
    (whole,) = series_of(table, by=[])
    assert whole.rows(table).height == 3


def test_a_panel_per_alpha_in_order_and_a_series_per_other_group() -> None:
    groups = pl.DataFrame({"alpha": [2.0, 0.5, 2.0], "method": ["a", "a", "b"]})
    panels, series = panels_of(groups, by=["alpha", "method"])
    assert [panel.item() for panel in panels] == [0.5, 2.0] and [one.name for one in series] == ["a", "b"]
    assert [panel.columns for panel in panels_of(groups, by=["method"])[0]] == [[]]
