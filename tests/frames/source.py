"""Literal tables `source`: what a trajectory does not name is as dull as possible."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import polars as pl

from klsurv.frames.score import score
from klsurv.params import Scoring
from klsurv.schema import SOURCE

Row = dict[str, Any]

PLAIN = Scoring(roll=1)


def trajectory(
    kl: Sequence[float], *, fork: Sequence[int] = (), pmass: Sequence[float | None] = (), **rest: Any
) -> Row:
    """One row; `gen_len` is the length of the KL and the window 10 tokens if not given."""
    facts: Row = {"cell": "a", "alpha": 1.0, "model": "toy", "method": "pca", "seed": 0, "window": 10, "target_kl": 1.0}
    return {**facts, "gen_len": len(kl), "kl": list(kl), "fork": list(fork), "pmass": list(pmass), **rest}


def source(*rows: Row) -> pl.LazyFrame:
    """The table `source`; `prompt` counts the rows if not given. KL is cut to the length, as whatever reads it does."""
    cut = [{"prompt": i, **row, "kl": row["kl"][: row["gen_len"]]} for i, row in enumerate(rows)]
    return pl.DataFrame(cut, schema=SOURCE.schema).lazy()


def scored(*rows: Row, scoring: Scoring = PLAIN) -> pl.LazyFrame:
    """The same, scored; KL is left unsmoothed if no scoring is given."""
    return score(source(*rows), scoring=scoring)
