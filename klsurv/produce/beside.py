"""What a cell holds beside its trajectories. In: the table `cells`. Out: a message on what a long table cannot hold."""

from __future__ import annotations

import os
from collections import Counter
from contextlib import suppress
from pathlib import Path

import polars as pl

from klsurv.errors import CellError
from klsurv.ingest.discover import GENS, HISTORY, PMASS
from klsurv.ingest.parse import read_object
from klsurv.names import as_written

_FILES = (GENS, HISTORY, "results.csv", "run.log")


def beside(cells: pl.DataFrame) -> str:
    """One message on the files, and the question-and-answer prompts, that stay behind; empty where none do."""
    paths = [Path(as_written(path)) for path in cells.get_column("path").drop_nulls()]
    found = Counter(name for path in paths for name in _FILES if os.path.lexists(path / name))
    found["question-and-answer prompts"] = sum(map(_has_questions, paths))
    left = [f"{name} ({number})" for name, number in found.items() if number]
    return f"left behind, as a long table has no place for it (cells): {', '.join(left)}" if left else ""


def _has_questions(path: Path) -> bool:
    with suppress(CellError):
        questions = read_object(path / PMASS).get("pmass")
        return isinstance(questions, dict) and any(questions.values())
    return False
