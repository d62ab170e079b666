"""Where trajectories come from. In: tables or a store. Out: what is known without KL, and KL in pieces."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import polars as pl
from polars.io.plugins import register_io_source

from klsurv.frames.score import measure
from klsurv.schema import KEY, SOURCE

# Early tokens of KL that a store has at hand: the default scoring needs 85 of them.
EARLY = 128
# Tokens whose KL is in memory at a time (64 MB); a piece is made of whole cells, and of one at least.
_PIECE = 8_000_000


class Ordered(Protocol):
    """The finite KL of each dose of each cell, inside the length, in order, so that a part of it can be read."""

    @property
    def doses(self) -> pl.DataFrame:
        """One row per cell and alpha, how many values it has (`n`), and what `blocks` needs."""

    def blocks(self, doses: pl.DataFrame) -> pl.DataFrame:
        """The blocks of some doses: `n`, between which two all are (`least`, `greatest`: nats), what `read` needs."""

    def read(self, blocks: pl.DataFrame) -> pl.Series:
        """The values of some blocks (nats), one block after the other."""


class Source(Protocol):
    """Trajectories of many cells. `cells` is the table of that name; rows come by cell, alpha and prompt."""

    @property
    def cells(self) -> pl.DataFrame:
        """The table `cells`."""

    @property
    def in_memory(self) -> bool:
        """Whether KL was read already, so that it would take longer to send it than to look at it."""

    def at(self, alphas: Sequence[float]) -> Source:
        """The same at some doses only; every cell is still told of."""

    def rollouts(self, *, early: int) -> Iterator[pl.DataFrame]:
        """Each trajectory measured (`frames.score.measure`), in parts; of KL no more than `early`."""

    def digests(self) -> pl.DataFrame:
        """cell, alpha, prompt and `kl_digest`, which is equal for equal KL."""

    def verify(self) -> None:
        """Look at all KL; raises `LayoutError` where it is not what the run cells held."""

    def read(
        self, cells: Sequence[str], *, alphas: Sequence[float] | None, columns: Sequence[str] = SOURCE.names
    ) -> pl.DataFrame:
        """The table `source`, or some columns of it, of some cells, at all doses or some; KL ends with its length."""

    def ordered(self) -> Ordered | None:
        """KL in order, where it is at hand of every cell."""

    def only(self, cells: Sequence[str]) -> Source:
        """The part of it that is needed to read some cells, to be sent to another process."""


@dataclass(frozen=True)
class Held:
    """A source in memory: the tables `cells` and `source`."""

    cells: pl.DataFrame
    source: pl.DataFrame

    @property
    def in_memory(self) -> bool:
        """It was: the tables hold it."""
        return True

    def at(self, alphas: Sequence[float]) -> Held:
        """The same at some doses only."""
        return Held(self.cells, self.source.filter(pl.col("alpha").is_in(alphas)))

    def rollouts(self, *, early: int) -> Iterator[pl.DataFrame]:
        """Each trajectory measured, so many at a time that not all of their early KL is looked at together."""
        longest = self.source.select(pl.col("kl").list.len().max().fill_null(0)).item()
        rows = max(1, _PIECE // max(min(early, longest), 1))
        for start in range(0, max(self.source.height, 1), rows):
            yield measure(self.source.slice(start, rows).lazy(), early=early).drop("kl").collect()

    def digests(self) -> pl.DataFrame:
        """The digest of each trajectory's KL."""
        return self.source.select(KEY).with_columns(digests(self.source.lazy()))

    def verify(self) -> None:
        """It was read just now."""

    def read(
        self, cells: Sequence[str], *, alphas: Sequence[float] | None, columns: Sequence[str] = SOURCE.names
    ) -> pl.DataFrame:
        """The rows of some cells."""
        rows = self.source.lazy()
        if self.source.get_column("cell").n_unique() > len(cells):
            rows = rows.filter(pl.col("cell").is_in(cells))
        if alphas is not None:
            rows = rows.filter(pl.col("alpha").is_in(alphas))
        return rows.select(columns).collect()

    def ordered(self) -> None:
        """Not at hand."""

    def only(self, cells: Sequence[str]) -> Held:
        """All of it: what is in memory is not sent anywhere."""
        return self


@dataclass(frozen=True)
class Piece:
    """Some cells of a source, which are not read yet, so that a piece can be sent to another process."""

    source: Source
    cells: tuple[str, ...]
    alphas: tuple[float, ...] | None = None

    def read(self) -> pl.LazyFrame:
        """The table `source` of these cells."""
        return self.source.read(self.cells, alphas=self.alphas).lazy()

    def kl(self) -> pl.LazyFrame:
        """Of these cells cell, alpha, prompt and the list `kl` (nats)."""
        return self.source.read(self.cells, alphas=self.alphas, columns=(*KEY, "kl")).lazy()


def beside_kl(rows: pl.LazyFrame, known: pl.LazyFrame) -> pl.LazyFrame:
    """What is known of each trajectory, by cell, alpha and prompt, and beside it its `kl`; rows and order stay."""
    # Keys alone are joined, as that would copy the lists.
    keyed = rows.select(KEY).join(known, on=KEY, how="left", maintain_order="left")
    return pl.concat([keyed, rows.select("kl")], how="horizontal")


def pieces(source: Source, rollouts: pl.DataFrame, *, alphas: Sequence[float] | None = None) -> list[Piece]:
    """The cells in `rollouts`, some together; all where they are small; an empty piece where none is."""
    if alphas is not None:
        rollouts = rollouts.filter(pl.col("alpha").is_in(alphas))
    doses = None if alphas is None else tuple(alphas)
    sizes = rollouts.group_by("cell", maintain_order=True).agg(pl.col("length").sum())
    together: list[list[str]] = []
    tokens = 0
    for cell, n in sizes.rows():
        if not together or tokens + n > _PIECE:
            together.append([])
            tokens = 0
        together[-1].append(cell)
        tokens += n
    return [Piece(source.only(cells), tuple(cells), doses) for cells in together or [[]]]


def streamed(
    parts: Callable[[], Sequence[Piece]], ask: Callable[[pl.LazyFrame], pl.LazyFrame], *, schema: pl.Schema
) -> pl.LazyFrame:
    """What is asked of each piece, one below the other, made when it is collected and never all at once."""

    def made(
        columns: list[str] | None, predicate: pl.Expr | None, n_rows: int | None, batch_size: int | None
    ) -> Iterator[pl.DataFrame]:
        for piece in parts():
            rows = ask(piece.read())
            if n_rows is not None:
                # The first of all rows, of which the predicate then takes some: in the other order polars asks for all.
                first = rows.head(n_rows).collect()
                n_rows -= first.height
                rows = first.lazy()
            rows = rows if predicate is None else rows.filter(predicate)
            rows = rows if columns is None else rows.select(columns)
            yield rows.collect()
            if n_rows == 0:
                return

    return register_io_source(made, schema=schema, is_pure=True)


def digests(source: pl.LazyFrame) -> pl.Series:
    """A number for each row's KL. Polars' own hash may be another in its next version."""
    kl = source.select("kl").collect().to_series()
    values = kl.list.explode(keep_nulls=False, empty_as_null=False).to_numpy().data
    ends = kl.list.len().cum_sum().to_list()
    numbers = (
        int.from_bytes(hashlib.blake2b(values[start:end], digest_size=8).digest(), "little")
        for start, end in zip([0, *ends], ends, strict=False)
    )
    return pl.Series("kl_digest", list(numbers), dtype=pl.UInt64)
