"""What was known at forks. In: pieces with their KL, person-forks, a question. Out: its answers, piece by piece."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from functools import partial

import polars as pl

from klsurv.analysis.base import of_cells
from klsurv.fanout import Progress, each
from klsurv.schema import KEY
from klsurv.source import Piece

AtFork = Callable[[pl.LazyFrame, int], pl.LazyFrame]


def at_forks(
    pieces: Sequence[Piece],
    ask: AtFork,
    lives: pl.DataFrame,
    rows: pl.DataFrame,
    *,
    reader: Executor | None,
    progress: Progress | None = None,
) -> Iterator[pl.DataFrame]:
    """What is asked of the person-forks `rows` at each fork, with the `kl` of their lives (by their index `row`)."""
    forks = rows.get_column("fork").unique().sort().to_list()
    given = ((piece, rows_of(lives, piece)) for piece in pieces)
    tasks = ((piece, index, rows.join(index, on="row", how="semi", maintain_order="left")) for piece, index in given)
    for done, found in enumerate(each(reader, partial(_asked, ask=ask, forks=forks), tasks), 1):
        yield from found
        if progress is not None:
            progress(done, len(pieces))


def rows_of(lives: pl.DataFrame, piece: Piece) -> pl.DataFrame:
    """The index `row` of each trajectory of a piece, by its key."""
    return of_cells(lives, piece).select(*KEY, "row")


def with_kl(piece: Piece, index: pl.DataFrame) -> pl.LazyFrame:
    """`row` of each trajectory of the piece, and its `kl`."""
    return piece.kl().join(index.lazy(), on=KEY, maintain_order="left").select("row", "kl")


def _asked(task: tuple[Piece, pl.DataFrame, pl.DataFrame], *, ask: AtFork, forks: Sequence[int]) -> list[pl.DataFrame]:
    """Of a piece, what is asked of its rows at each fork, with `kl`."""
    piece, index, rows = task
    held = with_kl(piece, index).collect().lazy()
    at_each = (rows.lazy().filter(pl.col("fork") == fork).join(held, on="row", maintain_order="left") for fork in forks)
    return [ask(at_fork, fork).collect() for fork, at_fork in zip(forks, at_each, strict=True)]
