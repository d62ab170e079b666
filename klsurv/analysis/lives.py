"""Lives by group. In: lives (scored, observed trajectories). Out: curves, counts, groups of which little is known."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import polars as pl

from klsurv.frames.counts import counts
from klsurv.frames.grids import brackets, mixed
from klsurv.frames.risk import risk
from klsurv.inference import Interval
from klsurv.params import EventKind
from klsurv.schema import GROUP_COLUMNS, Table, typed
from klsurv.stats import survival as surviving


def curves(lives: pl.DataFrame, by: Sequence[str], interval: Interval) -> pl.DataFrame:
    """The table `survival` of lives: Turnbull's estimate for the groups that mix fork grids, else Kaplan–Meier."""
    rows = lives.lazy()
    apart = mixed(rows, by=by).collect()
    bounds = None
    if not apart.is_empty():
        bounds = brackets(rows.join(apart.lazy(), on=by, how="semi", nulls_equal=True), by=by).collect()
    return surviving.survival(risk(rows, by=by).collect(), by=by, interval=interval, brackets=bounds)


def failing(lives: pl.DataFrame, by: Sequence[str], event: EventKind) -> pl.DataFrame:
    """The groups with failed measurements of what ends a life, and how many trajectories have some (`n_failed`)."""
    failed = lives.filter(pl.col("n_pmass_failed" if event == "pmass" else "n_kl_failed") > 0)
    return failed.group_by(by).agg(n_failed=pl.len().cast(pl.Int64)).sort(by, nulls_last=True)


def sized(lives: pl.DataFrame, by: Sequence[str]) -> pl.DataFrame:
    """The counts of each group (`frames.counts`), sorted."""
    return lives.group_by(by).agg(counts()).sort(by, nulls_last=True)


def unmeasured(lives: pl.DataFrame, curves: pl.DataFrame, by: Sequence[str]) -> pl.DataFrame:
    """The groups that have trajectories, but none measured at a fork: the columns `by`, sorted."""
    return lives.select(by).unique().join(curves, on=list(by), how="anti", nulls_equal=True).sort(by, nulls_last=True)


def arranged(rows: pl.DataFrame, by: Sequence[str], table: Table) -> pl.DataFrame:
    """The columns of the groups, then those that the table declares."""
    return rows.select(*by, *table.names)


def parted(table: pl.DataFrame, by: Sequence[str]) -> Iterator[tuple[dict[str, Any], pl.DataFrame]]:
    """Each group's values by name, and its rows; groups sorted, nulls last."""
    if table.is_empty():
        return
    if not by:
        yield {}, table
        return
    for part in table.sort(by, nulls_last=True, maintain_order=True).partition_by(by, maintain_order=True):
        yield part.select(by).row(0, named=True), part


def tabled(rows: list[dict[str, Any]], by: Sequence[str], table: Table) -> pl.DataFrame:
    """Rows as the table declares them, the columns of the groups in front."""
    return pl.DataFrame(rows, schema=typed([*(GROUP_COLUMNS[name] for name in by), *table.columns]))
