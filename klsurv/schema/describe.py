"""What tables hold. In: their names. Out: one row per table and column: dtype, unit, meaning."""

from __future__ import annotations

from collections.abc import Sequence

from klsurv.schema import TABLES


def describe(names: Sequence[str]) -> list[dict[str, str]]:
    """One row per column of the tables named: table, column, dtype, unit, meaning."""
    return [
        {"table": name, "column": c.name, "dtype": c.dtype, "unit": c.unit, "meaning": c.meaning}
        for name in names
        for c in TABLES[name].columns
    ]
