"""Frames of one's own and parquet files. In: the layout `long` or `trajectories`. Out: the tables `cells`, `source`."""

from __future__ import annotations

from io import BytesIO, StringIO
from pathlib import Path

import polars as pl

from klsurv.errors import LayoutError, NothingUsableError, first_line
from klsurv.ingest.remote import Place, Remote
from klsurv.ingest.values import ROUNDING
from klsurv.names import clean
from klsurv.params import Selection
from klsurv.schema import CELLS, FACTS, FOOTER_CELLS, FOOTER_ROWS, FOOTER_TABLE, KEY, SOURCE, TRAJECTORIES
from klsurv.where import condition, holds

_KL, _PMASS, _T = pl.col("kl"), pl.col("pmass"), pl.col("t")


def read_parquet(path: Place, *, selection: Selection, cut: bool = True) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The tables `cells` and `source` of a parquet file that klsurv wrote, or that has the columns of a layout.

    Raises:
        LayoutError: it is no parquet file, or its columns are in neither layout.
        NothingUsableError: no cell is left by the selection.
    """
    try:
        data = _fetched(path) if isinstance(path, Remote) else None
        footer = pl.read_parquet_metadata(_opened(path, data))
        told = {
            name: pl.read_json(StringIO(footer[key]), schema=schema)
            for name, key, schema in (
                ("cells", FOOTER_CELLS, CELLS.schema),
                ("rows", FOOTER_ROWS, {name: TRAJECTORIES.schema[name] for name in (*KEY, "gen_len", "fork")}),
            )
            if key in footer
        }
        frame = pl.scan_parquet(_opened(path, data))
        frame.collect_schema()
    except (pl.exceptions.PolarsError, OSError) as error:
        raise LayoutError(f"{clean(str(path))} is not a parquet file: {first_line(error)}") from None
    try:
        return read_frame(frame, selection=selection, cut=cut, **told)
    except LayoutError as error:
        held = f" holds the table {footer[FOOTER_TABLE]}" if FOOTER_TABLE in footer else ""
        raise LayoutError(f"{clean(str(path))}{held}: {error}") from None


def _fetched(path: Remote) -> bytes:
    data = path.read(path.stat())
    if data is None:
        raise LayoutError(f"{clean(str(path))} was replaced while it was read: run it again")
    return data


def _opened(path: Place, data: bytes | None) -> Path | BytesIO:
    return BytesIO(data or b"") if isinstance(path, Remote) else path


def read_frame(
    frame: pl.LazyFrame,
    *,
    selection: Selection,
    cut: bool = True,
    cells: pl.DataFrame | None = None,
    rows: pl.DataFrame | None = None,
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The tables `cells` and `source` of a frame in the layout `trajectories` (lists) or `long` (a row per token).

    The columns cell, model, method, seed, window, target_kl, layer and gen_len may be absent: the cell is then `frame`,
    the window the longest rollout, and a rollout ends at its last finite KL. A NaN pmass is a fork that was not
    measured; in the long layout a null one is no fork. `cells` and `rows` (cell, alpha, prompt, gen_len, fork) tell
    what a long frame cannot: the facts of its cells, and where a fork has no pmass. What lies beyond the length is
    padding and does not exist (R1); without `cut` it stays.

    Raises:
        LayoutError: a column is missing or of the wrong type, a key is null or comes twice, or a token is missing.
        NothingUsableError: no trajectory is left by the selection.
    """
    names = frame.collect_schema().names()
    long = "t" in names
    if missing := [name for name in ("alpha", "prompt", "kl", "pmass", "t" if long else "fork") if name not in names]:
        raise LayoutError(
            f"column {', '.join(missing)} is missing: expected the layout long (alpha, prompt, t, kl, pmass) "
            "or trajectories (alpha, prompt, kl, fork, pmass, the last three lists)"
        )
    if "cell" not in names:
        frame = frame.with_columns(cell=pl.lit("frame"))
    try:
        frame = _from_long(frame, rows) if long else frame
        if cells is not None:
            frame = frame.drop(FACTS, strict=False).join(cells.lazy().select("cell", *FACTS), on="cell", how="left")
        read = _complete(frame).collect()
    except pl.exceptions.PolarsError as error:
        raise LayoutError(f"a column has the wrong type: {first_line(error)}") from None
    _check(read)
    read, cells = _cleaned(read), None if cells is None else _cleaned(cells)
    told = _cells(read) if cells is None else cells
    told = told.filter(pl.col("cell").str.contains(selection.model_contains, literal=True))
    if selection.where is not None:
        told = told.filter(holds(told, condition(selection.where)))
    read = read.join(told.select("cell"), on="cell", how="semi", maintain_order="left")
    if read.is_empty():
        raise NothingUsableError("no trajectory in the frame, or none left by the selection")
    return told, read.with_columns(_KL.list.head("gen_len") if cut else _KL).select(SOURCE.names)


