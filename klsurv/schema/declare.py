"""How a table is declared. In: names, dtypes, units, meanings. Out: `Table`, which frames, files and docs share."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl
from polars.datatypes import DataType, DataTypeClass

Dtype = DataType | DataTypeClass


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
    rows: str
    columns: tuple[Column, ...]

    @property
    def names(self) -> list[str]:
        """The column names in order."""
        return [column.name for column in self.columns]

    @property
    def schema(self) -> pl.Schema:
        """The columns as a polars schema."""
        return pl.Schema({column.name: column.dtype for column in self.columns})
