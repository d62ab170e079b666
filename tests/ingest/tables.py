"""Frames in both layouts, and what is scanned and exported of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
from polars.testing import assert_frame_equal

import klsurv
from klsurv.exports import export
from klsurv.runs import Runs

SCORING: dict[str, Any] = {"threshold": 0.3, "roll": 9}


LONG = pl.DataFrame(
    {
        "alpha": [1.0] * 4,
        "prompt": [0] * 4,
        "t": [0, 1, 2, 3],
        "kl": [0.1, 0.2, 0.3, 0.4],
        "pmass": [0.9, None, 0.7, None],
    }
)


LISTS = pl.DataFrame(
    {"alpha": [1.0], "prompt": [0], "kl": [[0.1, 0.2, 0.3, 0.4]], "fork": [[0, 2]], "pmass": [[0.9, 0.7]]}
)


def scan(source: Any, **options: Any) -> Runs:
    return klsurv.scan(source, tell=lambda _: None, **options)


def same(one: pl.DataFrame, other: pl.DataFrame) -> None:
    assert_frame_equal(one, other, rel_tol=1e-12, abs_tol=0)


def export_of(runs: Runs, path: Path, table: str) -> Path:
    """What `klsurv export RUNS path --table table` writes."""
    export(runs, path, name=table, by=("alpha",))
    return path


def changed(frame: pl.DataFrame, **columns: Any) -> pl.DataFrame:
    return frame.with_columns(**{name: pl.lit(value) for name, value in columns.items()})
