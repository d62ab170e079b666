"""Whether what was read is sound. In: columns, trajectories or cells. Out: nothing, or an error that names one."""

from __future__ import annotations

import polars as pl

from klsurv.errors import CellError, LayoutError
from klsurv.ingest.values import ROUNDING
from klsurv.names import clean
from klsurv.schema import KEY, SOURCE

_NUMBERS = ("alpha", "prompt", "t", "kl", "pmass", "fork", "gen_len", "seed", "window", "target_kl", "c_star")
_LISTS = ("kl", "fork", "pmass")
_TEXT = ("cell", "model", "method")


def check_types(schema: pl.Schema) -> None:
    """Make sure that each column may hold what its name says; that text spells numbers is seen when it is read.

    Polars would take a time or a truth value for a number; of others, such as categories, it says what it cannot do,
    and not with which.

    Raises:
        LayoutError: one may not; names it.
    """
    for name, dtype in schema.items():
        if name in _LISTS and "t" not in schema:
            # A list of forks is looked into before it is cast.
            either = pl.List if name == "fork" else (pl.List, pl.Array)
            what, good = "lists of numbers", isinstance(dtype, either) and _may_be_number(dtype.inner)
            good |= dtype == pl.Null and name != "fork"
        elif name in _NUMBERS:
            what, good = "numbers", _may_be_number(dtype)
        elif name in _TEXT:
            what, good = "text", not isinstance(dtype, (pl.List, pl.Array, pl.Object))
        else:
            what, good = "numbers", name != "layer" or dtype != pl.Object
        if not good:
            # Of categories it names each.
            shown = str(dtype).lower()
            shown = shown if len(shown) <= 60 else shown[:59] + "…"
            raise LayoutError(f"a column has the wrong type: {name} is {shown}, not {what}")


def _may_be_number(dtype: pl.DataType | pl.datatypes.DataTypeClass) -> bool:
    odd = (pl.Boolean, pl.Binary, pl.Object, pl.Categorical, pl.Enum)
    return not (dtype.is_nested() or dtype.is_temporal() or dtype.base_type() in odd)


def wrong_column(frame: pl.LazyFrame) -> str:
    """Which column has text that spells no number, after a colon; empty for those that polars names itself."""
    schema = frame.collect_schema()
    for name in ("kl", "pmass"):
        dtype = pl.Float64() if "t" in schema else SOURCE.schema[name]
        try:
            frame.select(pl.col(name).cast(dtype)).collect()
        except pl.exceptions.PolarsError:
            return f": {name}"
    return ""


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
