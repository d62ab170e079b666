"""All pieces of runs at once, where there is room for them. In: `Runs`. Out: the table `source`."""

from __future__ import annotations

import polars as pl

from klsurv.frames import spaghetti
from klsurv.runs import Runs
from klsurv.stats.quantiles import quantiles


def whole(runs: Runs) -> pl.DataFrame:
    """Every trajectory with its KL."""
    return pl.concat([piece.read() for piece in runs.pieces()]).collect()


def top(drawn: pl.LazyFrame) -> float:
    """Where the y axis ends for these."""
    found = quantiles([lambda: spaghetti.heights(drawn)], percents=(99,), of=spaghetti.high).get_column("p99").to_list()
    return spaghetti.top(found[0] if found else None)
