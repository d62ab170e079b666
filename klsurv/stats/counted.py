"""Counts as arrays. In: risk tables. Out: n at risk and deaths as arrays over stratum, group and fork."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Counted:
    """Numbers at risk and deaths, each of shape (strata, groups, forks); forks in tokens, ascending.

    `groups` has one row per group, in the order of the arrays, and `strata` one per stratum; 0 is at risk where a
    group was not measured.
    """

    groups: pl.DataFrame
    strata: pl.DataFrame
    forks: npt.NDArray[np.int64]
    n_risk: Floats
    n_events: Floats


def counted(risk: pl.DataFrame, *, by: Sequence[str], strata: Sequence[str] = ()) -> Counted:
    """Spread a risk table over `strata` (all one if none), groups and forks; all three sorted, nulls last."""
    groups, group = _index(risk, by)
    layers, layer = _index(risk, strata)
    forks, at = np.unique(risk.get_column("fork").to_numpy(), return_inverse=True)
    shape = (max(layers.height, 1), groups.height, len(forks))
    arrays = [np.zeros(shape), np.zeros(shape)]
    for array, name in zip(arrays, ("n_risk", "n_events"), strict=True):
        np.add.at(array, (layer, group, at), risk.get_column(name).to_numpy())
    return Counted(groups, layers, forks, *arrays)


def _index(table: pl.DataFrame, names: Sequence[str]) -> tuple[pl.DataFrame, npt.NDArray[np.int64]]:
    """The values of `names` there are, sorted, and for each row of the table which of them it has."""
    if not names:
        return pl.DataFrame(), np.zeros(table.height, dtype=np.int64)
    values = table.select(names).unique().sort(names, nulls_last=True)
    rows = table.select(names).join(
        values.with_row_index("index"), on=list(names), how="left", nulls_equal=True, maintain_order="left"
    )
    return values, rows.get_column("index").to_numpy().astype(np.int64)
