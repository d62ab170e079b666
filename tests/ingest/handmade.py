"""A run cell small enough to check by eye, and ways to spoil it.

Files are written as a producer writes them and then made old, so that the reader does not take them for work in
progress and wait.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import polars as pl

from klsurv.ingest.root import read_root
from klsurv.params import Selection
from klsurv.schema import SOURCE

NAN, INF = float("nan"), float("inf")
OLD = 1_000_000_000
KL_FIELD, PMASS_FIELD = "per_prompt_per_t_kl", "pmass_eval"

# What `source` must hold for a cell of the name `name` (see `rows`).
KL = {0.0: [[0.0] * 8, [0.0] * 5], 1.0: [[0.5, 0.4, 0.3, 0.2, 0.1, 0.1, 0.1, 0.1], [0.5, 0.6, 0.7]]}
FORKS = [0, 2, 4, 8]
PMASS: dict[float, list[list[float | None]]] = {
    0.0: [[1.0, 0.9, 0.9, 0.9], [0.95, 0.9, 0.9, None]],
    1.0: [[0.9, 0.7, 0.6, 0.9], [0.9, 0.85, None, None]],
}
GEN_LEN = {0.0: [8, 5], 1.0: [8, 3]}


def write_cell(
    root: Path,
    name: str | bytes = "good",
    *,
    calib: dict[str, Any] | None = None,
    trajectory: dict[str, Any] | None = None,
    pmass: dict[str, Any] | None = None,
) -> Path:
    """Write the cell into `root`; a field given replaces the one of that name, and `...` removes it."""
    directory = Path(os.fsdecode(os.path.join(os.fsencode(root), name if isinstance(name, bytes) else name.encode())))
    directory.mkdir(parents=True)
    parts: dict[str, dict[str, Any]] = {
        "calib.json": {
            "c_star": 5.0,
            "target_kl": 1.0,
            "window": 8,
            "method": "pca",
            "model": "tiny",
            "seed": 0,
            "layer": 3,
        },
        "trajectory.json": {
            "fork_points_full": FORKS,
            "per_t_p95_kl": {"0.0": [0.0], "1.0": [0.5]},
            "per_prompt_per_t_kl": {str(alpha): [row + [NAN] * (8 - len(row)) for row in KL[alpha]] for alpha in KL},
        },
        "pmass.json": {
            "fork_points": FORKS,
            "pmass_eval": {
                str(alpha): [[NAN if x is None else x for x in row] for row in PMASS[alpha]] for alpha in PMASS
            },
            "gen_lens_eval": {str(alpha): GEN_LEN[alpha] for alpha in GEN_LEN},
            "computed": True,
            "debug_first": {"1.0": "NaN is text here, and so is Infinity"},
        },
    }
    for file, changes in (("calib.json", calib), ("trajectory.json", trajectory), ("pmass.json", pmass)):
        for field, value in (changes or {}).items():
            if value is ...:
                del parts[file][field]
            else:
                parts[file][field] = value
    for file, part in parts.items():
        write_file(directory / file, json.dumps(part, indent=2))
    return directory


def write_file(path: Path, content: str | bytes) -> Path:
    """Write a file and make it old."""
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    os.utime(path, (OLD, OLD))
    return path


def rows(name: str = "good") -> list[dict[str, Any]]:
    """The rows of `source` that the cell must give."""
    facts = {"model": "tiny", "method": "pca", "seed": 0, "window": 8, "target_kl": 1.0, "layer": 3}
    return [
        {
            "cell": name,
            "alpha": alpha,
            "prompt": prompt,
            **facts,
            "gen_len": GEN_LEN[alpha][prompt],
            "kl": KL[alpha][prompt],
            "fork": FORKS,
            "pmass": PMASS[alpha][prompt],
        }
        for alpha in KL
        for prompt in (0, 1)
    ]


def read(root: Path, **options: Any) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The tables `cells` and `source` of a run root."""
    return read_root(root, selection=Selection(), **options)


def source(*names: str) -> pl.DataFrame:
    """The table `source` of cells as `write_cell` makes them."""
    return pl.DataFrame([row for name in names for row in rows(name)], schema=SOURCE.schema)
