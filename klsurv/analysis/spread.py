"""How KL is spread. In: runs. Out: quantiles of the raw KL of each group, one row per group."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import polars as pl

from klsurv.analysis.base import Analysis, of_cells
from klsurv.frames.score import windowed
from klsurv.params import Scoring
from klsurv.schema import KEY
from klsurv.source import Piece, beside_kl
from klsurv.stats.blocks import of_blocks
from klsurv.stats.quantiles import quantiles, together

# Values, in whole groups, whose blocks are looked at together: a million blocks (0.2 GB).
_VALUES = 2**28


def kl_quantiles(runs: Analysis, by: Sequence[str], percents: Sequence[int], scoring: Scoring) -> pl.DataFrame:
    """Per group, quantiles (linear) of the finite raw KL inside the length: `by`, then kl_p50 and so on (nats)."""
    wanted = dict.fromkeys((*KEY, *by, "length", "n_kl_failed"))
    rows = windowed(runs.rollouts().lazy(), scoring=scoring).select(*wanted).collect()
    names = rows.select(by).unique().sort(by, nulls_last=True).with_row_index("group")
    rows = rows.join(names, on=by, how="left", nulls_equal=True)
    found = _in_order(runs, rows, percents)
    if found is None:
        found = _measured(runs, rows, percents, apart="alpha" in by)
    found = found.rename({f"p{p}": f"kl_p{p}" for p in percents})
    return names.join(found, on="group", how="left", maintain_order="left").drop("group")


def _in_order(runs: Analysis, rows: pl.DataFrame, percents: Sequence[int]) -> pl.DataFrame | None:
    """The quantiles from KL in order, few blocks of which are read. None without it, or where doses are not whole."""
    ordered = runs.ordered()
    if ordered is None:
        return None
    # Rows that hold as many finite values as their dose are all that it has, as far as KL goes.
    counted = (pl.col("length") - pl.col("n_kl_failed")).sum()
    wanted = rows.group_by("cell", "alpha", "group", maintain_order=True).agg(counted=counted)
    doses = wanted.join(ordered.doses, on=["cell", "alpha"], how="left", maintain_order="left")
    if not doses.select(pl.col("counted").eq_missing(pl.col("n")).all()).item():
        return None
    found = []
    for part in together(doses.lazy(), _VALUES):
        blocks = ordered.blocks(doses.join(part, on="group", how="semi", maintain_order="left"))
        found.append(of_blocks(blocks, ordered.read, percents=percents))
    return pl.concat(found)


def _measured(runs: Analysis, rows: pl.DataFrame, percents: Sequence[int], *, apart: bool) -> pl.DataFrame:
    """The quantiles from KL as it was measured, all of which is read. `apart`: no group has rows of two doses."""
    index = rows.select(*KEY, "group")

    def values(pieces: Sequence[Piece]) -> list[partial[pl.LazyFrame]]:
        return [partial(_values, piece, of_cells(index, piece)) for piece in pieces]

    parts = [runs.pieces()]
    if apart and len(parts[0]) > 1 and runs.reader is None:
        # What one dose has may fit into memory: it is then read once, not twice.
        parts = [runs.pieces(alphas=[alpha]) for alpha in rows.get_column("alpha").unique().sort()]
    return pl.concat(quantiles(values(part), percents=percents, executor=runs.reader) for part in parts)


def _values(piece: Piece, index: pl.DataFrame) -> pl.LazyFrame:
    """The raw KL of a piece, a list per trajectory: `group` (by cell, alpha and prompt in `index`) and x."""
    return beside_kl(piece.kl(), index.lazy()).select("group", x="kl")
