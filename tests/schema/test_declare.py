from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

import klsurv
from klsurv.schema import KEY, TABLES, Table, typed
from klsurv.schema.measured import GROUP_COLUMNS, SOURCE
from tests.analysis.lived import frame, life
from tests.generated import quietly


@pytest.mark.parametrize("table", [*TABLES.values(), SOURCE], ids=lambda table: table.name)
def test_a_dtype_is_what_polars_calls_it(table: Table) -> None:
    assert {name: str(dtype) for name, dtype in table.schema.items()} == {c.name: c.dtype for c in table.columns}


def test_some_columns_have_their_dtypes() -> None:
    assert typed(GROUP_COLUMNS[name] for name in KEY) == {"cell": pl.String, "alpha": pl.Float64, "prompt": pl.Int64}


def test_declarations_are_told_without_loading_polars() -> None:
    script = "import sys, klsurv.schema as s, klsurv.schema.describe as d, klsurv.output.rows as r\n"
    script += "r.show_texts(d.describe(s.TABLES), format='csv')\nassert 'polars' not in sys.modules"
    subprocess.run([sys.executable, "-c", script], check=True, stdout=subprocess.DEVNULL)


def _asked(runs: klsurv.Runs) -> Iterator[tuple[Table, pl.DataFrame]]:
    """The tables that runs answer with, as they are and with little known."""
    for name in TABLES.keys() - {"changes"}:
        drawn = {"bootstrap": 20} if name in ("compare", "dose", "study", "landmark") else {}
        for options in ({}, {"threshold": 0.3, "roll": 9}):
            if name in ("cells", "check", "bisection", "long"):
                answer = getattr(runs, name)()
            elif name == "story":
                answer = runs.story(*runs.rollouts().select(KEY).row(0), **options)
            else:
                answer = getattr(runs, name)(**options, **drawn)
            yield TABLES[name], answer.lazy().collect()


def test_a_column_that_may_be_null_says_what_null_means(real_cells: Path) -> None:
    unknown = frame(*(life(None, prompt=i, method=None, model=None, layer=None, kl=[None] * 10) for i in range(3)))
    for runs in (quietly(real_cells), quietly(unknown)):
        for table, answer in _asked(runs):
            for column in table.columns:
                if answer.get_column(column.name).null_count() and not column.meaning.startswith("upper bound"):
                    assert "null" in column.meaning, (table.name, column.name)
