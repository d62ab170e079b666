"""What groups are called. In: the columns that make them. Out: a name for each."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl


def labels(groups: pl.DataFrame, by: Sequence[str]) -> list[str]:
    """A name for each group: its value (null: unknown), or `method=pca, alpha=1.0` where several columns make it."""
    values = [["unknown" if value is None else str(value) for value in row] for row in groups.select(by).rows()]
    if len(by) == 1:
        return [row[0] for row in values]
    return [", ".join(f"{name}={value}" for name, value in zip(by, row, strict=True)) for row in values]
