"""What tables hold. In: their names. Out: one row per table and column: dtype, unit, meaning."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from klsurv.schema import TABLES


def describe(names: Sequence[str]) -> pl.DataFrame:
    """One row per column of the tables named: table, column, dtype, unit, meaning."""
    rows = [
        {"table": name, "column": c.name, "dtype": str(c.dtype), "unit": c.unit, "meaning": c.meaning}
        for name in names
        for c in TABLES[name].columns
    ]
    return pl.DataFrame(rows)
