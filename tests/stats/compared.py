"""What is found and what is expected, side by side."""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl
import pytest

BY = ["dataset", "group"]


def near(value: object) -> object:
    return pytest.approx(value, rel=1e-10, abs=1e-10, nan_ok=False)


def at(rows: pl.DataFrame, forks: Iterable[float], column: str) -> list[float]:
    """The values of a column at some of the forks."""
    values = dict(rows.select("fork", column).rows())
    return [values[int(fork)] for fork in forks]
