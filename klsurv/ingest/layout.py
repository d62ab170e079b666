"""Frames in the layout `long` or `trajectories`. In: one, and what its file says. Out: the tables `cells`, `source`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

import polars as pl

from klsurv.errors import LayoutError, NothingUsableError, first_line
from klsurv.ingest.sound import check_frame, check_types, wrong_column
from klsurv.names import clean
from klsurv.params import Selection
from klsurv.schema import CELL_FACTS, CELLS, FACTS, KEY, SOURCE
from klsurv.where import condition, keeps

_KL, _PMASS, _T = pl.col("kl"), pl.col("pmass"), pl.col("t")
_ALPHAS = CELLS.schema["alphas"]


def read_frame(
    frame: pl.LazyFrame,
    *,
    selection: Selection,
    cut: bool = True,
    cells: pl.DataFrame | None = None,
    rows: pl.DataFrame | None = None,
    empty: pl.DataFrame | None = None,
    facts: pl.DataFrame | None = None,
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The tables `cells` and `source` of a frame in the layout `trajectories` (lists) or `long` (a row per token).

    The columns cell, model, method, seed, window, target_kl, layer and gen_len may be absent: the cell is then `frame`,
    the window the longest rollout, and a rollout ends at its last finite KL. A NaN pmass is a fork that was not
    measured; in the long layout a null one is no fork. What lies beyond the length is padding and does not exist (R1);
    without `cut` it stays.

    A file of klsurv's own tells what its columns cannot: the facts of `cells`, of `rows` (cell, alpha, prompt, gen_len,
    fork, n_rows, n_pmass) where a fork has no pmass, which doses are `empty` (cell, empty), the `facts` of each
    trajectory (cell, alpha, prompt) where those of a cell have several. A trajectory of which the frame has none of its
    rows was taken out, and stays out, as do doses and cells of which nothing is left.

    Raises:
        LayoutError: a column is missing, of the wrong type or unreadable, a key is null or comes twice, a token is
            missing, a trajectory has several values of a fact, or a frame is not what `rows` says of it.
        NothingUsableError: no trajectory is left by the selection.
    """
    schema = frame.collect_schema()
    names = schema.names()
    long = "t" in names
    if missing := [name for name in ("alpha", "prompt", "kl", "pmass", "t" if long else "fork") if name not in names]:
        raise LayoutError(
            f"column {', '.join(missing)} is missing: expected the layout long (alpha, prompt, t, kl, pmass) "
            "or trajectories (alpha, prompt, kl, fork, pmass, the last three lists)"
        )
    check_types(schema)
    given = frame
    # Of whatever type a name is, of klsurv's own tables it is text, and they are joined.
    frame = frame.with_columns(cell=pl.col("cell").cast(pl.String) if "cell" in names else pl.lit("frame"))
    try:
        frame = _from_long(frame, rows) if long else frame
        if cells is not None:
            known, key = (cells.select("cell", *FACTS), ["cell"]) if facts is None else (facts, KEY)
            frame = frame.drop(FACTS, strict=False).join(known.lazy(), on=key, how="left")
        read = _complete(frame).collect()
    except pl.exceptions.PolarsError as error:
        # A file that it comes from may be damaged.
        unread = isinstance(error, pl.exceptions.ComputeError)
        what = "it cannot be read" if unread else f"a column has the wrong type{wrong_column(given)}"
        raise LayoutError(f"{what}: {first_line(error)}") from None
    check_frame(read)
    read, cells = _cleaned(read), None if cells is None else _cleaned(cells)
    told = _cells(read, cells, empty)
    told = told.filter(pl.col("cell").str.contains(selection.model_contains, literal=True))
    read = read.join(told.select("cell"), on="cell", how="semi", maintain_order="left")
    if selection.where is not None:
        told, read = _where(told, read, condition(selection.where))
        # Of a frame without cells it may be some of the only one.
        told = _cells(read, None) if cells is None else told
    if read.is_empty():
        raise NothingUsableError("no trajectory in the frame, or none left by the selection")
    return told, read.with_columns(_KL.list.head("gen_len") if cut else _KL).select(SOURCE.names)


