"""A parquet file that shall be run cells. In: it, and what was read of it. Out: what it says of cells, or a refusal."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from klsurv.errors import LayoutError, first_line
from klsurv.names import clean
from klsurv.schema import CELL_FACTS, CELLS, FACTS, FOOTER_CELLS, FOOTER_TABLE, KEY, LONG, TABLES

_KL, _PMASS = pl.col("kl"), pl.col("pmass")


def check_table(path: Path, cells: pl.DataFrame, source: pl.DataFrame) -> tuple[pl.DataFrame, list[str]]:
    """The table `cells` with what the file's columns say of them, and messages on what stays behind.

    Raises:
        LayoutError: the file has values that are not in `source`, several of a fact in one cell, or is damaged.
    """
    try:
        return _checked(path, cells, source)
    except pl.exceptions.PolarsError as error:
        raise LayoutError(f"{clean(str(path))} is damaged: {first_line(error)}") from None


def _checked(path: Path, cells: pl.DataFrame, source: pl.DataFrame) -> tuple[pl.DataFrame, list[str]]:
    frame = pl.scan_parquet(path, glob=False)
    names = frame.collect_schema().names()
    if "cell" not in names:
        frame = frame.with_columns(cell=pl.lit("frame"))
    footer = pl.read_parquet_metadata(path)
    told = FOOTER_CELLS in footer
    if not told:
        _one_each(frame, [name for name in CELL_FACTS if name in names])
        cells = _with_layers(cells, frame) if "layer" in names else cells
    _check_ends(source)
    messages = []
    if "t" in names:
        messages += _check_values(frame, source)
    known = {*LONG.names, "fork", "gen_len", *(FACTS if told else CELL_FACTS)}
    if footer.get(FOOTER_TABLE) in TABLES:
        # The rest of klsurv's own tables is made of these.
        known |= set(TABLES[footer[FOOTER_TABLE]].names)
    if further := [name for name in names if name not in known]:
        messages.append(f"left behind, as run cells have no place for it: column {clean(', '.join(further))}")
    return cells, messages


def _with_layers(cells: pl.DataFrame, frame: pl.LazyFrame) -> pl.DataFrame:
    """The table `cells` with the layers of the file, each a whole number: klsurv reads others as none."""
    # A name may be a number, which is read as text.
    found = frame.group_by(pl.col("cell").cast(pl.String)).agg(pl.col("layer").first()).collect()
    if found.schema["layer"].is_float():
        # As of the other facts, it is one that is not known.
        found = found.with_columns(pl.col("layer").fill_nan(None))
    try:
        exact = found.with_columns(pl.col("layer").cast(CELLS.schema["layer"]))
    except pl.exceptions.PolarsError as error:
        raise LayoutError(f"a column has the wrong type: {first_line(error)}") from None
    if not exact.select(pl.col("layer").cast(pl.Float64)).equals(found.select(pl.col("layer").cast(pl.Float64))):
        raise LayoutError("the column layer is not a whole number in each row")
    # The names of cells are cleaned on reading.
    exact = exact.with_columns(pl.col("cell").map_elements(lambda name: clean(name, backslash=False), pl.String))
    return cells.drop("layer").join(exact, on="cell", how="left").select(cells.columns)


def _one_each(frame: pl.LazyFrame, columns: Sequence[str]) -> None:
    """Make sure that a cell has one value of each of its facts."""
    for name in columns:
        several = frame.group_by("cell").agg(pl.col(name).n_unique()).filter(pl.col(name) > 1).head(1).collect()
        if not several.is_empty():
            cell = clean(str(several.get_column("cell")[0]))
            raise LayoutError(f"cell {cell} has several values of {name}, and a run cell has one")


def _check_ends(source: pl.DataFrame) -> None:
    past = source.filter(_KL.list.slice("gen_len").list.eval(pl.element().is_not_nan()).list.any()).head(1)
    if not past.is_empty():
        cell, alpha, prompt, length = past.select(*KEY, "gen_len").row(0)
        raise LayoutError(
            f"cell {clean(cell)}, alpha {alpha}, prompt {prompt} has KL past its gen_len of {length}, "
            "where a run cell has none: give it as NaN or leave it out, or say in a column gen_len how long it was"
        )


def _check_values(frame: pl.LazyFrame, source: pl.DataFrame) -> list[str]:
    """Make sure that each value of the file is in `source`; tell of tokens that had none."""
    held = frame.select(
        tokens=_KL.count(),
        kl=_KL.cast(pl.Float64).is_not_nan().sum(),
        pmass=_PMASS.cast(pl.Float64).is_not_nan().sum(),
    ).collect()
    kept = source.select(
        tokens=_KL.list.len().sum(),
        kl=_KL.list.head("gen_len").list.eval(pl.element().is_not_nan()).list.sum().sum(),
        pmass=_PMASS.list.drop_nulls().list.len().sum(),
    )
    for name in ("kl", "pmass"):
        lost = held[name].item() - kept[name].item()
        if lost:
            raise LayoutError(f"{lost} values of {name} belong to no trajectory that the file's footer knows")
    filled = kept["tokens"].item() - held["tokens"].item()
    return [f"{filled} tokens without KL (null) become NaN, a failed measurement"] if filled else []
