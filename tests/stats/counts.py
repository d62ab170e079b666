"""Literal risk tables: what there is at each fork, group by group."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

# (fork, n_risk, n_events)
Forks = Sequence[tuple[int, int, int]]


def table(
    groups: Mapping[Any, Forks], by: Sequence[str] = ("g",), dtype: type[pl.DataType] = pl.String
) -> pl.DataFrame:
    """A risk table sorted as `frames.risk` sorts; with several columns in `by` a group is named by a tuple.

    Whoever leaves between two forks without dying is censored at the first.
    """
    rows = []
    for name, forks in groups.items():
        left = [n for _, n, _ in forks[1:]] + [0]
        for (fork, n, d), after in zip(forks, left, strict=True):
            rows.append((*(name if len(by) > 1 else (name,)), fork, n, d, n - d - after))
    schema = {name: dtype for name in by} | dict.fromkeys(("fork", "n_risk", "n_events", "n_censored"), pl.Int64)
    return pl.DataFrame(rows, schema=schema, orient="row").sort(*by, "fork", nulls_last=True)
