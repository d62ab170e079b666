"""What a command printed or saved, read back."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from io import StringIO
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow.parquet as pq
from polars.testing import assert_frame_equal

import klsurv
from klsurv import Runs
from klsurv.params import Scoring
from klsurv.schema import GROUP_COLUMNS, TABLES

# Of the real cells: their model is small, and their window 96 tokens.
SCORING: dict[str, Any] = {"threshold": 0.3, "roll": 9}
OPTIONS = ["--threshold", "0.3", "--roll", "9"]
# What is told of the real cells where alpha = 0 is among the doses and counts.
COPIES = (
    "SmolLM2-135M-Instruct_mean_diff_s0_w96 and SmolLM2-135M-Instruct_pca_s0_w96 hold the same 8 trajectories "
    "(alpha 0.0): they are one piece of evidence, not several"
)
RECUR = (
    "groups hold up to {} trajectories of one prompt, which intervals and errors take to be independent, and are too "
    "narrow: tell them apart by {} (--by), or see compare and dose, which draw whole prompts"
)

Result = subprocess.CompletedProcess[str]


def parsed(text: str, format: str, schema: pl.Schema) -> pl.DataFrame:
    """A table as csv, json or ndjson, every row with all columns."""
    if format == "csv":
        return pl.read_csv(StringIO(text), schema=schema)
    rows = json.loads(text) if format == "json" else [json.loads(line) for line in text.splitlines()]
    assert [list(row) for row in rows] == [schema.names()] * len(rows)
    return pl.DataFrame(rows, schema=schema)


def footer(path: Path) -> dict[str, str]:
    """What a parquet file says of itself."""
    metadata = pq.read_schema(path).metadata
    return {key.decode(): value.decode() for key, value in metadata.items() if key.startswith(b"klsurv.")}


def told(path: Path, table: str, *, event: str | None, options: dict[str, Any], warnings: list[str]) -> None:
    """Assert that a parquet file has the unit and meaning of each column, and says how it was made."""
    columns = {**GROUP_COLUMNS, **{column.name: column for column in TABLES[table].columns}}
    for field in pq.read_schema(path):
        assert field.metadata[b"unit"].decode() == columns[field.name].unit
        assert field.metadata[b"meaning"].decode() == columns[field.name].meaning
    said = footer(path)
    asked = json.loads(said["klsurv.options"])
    assert {name: asked.get(name) for name in options} == options
    assert "outputs" not in asked and "format" not in asked
    assert json.loads(said["klsurv.warnings"]) == warnings
    assert said["klsurv.scoring"] == str(Scoring(**SCORING))
    assert (said["klsurv.table"], said.get("klsurv.event")) == (table, event)


def printed(
    result: Result, want: pl.DataFrame, runs: Runs, *, format: str = "json", saved: Sequence[Path] = ()
) -> None:
    """Assert that stdout holds the table that the library returned, and stderr what it told, each once."""
    assert result.returncode == 0, result.stderr[-500:]
    assert_frame_equal(parsed(result.stdout, format, want.schema), want, check_exact=True)
    assert result.stderr.splitlines() == [
        *(f"warning: {said}" for said in runs.warnings),
        *(f"saved {p}" for p in saved),
    ]


def quiet(root: Path, **options: Any) -> Runs:
    """Runs that keep their warnings to themselves."""
    return klsurv.scan(root, tell=lambda _: None, **options)
