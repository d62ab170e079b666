"""The comparison of two groups. In: runs, or a frame of them. Out: their row of the table `compare`."""

from __future__ import annotations

from typing import Any

import polars as pl

from klsurv.runs import Runs
from tests.generated import quietly

NAIVE, BOOT = ["ci_low", "ci_high"], ["boot_low", "boot_high"]


def pair(runs: pl.DataFrame | Runs, by: str = "method", **options: Any) -> dict[str, Any]:
    """The one pair there is."""
    table = (runs if isinstance(runs, Runs) else quietly(runs)).compare(by, **{"bootstrap": 200, **options})
    return table.row(by_predicate=pl.col("group_b").is_not_null(), named=True)
