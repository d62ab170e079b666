"""Frames of one's own and parquet files. In: the layout `long` or `trajectories`. Out: the tables `cells`, `source`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from io import BytesIO, StringIO
from pathlib import Path

import polars as pl

from klsurv.errors import LayoutError, NothingUsableError, first_line
from klsurv.ingest.remote import Place, Remote
from klsurv.ingest.sound import check_frame, check_ok
from klsurv.names import clean
from klsurv.params import Selection
from klsurv.schema import CELLS, FACTS, FOOTER_CELLS, FOOTER_ROWS, FOOTER_TABLE, KEY, SOURCE, TRAJECTORIES
from klsurv.where import condition, keeps

_KL, _PMASS, _T = pl.col("kl"), pl.col("pmass"), pl.col("t")
_ALPHAS = CELLS.schema["alphas"]
# What klsurv says of each trajectory in a file of rows per token: what they cannot tell, and how many there are.
_ROWS = {**{name: TRAJECTORIES.schema[name] for name in (*KEY, "gen_len", "fork")}, "n_rows": pl.Int64()}


def read_parquet(
    path: Place, *, selection: Selection, strict: bool = False, cut: bool = True
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The tables `cells` and `source` of a parquet file that klsurv wrote, or that has the columns of a layout.

    Raises:
        LayoutError: it is no parquet file, or its columns are in neither layout.
        NothingUsableError: no cell is left by the selection.
        CellError: a cell was not `ok` when the file was written, and `strict`.
    """
    try:
        data = _fetched(path) if isinstance(path, Remote) else None
        footer = pl.read_parquet_metadata(_opened(path, data))
        told = {
            name: pl.read_json(StringIO(footer[key]), schema=schema)
            for name, key, schema in (
                ("cells", FOOTER_CELLS, CELLS.schema),
                ("rows", FOOTER_ROWS, _ROWS),
            )
            if key in footer
        }
        frame = pl.scan_parquet(_opened(path, data))
        frame.collect_schema()
    except (pl.exceptions.PolarsError, OSError) as error:
        raise LayoutError(f"{clean(str(path))} is not a parquet file (no other is read): {first_line(error)}") from None
    try:
        cells, source = read_frame(frame, selection=selection, cut=cut, **told)
    except LayoutError as error:
        held = f" holds the table {footer[FOOTER_TABLE]}" if FOOTER_TABLE in footer else ""
        raise LayoutError(f"{clean(str(path))}{held}: {error}") from None
    if strict:
        check_ok(cells)
    return cells, source


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
    measured; in the long layout a null one is no fork. `cells` and `rows` (cell, alpha, prompt, gen_len, fork, n_rows)
    tell what a long frame cannot: the facts of its cells, and where a fork has no pmass; a trajectory of which the
    frame has none of its rows was taken out, and stays out. What lies beyond the length is padding and does not exist
    (R1); without `cut` it stays.

    Raises:
        LayoutError: a column is missing or of the wrong type, a key is null or comes twice, a token is missing, a cell
            has several values of a fact, or a frame is not what `rows` says of it.
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
    check_frame(read)
    read, cells = _cleaned(read), None if cells is None else _cleaned(cells)
    told = _cells(read, cells)
    told = told.filter(pl.col("cell").str.contains(selection.model_contains, literal=True))
    read = read.join(told.select("cell"), on="cell", how="semi", maintain_order="left")
    if selection.where is not None:
        told, read = _where(told, read, condition(selection.where))
    if read.is_empty():
        raise NothingUsableError("no trajectory in the frame, or none left by the selection")
    return told, read.with_columns(_KL.list.head("gen_len") if cut else _KL).select(SOURCE.names)


def _from_long(frame: pl.LazyFrame, rows: pl.DataFrame | None) -> pl.LazyFrame:
    frame = frame.with_columns(_whole(_T), is_row=pl.lit(True))
    if rows is None:
        frame = frame.with_columns(is_fork=_PMASS.is_not_null())
    else:
        forks = rows.lazy().select(*KEY, t="fork").explode("t").with_columns(is_fork=True)
        frame = frame.join(forks, on=[*KEY, "t"], how="full", coalesce=True)
    is_fork = pl.col("is_fork").fill_null(False)
    constant = [name for name in (*FACTS, "gen_len") if name in frame.collect_schema().names()]
    token = (_T <= _T.filter(_KL.is_not_null()).max()).fill_null(False)
    if "gen_len" in constant:
        # A frame of pandas has null for NaN: with a row for all that was generated, each has a KL, if one that failed.
        length = pl.col("gen_len").cast(pl.Float64)
        generated = (_T < length).fill_null(False)
        token |= generated & (generated.sum() == length.first()).fill_null(False)
    series = {
        "t": _T.filter(token),
        "lost": _T.is_null().any(),
        "kl": _KL.filter(token),
        "fork": _T.filter(is_fork),
        "pmass": _PMASS.filter(is_fork),
        "found": pl.col("is_row").sum().cast(pl.Int64),
        "stray": (_PMASS.is_not_null() & ~is_fork).any(),
        "several": _first(constant, lambda x: x.ne_missing(x.first()).any()),
    }
    grouped = frame.sort("t", maintain_order=True).group_by(KEY).agg(pl.col(constant).first(), **series)
    if rows is None:
        return grouped.with_columns(changed=pl.lit(False))
    return (
        rows.lazy()
        .select(*KEY, "gen_len", "n_rows")
        .join(grouped.drop("gen_len", strict=False), on=KEY, how="full", coalesce=True)
        .filter((pl.col("found").fill_null(0) > 0) | (pl.col("n_rows") == 0))
        .with_columns(
            changed=pl.col("found").fill_null(0).ne_missing(pl.col("n_rows")) | pl.col("stray").fill_null(False)
        )
    )


