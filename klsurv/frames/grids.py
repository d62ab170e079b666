"""Fork grids. In: observed trajectories. Out: which groups mix grids, and between which forks deaths lie.

Two grids agree if one is the beginning of the other: the shorter is then censored where it ends. Otherwise a death was
looked for at other tokens in one than in the other, and S at a fork is not a product of counts.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from klsurv.exprs.death import at_risk, event


def mixed(trajectories: pl.LazyFrame, *, by: Sequence[str]) -> pl.LazyFrame:
    """The groups whose trajectories have fork grids that do not agree: the columns `by`, sorted."""
    fork = pl.col("fork")
    grids = trajectories.select(*by, "fork").filter(fork.list.len() > 0).unique()
    longest = grids.group_by(by).agg(longest=fork.sort_by(fork.list.len()).last())
    return (
        grids.join(longest, on=by, nulls_equal=True)
        .filter(fork != pl.col("longest").list.head(fork.list.len()))
        .select(by)
        .unique()
        .sort(by, nulls_last=True)
    )


def agreeing(trajectories: pl.LazyFrame) -> pl.LazyFrame:
    """Each fork grid (`fork`), and the index (`grid`) of the longest that it agrees with, in order of length.

    One that is the beginning of two that differ is with the first of them. Trajectories without a fork have no row.
    """
    fork = pl.col("fork")
    grids = trajectories.select("fork").filter(fork.list.len() > 0).unique()
    grids = grids.sort(fork.list.len(), fork, descending=[True, False])
    return grids.map_batches(_led, schema={"fork": pl.List(pl.Int64), "grid": pl.UInt32})


def _led(grids: pl.DataFrame) -> pl.DataFrame:
    """Grids, the longest first, each with the index of the first that goes on from its last fork, or ends there."""
    # A tree of forks: each step from one to the next has its place, and the first grid that came by.
    places: dict[tuple[int, int], int] = {}
    first = [0]
    leaders = []
    for i, grid in enumerate(grids.get_column("fork").to_list()):
        at = 0
        for fork in grid:
            at = places.setdefault((at, fork), len(first))
            if at == len(first):
                first.append(i)
        leaders.append(first[at])
    return grids.with_columns(grid=pl.Series(leaders, dtype=pl.UInt32))


def brackets(trajectories: pl.LazyFrame, *, by: Sequence[str]) -> pl.LazyFrame:
    """How many of each group died in (`left`, `right`]: the columns `by`, left, right, n (tokens, Int64).

    left is the last measured fork at which a trajectory was alive, −1 if none was; right is null if it never died.
    Those that were never measured are left out.
    """
    rows = trajectories.select(*by, "gen_len", "death_t", "fork", "pmass").with_row_index("row")
    died = event()
    seen = at_risk(pl.col("fork"), pl.col("pmass"), gen_len=pl.col("gen_len"), death_t=pl.col("death_t"))
    return (
        rows.with_columns(right=pl.when(died).then("death_t"))
        .explode("fork", "pmass")
        .filter(seen)
        .group_by("row", *by, "right")
        .agg(left=pl.col("fork").filter(pl.col("right").is_null() | (pl.col("fork") < pl.col("right"))).max())
        .group_by(*by, pl.col("left").fill_null(-1), "right")
        .agg(n=pl.len().cast(pl.Int64))
        .sort(*by, "left", "right", nulls_last=True)
    )
