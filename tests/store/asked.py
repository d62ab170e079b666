"""Everything that runs can be asked, as text that is equal only where every byte is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl

import klsurv
from klsurv.errors import CellError, KlsurvError
from klsurv.exports import export
from klsurv.store.file import file_of

FEW: Any = {"bootstrap": 20, "seed": 3}
EXPORTED = ("cells", "trajectories", "long", "scored", "summary", "survival", "compare", "calibration")


def text(table: pl.DataFrame | pl.LazyFrame) -> str:
    """A table with its types; as csv, but for lists, which that cannot hold."""
    frame = table.lazy().collect()
    nested = any(dtype.is_nested() for dtype in frame.schema.values())
    return f"{frame.schema}\n{frame.write_ndjson() if nested else frame.write_csv()}"


def questions(runs: klsurv.Runs, scoring: dict[str, Any]) -> dict[str, Callable[[], pl.DataFrame | pl.LazyFrame]]:
    """Every method of runs that gives a table."""
    by_kl = {**scoring, "event": "kl", "kl_threshold": 0.5}
    return {
        "cells": runs.cells,
        "check": runs.check,
        "rollouts": runs.rollouts,
        "digests": runs.digests,
        "trajectories": lambda: runs.trajectories(**scoring),
        "long": runs.long,
        "scored": lambda: runs.scored(**scoring),
        "summary": lambda: runs.summary(**scoring),
        "summary by cell": lambda: runs.summary(["cell", "alpha"], **scoring),
        "survival": lambda: runs.survival(**scoring),
        "survival of kl": lambda: runs.survival("method", **by_kl),
        "lifetimes": lambda: runs.lifetimes(["seed", "alpha"], **scoring),
        "lifetimes of kl": lambda: runs.lifetimes(**by_kl),
        "incidence": lambda: runs.incidence(**scoring),
        "threshold": lambda: runs.threshold(steps=5, **scoring),
        "compare": lambda: runs.compare("method", **FEW, **scoring),
        "dose": lambda: runs.dose(**FEW, **scoring),
        "study": lambda: runs.study(lags=4, **FEW, **scoring),
        "hazard": lambda: runs.hazard(**scoring),
        "landmark": lambda: runs.landmark(landmarks=(2, 20), **FEW, **scoring),
        "calibration": lambda: runs.calibration(**scoring),
        "heldout": lambda: runs.heldout(**scoring),
        "bisection": runs.bisection,
    }


def told(source: Any, *, scoring: dict[str, Any] | None = None, **selection: Any) -> dict[str, str]:
    """The answer to every question, or the error that it raises, and the warnings in order."""
    warned: list[str] = []
    runs = klsurv.scan(source, tell=warned.append, **selection)
    answers = {}
    for name, ask in questions(runs, scoring or {}).items():
        try:
            answers[name] = text(ask())
        except CellError as error:
            answers[name] = f"CellError: {error}"
        except KlsurvError as error:
            answers[name] = type(error).__name__
    return answers | {"warnings": "\n".join(warned)}


def exported(source: Any, folder: Path, **selection: Any) -> dict[str, bytes]:
    """What `klsurv export` writes, as csv, or as ndjson where there are lists."""
    runs = klsurv.scan(source, tell=lambda _: None, **selection)
    files = {}
    for name in EXPORTED:
        path = folder / f"{name}.{'ndjson' if name in ('cells', 'trajectories') else 'csv'}"
        export(runs, path, name=name, threshold=0.3, roll=9)
        files[name] = path.read_bytes()
    return files


def same(found: dict[str, str], want: dict[str, str]) -> None:
    """Assert that all answers are equal, and say which are not."""
    assert found.keys() == want.keys()
    for name in want:
        assert found[name] == want[name], name


def summary(source: Any) -> str:
    """The table `summary`, by cell and alpha."""
    return text(klsurv.scan(source, tell=lambda _: None).summary(["cell", "alpha"]))


def file_in(store: Path, cell: str) -> Path:
    """A cell's file in a store on disk."""
    path = file_of(store, cell)
    assert isinstance(path, Path)
    return path


def left(store: Path) -> list[str]:
    """The names in a store that are neither the marker nor a cell's file."""
    return sorted(path.name for path in store.iterdir() if path.suffix != ".parquet" and path.name[0] == ".")
