"""Tables of runs as files. In: `Runs` and the name of a table. Out: the file, written a cell at a time."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Unpack

import polars as pl

from klsurv.as_json import as_json
from klsurv.frames.long import long, n_rows, scored
from klsurv.frames.score import score
from klsurv.output.tables import write_partitions, write_table
from klsurv.params import Event, Scoring, ScoringOptions
from klsurv.runs import Runs
from klsurv.schema import (
    BY_CELL,
    FACTS,
    FOOTER_CELLS,
    FOOTER_EMPTY,
    FOOTER_FACTS,
    FOOTER_ROWS,
    FOOTER_TABLE,
    GROUP_COLUMNS,
    GROUPED,
    KEY,
    STATISTICS,
    TABLES,
    USABLE,
    Column,
    Table,
)
from klsurv.wording import death_in


def declared(name: str, by: Sequence[str] = ()) -> Table:
    """The table as declared; one that is grouped has the columns of its groups in front."""
    table = TABLES[name]
    groups: list[Column] = [GROUP_COLUMNS[group] for group in by] if name in GROUPED else []
    return Table(name, table.row_key, (*groups, *table.columns))


def save_table(
    table: pl.DataFrame,
    path: Path,
    *,
    name: str,
    by: Sequence[str],
    scoring: Scoring,
    event: Event,
    options: Mapping[str, object],
    runs: Runs,
) -> None:
    """Write a table that was computed; its footer says by which event and options, and with which warnings.

    Raises:
        OutputError: the file cannot be written.
    """
    footer = {
        FOOTER_TABLE: name,
        "klsurv.scoring": str(scoring),
        "klsurv.options": json.dumps(options, default=str, sort_keys=True),
        "klsurv.warnings": json.dumps(runs.warnings, ensure_ascii=False),
    }
    if what := death_in(name, scoring, event, options):
        footer["klsurv.event"] = what
    write_table(iter([table]), path, table=declared(name, by), footer=footer)


def export(
    runs: Runs,
    path: Path,
    *,
    name: str,
    by: Sequence[str] | None = None,
    partition_by: Sequence[str] = (),
    reading: Mapping[str, object] | None = None,
    **scoring: Unpack[ScoringOptions],
) -> int:
    """Write one table; returns its number of rows. Only one cell's long frame is in memory at a time.

    With `partition_by` (columns of a trajectory's key and of its cell) it becomes a directory of parquet files, which
    trajectories, long and scored can be.

    Statistics are those that the method of the name gives without further options; `by` of None leaves its groups.
    `reading` is what chose the runs, for the footer of statistics.

    Raises:
        NothingUsableError: no cell can be used.
        OutputError: the file cannot be written.
    """
    if name in STATISTICS:
        grouped = {} if by is None else {"by": by}
        # The bisection was done before anything was scored.
        answer = getattr(runs, name)(**({} if name == "bisection" else scoring), **grouped)
        groups = answer.columns[: answer.width - len(TABLES[name].columns)]
        options = {**(reading or {}), **scoring, **grouped}
        save_table(
            answer, path, name=name, by=groups, scoring=Scoring(**scoring), event=Event(), options=options, runs=runs
        )
        return int(answer.height)
    table = declared(name)
    rollouts, cells = runs.rollouts(), runs.cells()
    if name == "cells":
        pieces: Iterator[pl.DataFrame] = iter([cells])
    else:
        pieces = _by_cell(name, runs, Scoring(**scoring))
    if partition_by:
        facts = [fact for fact in partition_by if fact not in table.names]
        wider = Table(name, table.row_key, (*(GROUP_COLUMNS[fact] for fact in facts), *table.columns))
        # By trajectory: a cell of a frame may have several values of a fact.
        known = rollouts.select(*KEY, *facts)
        told = (piece.join(known, on=KEY, how="left", maintain_order="left").select(wider.names) for piece in pieces)
        # What the footer says of all rows is no use in each of many files.
        return write_partitions(told, path, table=wider, footer={FOOTER_TABLE: name}, by=partition_by)
    footer = {FOOTER_TABLE: name, "klsurv.scoring": str(Scoring(**scoring))}
    if name in BY_CELL:
        kept = pl.col("alphas").list.filter(pl.element().is_in(runs.alphas))
        of_file = cells.with_columns(kept)
        footer |= {FOOTER_CELLS: as_json(of_file), FOOTER_EMPTY: as_json(_empty(of_file, rollouts))}
        if rollouts.select("cell", *FACTS).n_unique() > rollouts.get_column("cell").n_unique():
            footer[FOOTER_FACTS] = as_json(rollouts.select(*KEY, *FACTS))
    if name in ("long", "scored"):
        told_rows = n_rows(rollouts.lazy()).select(*KEY, "gen_len", "fork", "n_rows", "n_pmass")
        footer[FOOTER_ROWS] = as_json(told_rows.collect())
    return write_table(pieces, path, table=table, footer=footer)


def _empty(cells: pl.DataFrame, rollouts: pl.DataFrame) -> pl.DataFrame:
    """Of each usable cell its doses without a trajectory (`empty`): others that a file lacks were taken out of it."""
    held = rollouts.group_by("cell").agg(held=pl.col("alpha").unique())
    usable = cells.filter(pl.col("status").is_in(USABLE)).join(held, on="cell", how="left", maintain_order="left")
    return usable.select("cell", empty=pl.col("alphas").list.set_difference(pl.col("held").fill_null([])))


def _by_cell(name: str, runs: Runs, scoring: Scoring) -> Iterator[pl.DataFrame]:
    for piece in runs.pieces():
        for part in piece.read().collect().partition_by("cell", maintain_order=True):
            rows = part.lazy()
            if name == "long":
                yield long(rows).collect()
            elif name == "scored":
                yield scored(rows, scoring=scoring).collect()
            else:
                yield score(rows, scoring=scoring).select(TABLES[name].names).collect()
