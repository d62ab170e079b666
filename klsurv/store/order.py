"""KL of whole doses in order, in a store's file. In: its rows, a file. Out: bytes for the file, blocks of values in it.

A quantile of whole doses needs a few blocks of their values in order, where KL as it was measured must all be read.
They lie between the rows and the footer, where no reader of parquet looks: of each dose its marks (the least value of
each block, and the greatest of all), as many checksums (of each block, and of the marks) and its values, then a
directory as JSON (of each dose prompt set, alpha and number of values), its length, and `_MAGIC`. Numbers are of 8
bytes, the lowest first.
"""

from __future__ import annotations

import json
import os
import sys
from array import array
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, BinaryIO
from zlib import crc32

import polars as pl

from klsurv.ingest.content import unreadable
from klsurv.params import Metric
from klsurv.store.file import damaged
from klsurv.store.pin import Pin

_BLOCK = 256
_SIZE = 8
# It changes with the size of a block and with what is told of it, so that no file is read as another one.
_MAGIC = b"\nklsurv: order 2\n"
# A parquet file ends with the length of its footer and four letters.
_END, _LETTERS = 8, 4
# `at`: where the values begin in their file; `first`: which of all marks is the first of the dose.
_DOSES = {"cell": pl.String, "alpha": pl.Float64, "n": pl.Int64, "at": pl.Int64, "first": pl.Int64}


def add_order(parquet: BinaryIO, rows: pl.DataFrame) -> None:
    """To a file that holds these rows, before its footer, the finite KL of each dose in order."""
    at = _footer(parquet)
    parquet.seek(at)
    footer = parquet.read()
    parquet.seek(at)
    lists = pl.col("kl").list.len().sum()
    doses = rows.lazy().group_by("metric", "alpha", maintain_order=True).agg(lists).collect()
    kl = rows.get_column("kl").explode(empty_as_null=False, keep_nulls=False)
    directory, first = [], 0
    # The rows of a dose follow each other.
    for metric, alpha, n in doses.rows():
        x = kl.slice(first, n)
        x = x.filter(x.is_finite()).sort()
        marks, values = _written(x.gather_every(_BLOCK).append(x.tail(1))), _written(x)
        blocks = [values[at : at + _SIZE * _BLOCK] for at in range(0, len(values), _SIZE * _BLOCK)]
        # Of values that were changed nothing else tells: any number could be one.
        sums = [crc32(block) for block in [*blocks, marks]] if marks else []
        for numbers in (marks, _written(pl.Series(sums, dtype=pl.Float64)), values):
            parquet.write(numbers)
        directory.append((metric, alpha, x.len()))
        first += n
    told = json.dumps(directory).encode()
    parquet.write(b"".join([told, len(told).to_bytes(_SIZE, "little"), _MAGIC, footer]))


@dataclass(frozen=True)
class Ordered:
    """KL in order (see `klsurv.source.Ordered`): its doses, their marks and checksums, and its files, by cell."""

    doses: pl.DataFrame
    marks: pl.Series
    sums: pl.Series
    files: Mapping[str, Pin]

    def blocks(self, doses: pl.DataFrame) -> pl.DataFrame:
        """The blocks of some doses, whose other columns stay; `at` is where a block begins in its file."""
        n, first, mark = (pl.col(name) for name in ("n", "first", "mark"))
        last = first + _n_blocks(n)
        before = _BLOCK * (mark - first)
        blocks = doses.lazy().with_columns(mark=pl.int_ranges(first, last)).explode("mark", empty_as_null=False)
        return blocks.select(
            pl.exclude("n", "at", "first", "mark"),
            n=pl.min_horizontal(n - before, _BLOCK),
            at=pl.col("at") + _SIZE * before,
            least=pl.lit(self.marks).gather(mark),
            greatest=pl.lit(self.marks).gather(mark + 1),
            sum=pl.lit(self.sums).gather(mark),
        ).collect()

    def read(self, blocks: pl.DataFrame) -> pl.Series:
        """The values of some blocks, one block after the other.

        Raises:
            LayoutError: a file is damaged, was replaced, or cannot be read.
        """
        of_cell = defaultdict(list)
        for row, (cell, *block) in enumerate(blocks.select("cell", "at", "n", "sum").rows()):
            of_cell[cell].append((row, *block))
        values = [array("d")] * blocks.height
        for cell, wanted in of_cell.items():
            with _opened(cell, self.files) as file:
                for row, at, n, total in wanted:
                    told = _bytes(file, at, _SIZE * n)
                    _sure(crc32(told) == total)
                    values[row] = _numbers(told)
        return pl.Series("x", array("d", b"".join(values)), dtype=pl.Float64)


