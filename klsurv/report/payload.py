"""What the page computes with. In: scored trajectories. Out: one JSON text: forks, pmass, lines, texts, as arrays.

The page recomputes death, counts and survival for any threshold, so pmass travels exactly (float64); the lines, which
are only looked at, travel at 96 points each and three digits.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from klsurv.exprs.measure import failed
from klsurv.ingest.gens import Generation
from klsurv.plots.drawn import Drawn
from klsurv.schema import RUN

POINTS = 96
# KL is sent as a 16-bit number on a logarithmic scale: 0 to 1e6, steps of 0.04 %.
SMALLEST, LARGEST, STEPS, MISSING = 1e-4, 1e6, 65_000, 65_535
# Characters of text for all trajectories together, and at most for one.
TEXT, MOST_TEXT = 1_200_000, 6_000

Key = tuple[str, float, int]


Line = npt.NDArray[np.float64]


def lines(drawn: Drawn) -> dict[Key, Line]:
    """What the figure draws of each trajectory, as it is sent."""
    found: dict[Key, Line] = {}
    for part in drawn.each(lambda rows: rows.select("cell", "alpha", "prompt", "y")):
        keys = part.select("cell", "alpha", "prompt").rows()
        found |= {key: _line(y.to_numpy()) for key, y in zip(keys, part.get_column("y"), strict=True)}
    return found


def payload(
    lives: pl.DataFrame,
    cells: pl.DataFrame,
    *,
    alphas: Sequence[float],
    facts: Mapping[str, Any],
    lines: Mapping[Key, Line],
    texts: Mapping[Key, Generation],
) -> str:
    """The JSON text.

    Args:
        lives: scored trajectories.
        cells: the table `cells`.
        alphas: the doses, ascending.
        facts: what else the page must know (threshold, axes, …), as JSON values.
        lines: what the figure draws (`lines`), of those that it draws.
        texts: what was generated, by cell, alpha and prompt, of those that have it.
    """
    names = cells.get_column("cell").to_list()
    grids = sorted({tuple(forks) for forks in lives.get_column("fork")})
    grid_of = {grid: i for i, grid in enumerate(grids)}
    number = {name: i for i, name in enumerate(names)}
    dose = {alpha: i for i, alpha in enumerate(alphas)}
    sent = [lines.get(key, np.zeros(0)) for key in lives.select("cell", "alpha", "prompt").rows()]
    body = {
        **facts,
        "alphas": list(alphas),
        "cells": cells.select("cell", *RUN).to_dicts(),
        "grids": [list(grid) for grid in grids],
        "scale": {"smallest": SMALLEST, "largest": LARGEST, "steps": STEPS, "missing": MISSING},
        "n": lives.height,
        "cell": _packed([number[name] for name in lives.get_column("cell")], "<u4"),
        "alpha": _packed([dose[alpha] for alpha in lives.get_column("alpha")], "<u2"),
        "prompt": _packed(lives.get_column("prompt").to_list(), "<u4"),
        "gen_len": _packed(lives.get_column("gen_len").to_list(), "<u4"),
        "length": _packed(lives.get_column("length").to_list(), "<u4"),
        "grid": _packed([grid_of[tuple(forks)] for forks in lives.get_column("fork")], "<u2"),
        "flags": _packed(lives.select(_flags()).to_series().to_list(), "u1"),
        "pmass": _packed([x for row in _pmass(lives) for x in row], "<f8"),
        "count": _packed([len(line) for line in sent], "<u2"),
        "kl": _packed(np.concatenate([*sent, np.zeros(0)]), "<u2"),
        "texts": _texts(lives, texts),
    }
    return json.dumps(body, ensure_ascii=False, allow_nan=False)


def _flags() -> pl.Expr:
    """1: ended by EOS; 2: drawn; 4: has a failed measurement."""
    eos = pl.col("end") == "eos"
    return eos.cast(pl.Int64) + pl.col("drawn").cast(pl.Int64) * 2 + failed().cast(pl.Int64) * 4


def _pmass(lives: pl.DataFrame) -> list[list[float]]:
    """Pmass at each fork of the grid, NaN where it is missing."""
    rows = lives.select("fork", "pmass").rows()
    return [
        [float("nan") if x is None else x for x in [*pmass, *[None] * len(forks)][: len(forks)]]
        for forks, pmass in rows
    ]


def _line(y: Line) -> Line:
    """At most 96 values, evenly spaced from the first token to the last, as they are sent."""
    if len(y) == 0:
        return y
    gaps = min(POINTS, len(y)) - 1
    values = y[(2 * np.arange(gaps + 1) * (len(y) - 1) + gaps) // max(2 * gaps, 1)]
    level = np.log1p(np.clip(values, 0, LARGEST) / SMALLEST) / np.log1p(LARGEST / SMALLEST) * STEPS
    return np.where(np.isfinite(values), np.round(level), MISSING)


def _texts(lives: pl.DataFrame, texts: Mapping[Key, Generation]) -> list[Any]:
    """Per trajectory: what was asked, the text (cut where all would be too long), and its answers at forks; or null."""
    each = min(MOST_TEXT, TEXT // max(len(texts), 1))
    found: list[Any] = []
    for key in lives.select("cell", "alpha", "prompt").rows():
        one = texts.get(key)
        if one is None:
            found.append(None)
            continue
        answers = {
            str(fork): [None if p is None else round(p, 4), (argmax or "")[:40]]
            for fork, p, argmax in one.answers
            if p is not None
        }
        found.append([one.asked[:each], one.text[:each], len(one.text), answers])
    return found


def _packed(values: Sequence[float] | npt.NDArray[np.float64], dtype: str) -> str:
    return base64.b64encode(np.asarray(values).astype(dtype).tobytes()).decode()
