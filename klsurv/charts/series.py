"""Groups as panels and series. In: a table with a row per group. Out: the panels; each series' name, colour, dash."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from klsurv.charts.legend import Entry
from klsurv.charts.page import doses, shorts
from klsurv.charts.theme import ALIVE, DASHES, SERIES, dose_colours

# More series than these, with their intervals, make a thicket of one panel.
CROWD = 4
# Columns whose values say what they are; a number needs its column.
NAMES = ("method", "model", "cell")


@dataclass(frozen=True, kw_only=True)
class Series:
    """One line of a panel: the values of the columns that make it, what it is called and how it is drawn."""

    key: pl.DataFrame
    name: str
    colour: str
    dash: list[int]

    def entry(self) -> Entry:
        """Its line of a legend."""
        return Entry("line", self.colour, self.name, dash=self.dash)

    def rows(self, table: pl.DataFrame) -> pl.DataFrame:
        """Its rows of a table, in order."""
        if not self.key.columns:
            return table
        return table.join(self.key, on=self.key.columns, how="semi", nulls_equal=True, maintain_order="left")


def panels_of(groups: pl.DataFrame, *, by: Sequence[str]) -> tuple[list[Series], list[Series]]:
    """The panels and the series of each: a panel per alpha, if alpha makes groups, a series per other group.

    Without alpha one panel holds all, but where they are more than 4 each has its own.
    """
    series = series_of(groups, by=[name for name in by if name != "alpha"])
    if "alpha" in by:
        return series_of(groups, by=["alpha"]), series
    whole = series_of(groups, by=[])
    return (series, whole) if len(series) > CROWD else (whole, series)


def wider(i: int, of: int) -> float:
    """How much wider series i of some is drawn (pixels), so that of those that coincide each is seen.

    Whatever their number, the widest is not so wide that it hides where it lies.
    """
    return (of - 1 - i) * min(1.6, 5 / of)


def series_of(groups: pl.DataFrame, *, by: Sequence[str]) -> list[Series]:
    """A series per value of `by`, in order.

    Alpha makes the colour and the other columns the dash; without alpha both do, and no two of 64 are drawn the same.
    """
    if not by:
        return [Series(key=pl.DataFrame(), name="", colour=ALIVE, dash=[1, 0])]
    keys = groups.select(by).unique(maintain_order=True).sort(by, nulls_last=True)
    tried = keys.get_column("alpha").unique().sort().to_list() if "alpha" in by else []
    said = keys.with_columns(pl.col("^alpha$").replace_strict(tried, doses(tried), return_dtype=pl.String))
    names = shorts([", ".join(map(_named, by, row)) for row in said.rows()], 40)
    places = [(i, i + i // len(SERIES)) for i in range(keys.height)]
    colours: Sequence[str] = SERIES
    if "alpha" in by:
        others = keys.drop("alpha").rows()
        kinds = list(dict.fromkeys(others))
        places = [(tried.index(a), kinds.index(o)) for a, o in zip(keys.get_column("alpha"), others, strict=True)]
        colours = dose_colours(len(tried))
    return [
        Series(key=keys.slice(i, 1), name=name, colour=colours[hue % len(colours)], dash=DASHES[dash % len(DASHES)])
        for i, (name, (hue, dash)) in enumerate(zip(names, places, strict=True))
    ]


def _named(column: str, value: object) -> str:
    if value is None:
        return f"{column} unknown"
    if column == "alpha":
        return f"α = {value}"
    if value == "":
        return f"{column} without a name"
    return str(value) if column in NAMES else f"{column} {value}"
