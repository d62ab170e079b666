"""Groups as panels and series."""

from __future__ import annotations

from itertools import pairwise

import polars as pl

from klsurv.charts.series import panels_of, series_of, wider
from klsurv.charts.theme import ALIVE, dose_colours


def grey(colour: str) -> float:
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_doses_go_from_light_to_dark_and_eight_are_apart_in_grey() -> None:
    greys = [grey(colour) for colour in dose_colours(8)]
    assert all(first - second > 5 for first, second in pairwise(greys))
    assert dose_colours(1) == [ALIVE]


def test_no_two_of_many_doses_have_the_same_colour() -> None:
    for n in (2, 8, 9, 25):
        colours = dose_colours(n)
        assert len(set(colours)) == n and (colours[0], colours[-1]) == (dose_colours(8)[0], dose_colours(8)[-1])
        assert all(grey(first) > grey(second) for first, second in pairwise(colours))


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
    series = series_of(table, by=["method"])
    assert [one.rows(table)["y"].to_list() for one in series] == [[1, 3], [2]]
    assert [one.name for one in series] == ["a", "method unknown"]
    (whole,) = series_of(table, by=[])
    assert whole.rows(table).height == 3


def test_a_panel_per_alpha_in_order_and_a_series_per_other_group() -> None:
    groups = pl.DataFrame({"alpha": [2.0, 0.5, 2.0], "method": ["a", "a", "b"]})
    panels, series = panels_of(groups, by=["alpha", "method"])
    assert [panel.name for panel in panels] == ["α = 0.5", "α = 2.0"] and [one.name for one in series] == ["a", "b"]
    assert panels[1].rows(groups)["method"].to_list() == ["a", "b"]
    whole, series = panels_of(groups, by=["method"])
    assert [panel.name for panel in whole] == [""] and len(series) == 2


def test_without_alpha_more_than_four_groups_have_a_panel_each() -> None:
    groups = pl.DataFrame({"seed": list(range(5))})
    panels, series = panels_of(groups, by=["seed"])
    assert [panel.name for panel in panels] == [f"seed {i}" for i in range(5)]
    assert [panel.rows(groups).height for panel in panels] == [1] * 5 and [one.name for one in series] == [""]
    assert [len(part) for part in panels_of(groups.head(4), by=["seed"])] == [1, 4]


def test_of_series_that_coincide_the_first_is_widest_but_never_wide() -> None:
    assert [wider(i, 3) for i in range(3)] == [3.2, 1.6, 0] and wider(0, 40) < 5
