"""Conversions, and whether they give the same back; a table of another team."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
from polars.testing import assert_frame_equal

import klsurv
from klsurv.ingest.parquet import read_parquet
from klsurv.params import Selection
from klsurv.produce.convert import Converted
from tests.produce.producing import tables

# Where a cell lies, and what was left out of it the first time it was read, is not carried.
FLEETING = ["path", "status", "reason"]


def quiet(source: Path, target: Path, **options: Any) -> Converted:
    return klsurv.convert(source, target, tell=lambda message: None, **options)


def same_cells(first: Path, second: Path) -> None:
    """What klsurv reads of two run roots is the same."""
    (told, source), (told_again, again) = tables(first), tables(second)
    usable = pl.col("cell").is_in(source.get_column("cell").unique().implode())
    assert_frame_equal(told.filter(usable).drop(FLEETING), told_again.drop(FLEETING), check_exact=True)
    assert_frame_equal(source, again, check_exact=True)


def same_tables(first: Path, second: Path) -> None:
    """Two files hold the same rows and read as the same runs."""
    assert_frame_equal(pl.read_parquet(first), pl.read_parquet(second), check_exact=True)
    (told, source), (told_again, again) = (read_parquet(path, selection=Selection()) for path in (first, second))
    assert_frame_equal(told.drop(FLEETING), told_again.drop(FLEETING), check_exact=True)
    assert_frame_equal(source, again, check_exact=True)


def there_and_back(root: Path, place: Path) -> None:
    """Cells → long → cells → long: each time the same."""
    quiet(root, place / "1.parquet")
    quiet(place / "1.parquet", place / "cells")
    quiet(place / "cells", place / "2.parquet")
    same_cells(root, place / "cells")
    same_tables(place / "1.parquet", place / "2.parquet")


def table(tmp_path: Path, **columns: Any) -> Path:
    """A parquet file: two prompts, the first with three tokens and the second with one; a column given replaces one."""
    held = {
        "alpha": [1.0] * 4,
        "prompt": [0, 0, 0, 1],
        "t": [0, 1, 2, 0],
        "kl": [0.1, 0.2, 0.3, 0.4],
        "pmass": [0.9, None, 0.8, 0.7],
        **columns,
    }
    path = tmp_path / "theirs.parquet"
    pl.DataFrame(held).write_parquet(path)
    return path
