from __future__ import annotations

import subprocess
import sys

import polars as pl
import pytest

from klsurv.schema import KEY, TABLES, Table, typed
from klsurv.schema.measured import GROUP_COLUMNS, SOURCE


@pytest.mark.parametrize("table", [*TABLES.values(), SOURCE], ids=lambda table: table.name)
def test_a_dtype_is_what_polars_calls_it(table: Table) -> None:
    assert {name: str(dtype) for name, dtype in table.schema.items()} == {c.name: c.dtype for c in table.columns}


def test_some_columns_have_their_dtypes() -> None:
    assert typed(GROUP_COLUMNS[name] for name in KEY) == {"cell": pl.String, "alpha": pl.Float64, "prompt": pl.Int64}


def test_declarations_are_told_without_loading_polars() -> None:
    script = "import sys, klsurv.schema as s, klsurv.schema.describe as d, klsurv.output.rows as r\n"
    script += "r.show_texts(d.describe(s.TABLES), format='csv')\nassert 'polars' not in sys.modules"
    subprocess.run([sys.executable, "-c", script], check=True, stdout=subprocess.DEVNULL)