def _from_long(frame: pl.LazyFrame, rows: pl.DataFrame | None) -> pl.LazyFrame:
    frame = frame.drop("is_fork", strict=False).with_columns(_whole(_T), is_row=pl.lit(True))
    if rows is None:
        frame = frame.with_columns(is_fork=_PMASS.is_not_null())
    else:
        forks = rows.lazy().select(*KEY, t="fork").explode("t").with_columns(is_fork=True)
        frame = frame.join(forks, on=[*KEY, "t"], how="full", coalesce=True)
    is_fork = pl.col("is_fork").fill_null(False)
    schema = frame.collect_schema()
    constant = [name for name in (*CELL_FACTS, "gen_len") if name in schema]
    # A number of a fact that some rows lack.
    frame = frame.with_columns(pl.col(name).fill_nan(None) for name in constant if schema[name].is_float())
    token = (_T <= _T.filter(_KL.is_not_null()).max()).fill_null(False)
    series = {
        "t": _T.filter(token),
        "lost": _T.is_null().any(),
        "kl": _KL.filter(token),
        "fork": _T.filter(is_fork),
        "pmass": _PMASS.filter(is_fork),
        "found": pl.col("is_row").sum().cast(pl.Int64),
        "stray": (_PMASS.is_not_null() & ~is_fork).any(),
        "with_pmass": _PMASS.is_not_null().sum().cast(pl.Int64),
        "several": _first(constant, lambda x: x.drop_nulls().n_unique() > 1),
    }
    grouped = frame.sort("t", maintain_order=True).group_by(KEY).agg(pl.col(constant).drop_nulls().first(), **series)
    if rows is None:
        return grouped.with_columns(changed=pl.lit(False))
    n, found, dose = pl.col("n_rows"), pl.col("found").fill_null(0), ["cell", "alpha"]
    lost = (n > 0) & (found == 0)
    # Whether one without rows was taken out is not known: as all others of its dose, or of its cell, were.
    alone = (n == 0).all().over(dose) & lost.any().over("cell")
    away = lost | (n == 0) & (lost.any().over(dose) | alone)
    others = (found != n) | (pl.col("with_pmass").fill_null(0) != pl.col("n_pmass")) | pl.col("stray").fill_null(False)
    return (
        rows.lazy()
        .select(*KEY, "gen_len", "n_rows", "n_pmass", known=True)
        .join(grouped.drop("gen_len", strict=False), on=KEY, how="full", coalesce=True)
        .filter(~away.fill_null(False))
        .with_columns(changed=pl.col("known").is_null() | others.fill_null(False))
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
    absent = [pl.lit(None).alias(name) for name in (*CELL_FACTS, "gen_len") if name not in names]
    told = ["t", "lost", "several", "changed"] if "t" in names else []
    whole = [name for name in ("seed", "window", "gen_len") if name in names]
    if "layer" in names:
        # As in run cells: what is not one layer is none.
        dtype = frame.collect_schema()["layer"]
        layer = pl.col("layer") if dtype.is_numeric() else pl.lit(None, pl.Int64)
        frame = frame.with_columns(layer=_whole(layer))
    lists = {name: SOURCE.schema[name] for name in ("kl", "fork", "pmass")}
    last_finite = (pl.element().is_finite().arg_true().last() + 1).fill_null(0)
    return (
        frame.with_columns(absent)
        .with_columns(fraction=_first(whole, lambda x: x.cast(pl.Float64).is_not_nan() & _whole(x).is_null()))
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
        .select(
            *(pl.col(name).cast(dtype) for name, dtype in SOURCE.schema.items()),
            pl.col("c_star").cast(pl.Float64).fill_nan(None),
            "fraction",
            *told,
        )
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
    """The frame with its names safe to show; a backslash stays, for klsurv's own tables have escaped it already.

    Raises:
        LayoutError: the names of two cells are then the same.
    """
    names = ["cell", "model", "method"]
    cells = frame.get_column("cell").unique().sort().to_list()
    shown = Counter(clean(cell, backslash=False) for cell in cells)
    if twice := [name for name, n in shown.items() if n > 1]:
        raise LayoutError(f"two cells are shown by one name, {twice[0]}: one spells out a character of the other")
    return frame.with_columns(
        pl.col(name).replace({text: clean(text, backslash=False) for text in frame[name].drop_nulls().unique()})
        for name in names
    )


def _cells(read: pl.DataFrame, told: pl.DataFrame | None, empty: pl.DataFrame | None = None) -> pl.DataFrame:
    """The table `cells`: what a footer tells, or the columns; a fact of which a cell has several is null."""
    sizes = read.group_by("cell", "alpha").agg(n=pl.len().cast(pl.Int64)).sort("cell", "alpha")
    there = sizes.group_by("cell", maintain_order=True).agg(n="n", there="alpha")
    if told is None:
        one = (pl.when(pl.col(name).n_unique() == 1).then(pl.col(name).first()).alias(name) for name in CELL_FACTS)
        told = read.group_by("cell", maintain_order=True).agg(*one, status=pl.lit("ok"), alphas=pl.lit([], _ALPHAS))
    if empty is not None:
        # Doses that a cell had in the file, and cells that had any, are those of which there is something.
        told = told.join(empty, on="cell", how="left", maintain_order="left")
        had = pl.col("empty").is_not_null() & (pl.col("alphas").list.len() > pl.col("empty").list.len())
        told = told.filter(~had | pl.col("cell").is_in(there.get_column("cell").implode()))
        told = told.with_columns(alphas=pl.coalesce("empty", "alphas"))
    both = pl.col("alphas").fill_null([]).list.set_union("there").list.sort()
    found = told.join(there, on="cell", how="left", maintain_order="left").with_columns(
        alphas=pl.when(pl.col("there").is_null()).then("alphas").otherwise(both), n_prompts=pl.col("n").list.max()
    )
    return found.select(
        pl.col(name) if name in found.columns else pl.lit(None, dtype).alias(name)
        for name, dtype in CELLS.schema.items()
    )
