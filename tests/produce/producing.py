"""A small sweep: its facts, and what it measured, to be written or spoiled."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import klsurv
from klsurv.params import Metric, Selection

if TYPE_CHECKING:
    import polars as pl

NAN, INF = math.nan, math.inf

FACTS: dict[str, Any] = {
    "model": "tiny",
    "method": "pca",
    "seed": 0,
    "layer": 3,
    "window": 8,
    "target_kl": 1.0,
    "c_star": 5.5,
    "fork_points": [0, 2, 4, 8],
}
DOSE: dict[str, Any] = {
    "kl": [[0.5, 0.4, 0.3, 0.2, 0.1, 0.1, 0.1, 0.1], [0.5, 0.6, 0.7]],
    "pmass": [[0.9, 0.7, 0.6, 0.9], [0.9, 0.85, NAN, NAN]],
    "gen_len": [8, 3],
}
SAID = [
    {"prompt": "Is it so?", "gen_text": "It is."},
    {"prompt": "And so?", "gen_text": "No.", "argmax_str": ["1"] * 4},
]


def writer(path: Path, **changes: Any) -> klsurv.CellWriter:
    """A writer of the cell; a fact given replaces the one of that name."""
    return klsurv.CellWriter(path, **{**FACTS, **changes})


def add(cell: klsurv.CellWriter, alpha: float = 1.0, **changes: Any) -> None:
    """Add the dose; a value given replaces the one of that name."""
    cell.add(alpha, **{**DOSE, **changes})


def tables(root: Path, *, metric: Metric = "pmass_eval") -> tuple[pl.DataFrame, pl.DataFrame]:
    """The tables `cells` and `source` of a run root."""
    # A sweep loads no polars.
    from klsurv.ingest.root import read_root

    return read_root(root, selection=Selection(metric=metric))


def trajectories(root: Path) -> list[tuple[Any, ...]]:
    """What is read: alpha, prompt, gen_len, kl, pmass."""
    return tables(root)[1].select("alpha", "prompt", "gen_len", "kl", "pmass").rows()