def _from_long(frame: pl.LazyFrame, rows: pl.DataFrame | None) -> pl.LazyFrame:
    frame = frame.with_columns(_whole(_T))
    if rows is None:
        frame = frame.with_columns(is_fork=_PMASS.is_not_null())
    else:
        forks = rows.lazy().select(*KEY, t="fork").explode("t").with_columns(is_fork=True)
        frame = frame.join(forks, on=[*KEY, "t"], how="full", coalesce=True)
    is_fork = pl.col("is_fork").fill_null(False)
    token = (_T <= _T.filter(_KL.is_not_null()).max()).fill_null(False)
    constant = [name for name in (*FACTS, "gen_len") if name in frame.collect_schema().names()]
    series = {
        "t": _T.filter(token),
        "lost": _T.is_null().any(),
        "kl": _KL.filter(token),
        "fork": _T.filter(is_fork),
        "pmass": _PMASS.filter(is_fork),
    }
    grouped = frame.sort("t", maintain_order=True).group_by(KEY).agg(pl.col(constant).first(), **series)
    if rows is None:
        return grouped
    return rows.lazy().select(*KEY, "gen_len").join(grouped.drop("gen_len", strict=False), on=KEY, how="left")


def _whole(x: pl.Expr) -> pl.Expr:
    """The value as an integer, null where it is not a whole number: a cast would cut off its fraction."""
    number = x.cast(pl.Float64)
    return pl.when(number == number.floor()).then(number).cast(pl.Int64)


def _complete(frame: pl.LazyFrame) -> pl.LazyFrame:
    """The frame with every column of `source`, cast, in the order of the key."""
    names = frame.collect_schema().names()
    absent = [pl.lit(None).alias(name) for name in (*FACTS, "gen_len") if name not in names]
    check = ["t", "lost"] if "t" in names else []
    lists = {name: SOURCE.schema[name] for name in ("kl", "fork", "pmass")}
    last_finite = (pl.element().is_finite().arg_true().last() + 1).fill_null(0)
    return (
        frame.with_columns(absent)
        .with_columns(_whole(pl.col("prompt")), pl.col("fork").list.eval(_whole(pl.element())))
        .with_columns(pl.col(name).cast(dtype).fill_null([]) for name, dtype in lists.items())
        .with_columns(
            _KL.list.eval(pl.element().fill_null(float("nan"))), _PMASS.list.eval(pl.element().fill_nan(None))
        )
        .with_columns(pl.coalesce(_whole(pl.col("gen_len")), _KL.list.agg(last_finite).cast(pl.Int64).fill_null(0)))
        .with_columns(pl.coalesce(pl.col("window").cast(pl.Int64), pl.col("gen_len").max()))
        .select(*(pl.col(name).cast(dtype) for name, dtype in SOURCE.schema.items()), *check)
        .sort(KEY, maintain_order=True)
    )


def _check(read: pl.DataFrame) -> None:
    if read.select(KEY).null_count().sum_horizontal().item():
        raise LayoutError("cell, alpha or prompt is null in a row, or prompt is not a whole number")
    if "lost" not in read.columns:
        read = read.with_columns(t=pl.int_ranges(0, _KL.list.len()), lost=pl.lit(False))
    measured = pl.col("pmass").list
    rules = {
        "comes twice": pl.struct(KEY).is_duplicated(),
        "has an alpha that is not finite": ~pl.col("alpha").is_finite(),
        "has a t that is null or not a whole number": pl.col("lost"),
        "lacks a token: t must count 0, 1, 2, …": pl.col("t") != pl.int_ranges(0, _KL.list.len()),
        "has a fork that is null or not a whole number": pl.col("fork").list.agg(pl.element().is_null().any()),
        "has lists fork and pmass of different lengths": pl.col("fork").list.len() != measured.len(),
        "has forks that do not ascend from 0": pl.col("fork").list.agg(
            (pl.element().diff() <= 0).any() | (pl.element() < 0).any()
        ),
        "has a pmass outside [0, 1]": (measured.min() < -ROUNDING) | (measured.max() > 1 + ROUNDING),
        "has a negative gen_len": pl.col("gen_len") < 0,
    }
    for rule, broken in rules.items():
        bad = read.filter(broken).head(1)
        if not bad.is_empty():
            cell, alpha, prompt = bad.select(KEY).row(0)
            raise LayoutError(f"cell {clean(cell)}, alpha {alpha}, prompt {prompt} {rule}")


def _cleaned(frame: pl.DataFrame) -> pl.DataFrame:
    """The frame with its names safe to show; a backslash stays, for klsurv's own tables have escaped it already."""
    names = ["cell", "model", "method"]
    return frame.with_columns(
        pl.col(name).replace({text: clean(text, backslash=False) for text in frame[name].drop_nulls().unique()})
        for name in names
    )


def _cells(read: pl.DataFrame) -> pl.DataFrame:
    found = read.group_by("cell", maintain_order=True).agg(
        pl.col(FACTS).first(),
        n_prompts=pl.col("prompt").n_unique().cast(pl.Int64),
        alphas=pl.col("alpha").unique().sort(),
        status=pl.lit("ok"),
    )
    return found.select(
        pl.col(name) if name in found.columns else pl.lit(None, dtype).alias(name)
        for name, dtype in CELLS.schema.items()
    )
