"""Exact quantiles of values in order, few of which are read. In: blocks of them. Out: quantiles of each group."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import polars as pl

from klsurv.stats.quantiles import UNSIGNED, begin, ranks

_N, _LEAST, _GREATEST = (pl.col(name) for name in ("n", "least", "greatest"))


def of_blocks(
    blocks: pl.DataFrame, read: Callable[[pl.DataFrame], pl.Series], *, percents: Sequence[int]
) -> pl.DataFrame:
    """One row per group, in any order: `group`, then p50 and so on, to the last bit as `stats.quantiles` has them.

    `blocks`: `group`, how many values each has (`n`), and between which two they all are (`least`, `greatest`). `read`
    gives the values of some of them, one block after the other; it is asked once, for those that a quantile can be in.
    """
    bounds = _bounds(blocks.lazy(), percents).collect()
    start, end, key = pl.col("start"), pl.col("end"), ["group", "percent"]
    # Where both are the same, the quantile is that value.
    placed = blocks.lazy().with_row_index("block").select("block", "group", "n", "least", "greatest")
    both = bounds.lazy().filter(start < end).join(placed, on="group", maintain_order="left_right")
    # Blocks that end at the start, or begin at the end, are counted: however many values are equal, few are read.
    is_below = start >= _GREATEST
    looked_at = both.select(*key, "block", "n", is_below=is_below, is_near=~is_below & (end > _LEAST)).collect()
    below = looked_at.filter("is_below").group_by(key).agg(below=_N.sum())
    near = looked_at.filter("is_near")
    values, first = read(blocks[near.get_column("block")]), 0
    sorted_of = {}
    for group, percent, n in near.group_by(key, maintain_order=True).agg(_N.sum()).rows():
        sorted_of[group, percent] = values.slice(first, n).sort()
        first += n
    found: dict[int, dict[str, Any]] = {}
    for row in bounds.join(below, on=key, how="left").rows(named=True):
        value = _between(sorted_of.get((row["group"], row["percent"]), values.clear()), row)
        found.setdefault(row["group"], {"group": row["group"]})[f"p{row['percent']}"] = value
    schema = {"group": pl.UInt32, **{f"p{p}": pl.Float64 for p in percents}}
    return pl.DataFrame(list(found.values()), schema=schema).with_columns(UNSIGNED)


def _bounds(blocks: pl.LazyFrame, percents: Sequence[int]) -> pl.LazyFrame:
    """The ranks of each quantile, and two values between which those of these ranks are (`start`, `end`)."""
    # In thought blocks are laid one after the other. By their least values, so many at most are below it …
    rising = blocks.sort(_LEAST).select("group", start=_LEAST, before=begin().over("group"))
    # … and by their greatest ones, so many at least are not above it.
    ending = blocks.sort(_GREATEST).select("group", end=_GREATEST, through=_N.cum_sum().over("group"))
    # Before a value of a rank so many others are, and with it one more.
    wanted = ranks(blocks.group_by("group").agg(_N.sum()), percents).with_columns(more=pl.col("high") + 1).sort("exact")
    found = wanted.join_asof(rising, left_on="low", right_on="before", by="group", check_sortedness=False).join_asof(
        ending, left_on="more", right_on="through", by="group", strategy="forward", check_sortedness=False
    )
    return found.select("group", "percent", "exact", "low", "high", "start", "end")


def _between(x: pl.Series, row: dict[str, Any]) -> float:
    """The quantile, of the sorted values near it."""
    low, high = (_of_rank(row[name], x, row) for name in ("low", "high"))
    between: float = low + (high - low) * (row["exact"] - row["low"])
    return between


def _of_rank(rank: int, x: pl.Series, row: dict[str, Any]) -> float:
    """The value of a rank that is between `start` and `end`: these themselves stand for the values not read."""
    at = rank - (row["below"] or 0)
    if at < 0:
        at_rank: float = row["start"]
    else:
        at_rank = min(max(x[at], row["start"]), row["end"]) if at < x.len() else row["end"]
    return at_rank
