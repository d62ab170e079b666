"""A store in place of run cells. In: its directory. Out: a source: rows without KL at once, KL cell by cell."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import polars as pl

from klsurv.errors import LayoutError, NothingUsableError, first_line
from klsurv.frames.score import measure
from klsurv.ingest.content import unreadable
from klsurv.ingest.remote import Place
from klsurv.ingest.sound import check_ok
from klsurv.params import Metric, Selection
from klsurv.schema import CELLS, KEY, SOURCE
from klsurv.source import EARLY, digests, pieces
from klsurv.store.bucket import Object, together
from klsurv.store.file import DAMAGED, SCHEMA, damaged
from klsurv.store.manifest import checked
from klsurv.store.order import Ordered, ordered
from klsurv.store.pin import Pin
from klsurv.where import condition, keeps

# Cells whose trajectories are looked at together without KL, with some of its first tokens.
_CELLS = 128
_ROLLOUTS = [name for name in SCHEMA.names() if name not in ("metric", "kl", "kl_digest")]


def read_store(path: Place, *, selection: Selection, strict: bool) -> Store:
    """The source that a store is, as it is now: what is written later is not seen.

    Raises:
        NothingUsableError: it holds no cell, or none is left by the selection.
        LayoutError: it was written by another version of klsurv, is damaged, or cannot be read.
        CellError: a cell is not `ok`, and `strict`.
    """
    entries = [entry for entry in checked(path) if selection.model_contains in entry.footer.cell]
    if not entries:
        raise NothingUsableError(f"no cell in the store has a name that contains {selection.model_contains!r}")
    cells = pl.DataFrame([entry.footer.cells[selection.metric] for entry in entries], schema=CELLS.schema)
    if selection.where is not None:
        cells = cells.filter(keeps(cells, condition(selection.where)))
        if cells.is_empty():
            raise NothingUsableError(f"no cell is left by where {selection.where!r}")
    if strict:
        check_ok(cells)
    kept = set(cells.get_column("cell"))
    usable = [e for e in entries if e.footer.cell in kept and selection.metric in e.footer.usable]
    return Store(cells, {entry.footer.cell: entry.file for entry in usable}, selection.metric)


@dataclass(frozen=True)
class Store:
    """A source on disk (see `klsurv.source.Source`): the files of its usable cells, by name in order."""

    cells: pl.DataFrame
    files: dict[str, Pin | Object]
    metric: Metric
    alphas: tuple[float, ...] | None = None

    @property
    def in_memory(self) -> bool:
        """It is on disk, or in a bucket."""
        return False

    def at(self, alphas: Sequence[float]) -> Store:
        """The same at some doses only."""
        return replace(self, alphas=tuple(alphas))

    def rollouts(self, *, early: int) -> Iterator[pl.DataFrame]:
        """Each trajectory measured, some cells at a time."""
        cells = list(self.files)
        for start in range(0, max(len(cells), 1), _CELLS):
            rows = self._rows(cells[start : start + _CELLS], _ROLLOUTS)
            if early <= EARLY:
                yield rows
                continue
            for piece in pieces(self, rows):
                yield measure(piece.read(), early=early).collect().select(_ROLLOUTS)

    def digests(self) -> pl.DataFrame:
        """The digest of each trajectory's KL."""
        return self._rows(list(self.files), [*KEY, "kl_digest"])

    def verify(self) -> None:
        """Compare all KL with its digests: what a disk has changed may still be a file that can be read.

        Raises:
            LayoutError: that of a cell is another.
        """
        for piece in pieces(self, self._rows(list(self.files), [*KEY, "length"])):
            rows = self.read(piece.cells, alphas=None, columns=[*KEY, "kl", "kl_digest"])
            others = rows.filter(digests(rows.lazy()) != rows.get_column("kl_digest")).get_column("cell")
            if not others.is_empty():
                cell = others[0]
                raise damaged(self.files[cell].at, ValueError("its KL is not what was ingested"), cell=cell)

    def read(
        self, cells: Sequence[str], *, alphas: Sequence[float] | None, columns: Sequence[str] = SOURCE.names
    ) -> pl.DataFrame:
        """The rows of some cells."""
        return self._rows(cells, columns, alphas)

    def ordered(self) -> Ordered | None:
        """KL in order, where every file has it; not in a bucket, of which each block would be asked for by itself."""
        files = {cell: file for cell, file in self.files.items() if isinstance(file, Pin)}
        return ordered(files, metric=self.metric) if len(files) == len(self.files) else None

    def only(self, cells: Sequence[str]) -> Store:
        """The files of some cells."""
        return replace(self, cells=self.cells.clear(), files={cell: self.files[cell] for cell in cells})

    def _rows(
        self, cells: Sequence[str], columns: Sequence[str], alphas: Sequence[float] | None = None
    ) -> pl.DataFrame:
        if not cells:
            return SCHEMA.to_frame().select(columns)
        try:
            return self._collected(cells, columns, alphas)
        except (*DAMAGED, OSError) as error:
            # Polars does not say which of the files it is.
            for cell in cells:
                self._tried(cell, columns, alphas)
            raise LayoutError(f"the store is damaged, and must be made anew: {first_line(error)}") from None

    def _tried(self, cell: str, columns: Sequence[str], alphas: Sequence[float] | None) -> None:
        """Read a cell's rows; raises `LayoutError`, which names its file, where that cannot be done."""
        try:
            self._collected([cell], columns, alphas)
        except DAMAGED as error:
            raise damaged(self.files[cell].at, error, cell=cell) from None
        except OSError as error:
            raise unreadable(self.files[cell].at, error) from None

    def _collected(self, cells: Sequence[str], columns: Sequence[str], alphas: Sequence[float] | None) -> pl.DataFrame:
        rows = self._scanned({cell: self.files[cell] for cell in cells}, columns, alphas or self.alphas)
        rows = rows.filter(pl.col("metric") == self.metric)
        for doses in (self.alphas, alphas):
            if doses is not None:
                # Polars passes over row groups that hold none of some values; of `is_in` it reads them all.
                rows = rows.filter(pl.any_horizontal(pl.col("alpha") == dose for dose in doses))
        return rows.select(columns).collect()

    def _scanned(
        self, files: Mapping[str, Pin | Object], columns: Sequence[str], alphas: Sequence[float] | None
    ) -> pl.LazyFrame:
        """Files of one store by cell, which are all in a bucket or all on disk."""
        objects = {cell: file for cell, file in files.items() if isinstance(file, Object)}
        if objects:
            wanted = list(dict.fromkeys([*columns, "metric", "alpha"]))
            return together(objects, wanted, metric=self.metric, alphas=alphas)
        return pl.scan_parquet([file.path for file in files.values() if isinstance(file, Pin)], glob=False)
