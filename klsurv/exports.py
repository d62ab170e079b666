"""Tables of runs as files. In: `Runs` and the name of a table. Out: the file, written a cell at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Unpack

import polars as pl

from klsurv.frames.long import long, scored
from klsurv.frames.score import score
from klsurv.output.tables import write_table
from klsurv.params import Scoring, ScoringOptions
from klsurv.runs import Runs
from klsurv.schema import FOOTER_CELLS, FOOTER_ROWS, FOOTER_TABLE, GROUP_COLUMNS, KEY, TABLES, Column, Table


def declared(name: str, by: Sequence[str] = ()) -> Table:
    """The table as declared; a summary has the columns of its groups in front."""
    table = TABLES[name]
    groups: list[Column] = [GROUP_COLUMNS[group] for group in by] if name == "summary" else []
    return Table(name, table.rows, (*groups, *table.columns))


def export(runs: Runs, path: Path, *, name: str, by: Sequence[str], **scoring: Unpack[ScoringOptions]) -> int:
    """Write one table; returns its number of rows. Only one cell's long frame is in memory at a time.

    Raises:
        NothingUsableError: no cell can be used.
        OutputError: the file cannot be written.
    """
    table = declared(name, by)
    source, cells = runs.source(), runs.cells()
    footer = {FOOTER_TABLE: name, "klsurv.scoring": str(Scoring(**scoring))}
    if name in ("trajectories", "long", "scored"):
        kept = pl.col("alphas").list.filter(pl.element().is_in(runs.alphas))
        footer[FOOTER_CELLS] = cells.with_columns(kept).write_json()
    if name in ("long", "scored"):
        footer[FOOTER_ROWS] = source.select(*KEY, "gen_len", "fork").write_json()
    if name == "cells":
        pieces: Iterator[pl.DataFrame] = iter([cells])
    elif name == "summary":
        pieces = iter([runs.summary(by, **scoring)])
    else:
        pieces = _by_cell(name, source, Scoring(**scoring))
    return write_table(pieces, path, table=table, footer=footer)


def _by_cell(name: str, source: pl.DataFrame, scoring: Scoring) -> Iterator[pl.DataFrame]:
    for part in source.partition_by("cell", maintain_order=True):
        rows = part.lazy()
        if name == "long":
            yield long(rows).collect()
        elif name == "scored":
            yield scored(rows, scoring=scoring).collect()
        else:
            yield score(rows, scoring=scoring).select(TABLES[name].names).collect()
