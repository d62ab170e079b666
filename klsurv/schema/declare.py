"""How a table is declared. In: names, dtypes, units, meanings. Out: `Table`, which frames, files and docs share."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import polars as pl

# As polars writes them: declarations can be told without loading it.
Dtype = Literal["String", "Int64", "Float64", "Boolean", "List(Int64)", "List(Float64)"]


@dataclass(frozen=True)
class Column:
    """One column: what it is called, holds, is measured in and means (what null means included)."""

    name: str
    dtype: Dtype
    unit: str
    meaning: str


@dataclass(frozen=True)
class Table:
    """One table: its row key and its columns in order."""

    name: str
    row_key: str
    columns: tuple[Column, ...]

    @property
    def names(self) -> list[str]:
        """The column names in order."""
        return [column.name for column in self.columns]

    @property
    def nested(self) -> bool:
        """Whether a column holds lists, which csv cannot."""
        return any(column.dtype.startswith("List") for column in self.columns)

    @property
    def schema(self) -> pl.Schema:
        """The columns as a polars schema."""
        return typed(self.columns)


def typed(columns: Iterable[Column]) -> pl.Schema:
    """Some columns as a polars schema."""
    import polars as pl

    plain = {"String": pl.String(), "Int64": pl.Int64(), "Float64": pl.Float64(), "Boolean": pl.Boolean()}
    dtypes = plain | {f"List({name})": pl.List(inner) for name, inner in plain.items()}
    return pl.Schema({column.name: dtypes[column.dtype] for column in columns})
