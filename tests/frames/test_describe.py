from __future__ import annotations

from klsurv.frames.describe import describe
from klsurv.schema import TABLES


def test_each_column_of_the_tables_named_has_its_row_in_order() -> None:
    found = describe(["survival", "cells"])
    assert found.columns == ["table", "column", "dtype", "unit", "meaning"]
    assert found.rows() == [
        (name, column.name, str(column.dtype), column.unit, column.meaning)
        for name in ("survival", "cells")
        for column in TABLES[name].columns
    ]
