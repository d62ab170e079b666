from __future__ import annotations

from klsurv.schema import TABLES
from klsurv.schema.describe import describe


def test_each_column_of_the_tables_named_has_its_row_in_order() -> None:
    found = describe(["survival", "cells"])
    assert all(list(row) == ["table", "column", "dtype", "unit", "meaning"] for row in found)
    assert [tuple(row.values()) for row in found] == [
        (name, column.name, column.dtype, column.unit, column.meaning)
        for name in ("survival", "cells")
        for column in TABLES[name].columns
    ]