def _whole(x: pl.Expr) -> pl.Expr:
    """The value as an integer, null where it is not a whole number: a cast would cut off its fraction."""
    number = x.cast(pl.Float64)
    return pl.when(number.is_finite() & (number == number.floor())).then(x).cast(pl.Int64)


def _first(names: Sequence[str], broken: Callable[[pl.Expr], pl.Expr]) -> pl.Expr:
    """The first of the columns of which something holds; null where there is none."""
    return pl.coalesce(pl.lit(None, pl.String), *(pl.when(broken(pl.col(name))).then(pl.lit(name)) for name in names))


def _complete(frame: pl.LazyFrame) -> pl.LazyFrame:
    """The frame with every column of `source`, cast, in the order of the key."""
    names = frame.collect_schema().names()
    absent = [pl.lit(None).alias(name) for name in (*FACTS, "gen_len") if name not in names]
    told = ["t", "lost", "several", "changed"] if "t" in names else []
    whole = [name for name in ("seed", "layer", "window", "gen_len") if name in names]
    lists = {name: SOURCE.schema[name] for name in ("kl", "fork", "pmass")}
    last_finite = (pl.element().is_finite().arg_true().last() + 1).fill_null(0)
    return (
        frame.with_columns(absent)
        .with_columns(fraction=_first(whole, lambda x: x.is_not_null() & _whole(x).is_null()))
        .with_columns(_whole(pl.col("prompt", *whole)), pl.col("fork").list.eval(_whole(pl.element())))
        # Of the two zeros one: they are one dose.
        .with_columns(pl.col("alpha").cast(pl.Float64).replace(0.0, 0.0))
        .with_columns(pl.col(name).cast(dtype).fill_null([]) for name, dtype in lists.items())
        .with_columns(
            _KL.list.eval(pl.element().fill_null(float("nan"))), _PMASS.list.eval(pl.element().fill_nan(None))
        )
        .with_columns(
            pl.coalesce(pl.col("gen_len").cast(pl.Int64), _KL.list.agg(last_finite).cast(pl.Int64).fill_null(0))
        )
        .with_columns(pl.coalesce(pl.col("window").cast(pl.Int64), pl.col("gen_len").max()))
        .select(*(pl.col(name).cast(dtype) for name, dtype in SOURCE.schema.items()), "fraction", *told)
        .sort(KEY, maintain_order=True)
    )


def _where(cells: pl.DataFrame, read: pl.DataFrame, expr: pl.Expr) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Those for which a condition holds: of trajectories by their own facts, as a frame may have several in a cell."""
    own = read.select("cell", *FACTS).unique(maintain_order=True)
    there = own.join(cells.drop(FACTS), on="cell", how="left", maintain_order="left").select(CELLS.names)
    kept = there.filter(keeps(there, expr)).select("cell", *FACTS)
    rest = cells.join(own, on="cell", how="anti", maintain_order="left")
    names = [*kept.get_column("cell"), *rest.filter(keeps(rest, expr)).get_column("cell")]
    return (
        cells.filter(pl.col("cell").is_in(names)),
        read.join(kept, on=["cell", *FACTS], how="semi", nulls_equal=True, maintain_order="left"),
    )


def _cleaned(frame: pl.DataFrame) -> pl.DataFrame:
    """The frame with its names safe to show; a backslash stays, for klsurv's own tables have escaped it already."""
    names = ["cell", "model", "method"]
    return frame.with_columns(
        pl.col(name).replace({text: clean(text, backslash=False) for text in frame[name].drop_nulls().unique()})
        for name in names
    )


def _cells(read: pl.DataFrame, told: pl.DataFrame | None) -> pl.DataFrame:
    """The table `cells`: what a footer tells, or the columns; a fact of which a cell has several is null."""
    sizes = read.group_by("cell", "alpha").agg(n=pl.len().cast(pl.Int64)).sort("cell", "alpha")
    there = sizes.group_by("cell", maintain_order=True).agg(n="n", there="alpha")
    if told is None:
        one = (pl.when(pl.col(name).n_unique() == 1).then(pl.col(name).first()).alias(name) for name in FACTS)
        told = read.group_by("cell", maintain_order=True).agg(*one, status=pl.lit("ok"), alphas=pl.lit([], _ALPHAS))
    # A dose of a footer without a trajectory is one too; where there is none at all, it is as it was.
    both = pl.col("alphas").fill_null([]).list.set_union("there").list.sort()
    found = told.join(there, on="cell", how="left", maintain_order="left").with_columns(
        alphas=pl.when(pl.col("there").is_null()).then("alphas").otherwise(both), n_prompts=pl.col("n").list.max()
    )
    return found.select(
        pl.col(name) if name in found.columns else pl.lit(None, dtype).alias(name)
        for name, dtype in CELLS.schema.items()
    )