def ordered(files: Mapping[str, Pin], *, metric: Metric) -> Ordered | None:
    """KL in order of a prompt set in some files; None where one of them has none.

    Raises:
        LayoutError: a file is damaged, was replaced, or cannot be read.
    """
    doses, marks, sums = [], array("d"), array("d")
    for cell in files:
        with _opened(cell, files) as file:
            directory = _directory(file)
            if directory is None:
                return None
            at, told = directory
            for of, alpha, n in told:
                size = _SIZE * _n_marks(n)
                values = at + 2 * size
                if of == metric:
                    some = _bytes(file, at, 2 * size)
                    doses.append((cell, alpha, n, values, len(marks)))
                    marks += _numbers(some[:size])
                    sums += _numbers(some[size:])
                    _sure(n == 0 or sums[-1] == crc32(some[:size]))
                at = values + _SIZE * n
    return Ordered(
        pl.DataFrame(doses, schema=_DOSES, orient="row"),
        pl.Series(marks, dtype=pl.Float64),
        pl.Series(sums, dtype=pl.Float64),
        files,
    )


def _n_blocks(n: Any) -> Any:
    """Of so many values, a number or an expression; the last block may have fewer."""
    return (n + _BLOCK - 1) // _BLOCK


def _n_marks(n: int) -> int:
    """One for each block, and one at the end."""
    return int(_n_blocks(n) + (n > 0))


def _directory(file: BinaryIO) -> tuple[int, list[tuple[str, float, int]]] | None:
    """Where what is in order begins in a file, and its doses; None where there is none."""
    start = _footer(file) - _SIZE - len(_MAGIC)
    if start < 0 or _bytes(file, start + _SIZE, len(_MAGIC)) != _MAGIC:
        return None
    length = int.from_bytes(_bytes(file, start, _SIZE), "little")
    _sure(length <= start)
    try:
        told = [
            (str(metric), float(alpha), int(n)) for metric, alpha, n in json.loads(_bytes(file, start - length, length))
        ]
    except (OverflowError, RecursionError, TypeError, ValueError):
        raise _DamageError from None
    _sure(all(n >= 0 for _, _, n in told))
    begin = start - length - _SIZE * sum(2 * _n_marks(n) + n for _, _, n in told)
    _sure(begin >= 0)
    return begin, told


def _footer(file: BinaryIO) -> int:
    """Where the footer of a parquet file begins."""
    _sure(file.seek(0, os.SEEK_END) >= _END)
    end = file.seek(-_END, os.SEEK_END)
    return end - int.from_bytes(file.read(_END - _LETTERS), "little")


def _written(numbers: pl.Series) -> bytes:
    """Numbers as they are in a file."""
    told: bytes = numbers.to_numpy().astype("<f8", copy=False).tobytes()
    return told


def _numbers(told: bytes) -> array[float]:
    """Numbers that were written so."""
    numbers = array("d", told)
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers


def _bytes(file: BinaryIO, at: int, n: int) -> bytes:
    """So many bytes from there on."""
    file.seek(at)
    read = file.read(n)
    _sure(len(read) == n)
    return read


class _DamageError(Exception):
    """What is in order is not as it was written."""


def _sure(true: bool) -> None:
    if not true:
        raise _DamageError


@contextmanager
def _opened(cell: str, files: Mapping[str, Pin]) -> Iterator[BinaryIO]:
    """The file of a cell, while some of it is read.

    Raises:
        LayoutError: it is damaged, was replaced, or cannot be read.
    """
    try:
        with files[cell].open() as file:
            yield file
    except _DamageError:
        raise damaged(files[cell].at, ValueError("its KL is not in order"), cell=cell) from None
    except OSError as error:
        raise unreadable(files[cell].at, error) from None
