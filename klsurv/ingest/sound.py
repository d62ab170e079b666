"""Whether a frame is in a layout. In: its trajectories, with what was found of them. Out: nothing, or an error."""

from __future__ import annotations

import polars as pl

from klsurv.errors import CellError, LayoutError
from klsurv.ingest.values import ROUNDING
from klsurv.names import clean
from klsurv.schema import KEY


def check_frame(read: pl.DataFrame) -> None:
    """Make sure that rows are as a layout has them.

    `fraction`: the fact that was not a whole number. Of tokens, in a long frame, also `t` (list), `lost` (one was no
    token), `several` (the fact that differs from token to token) and `changed` (they are not those that klsurv wrote).

    Raises:
        LayoutError: they are not; names the first trajectory.
    """
    if read.select(KEY).null_count().sum_horizontal().item():
        raise LayoutError("cell, alpha or prompt is null in a row, or prompt is not a whole number")
    if "lost" not in read.columns:
        no, none = pl.lit(False), pl.lit(None, pl.String)
        read = read.with_columns(t=pl.int_ranges(0, pl.col("kl").list.len()), lost=no, several=none, changed=no)
    measured = pl.col("pmass").list
    rules = {
        "does not have the rows that klsurv wrote: the file was edited; save it without klsurv's metadata": (
            pl.col("changed")
        ),
        "comes twice": pl.struct(KEY).is_duplicated(),
        "has an alpha that is not finite": ~pl.col("alpha").is_finite(),
        "has a t that is null or not a whole number": pl.col("lost"),
        "has a t that comes twice: a column `cell` would tell cells apart": (
            pl.col("t").list.n_unique() != pl.col("t").list.len()
        ),
        "lacks a token: t must count 0, 1, 2, …": pl.col("t") != pl.int_ranges(0, pl.col("kl").list.len()),
        "has a fork that is null or not a whole number": pl.col("fork").list.agg(pl.element().is_null().any()),
        "has lists fork and pmass of different lengths": pl.col("fork").list.len() != measured.len(),
        "has forks that do not ascend from 0": pl.col("fork").list.agg(
            (pl.element().diff() <= 0).any() | (pl.element() < 0).any()
        ),
        "has a pmass outside [0, 1]": (measured.min() < -ROUNDING) | (measured.max() > 1 + ROUNDING),
        "has a negative gen_len": pl.col("gen_len") < 0,
        "has a window below 1": pl.col("window") < 1 - (pl.col("gen_len").max() == 0),
        "has a {fraction} that is not a whole number": pl.col("fraction").is_not_null(),
        "has several values of {several}": pl.col("several").is_not_null(),
    }
    for rule, broken in rules.items():
        bad = read.filter(broken).head(1)
        for row in bad.iter_rows(named=True):
            where = f"cell {clean(row['cell'])}, alpha {row['alpha']}, prompt {row['prompt']}"
            raise LayoutError(f"{where} {rule.format_map(row)}")


def check_ok(cells: pl.DataFrame) -> None:
    """Make sure that each cell of the table `cells` is `ok`.

    Raises:
        CellError: one is not; names the first.
    """
    for cell, status, reason in cells.filter(pl.col("status") != "ok").select("cell", "status", "reason").rows():
        raise CellError(reason or status, cell=cell)
