"""One cell as tables. In: a `Cell`. Out: its row of `cells` and its rows of `source`."""

from __future__ import annotations

import sys
from array import array
from typing import Any, Literal

import polars as pl

from klsurv.ingest.cell import Cell
from klsurv.names import clean
from klsurv.schema import CELL_FACTS, CELLS, FACTS, SOURCE

_ENDIANNESS: Literal["little", "big"] = "little" if sys.byteorder == "little" else "big"


def row(cell: Cell) -> pl.DataFrame:
    """The cell's row of the table `cells`."""
    facts = {name: getattr(cell.calib, name, None) for name in CELL_FACTS}
    known = {
        "cell": cell.name,
        **facts,
        "n_prompts": max((len(dose.kl) for dose in cell.doses), default=None),
        "alphas": [dose.alpha for dose in cell.doses] if cell.doses else None,
        "status": cell.status,
        "reason": cell.reason,
        "path": clean(str(cell.path)),
    }
    return pl.DataFrame([known], schema=CELLS.schema)


def trajectories(cell: Cell) -> pl.DataFrame:
    """The cell's rows of the table `source`, by alpha and prompt; none where it is not usable."""
    doses = cell.doses
    series: dict[str, Any] = {
        "alpha": [dose.alpha for dose in doses for _ in dose.kl],
        "prompt": [i for dose in doses for i in range(len(dose.kl))],
        "gen_len": [length for dose in doses for length in dose.gen_len],
        "kl": _lists([kl for dose in doses for kl in dose.kl]),
        "pmass": [pmass for dose in doses for pmass in dose.pmass],
    }
    of_cell = {"cell": cell.name, "fork": cell.forks, **{fact: getattr(cell.calib, fact, None) for fact in FACTS}}
    dtypes = SOURCE.schema
    return (
        pl.DataFrame([pl.Series(column, values, dtype=dtypes[column]) for column, values in series.items()])
        .with_columns(pl.lit(value, dtypes[fact]).alias(fact) for fact, value in of_cell.items())
        .select(SOURCE.names)
    )


def _lists(rows: list[array[float]]) -> pl.Series:
    """The rows as a series of lists, by way of their bytes: as Python floats they would take ten times as long."""
    longest = max(map(len, rows), default=0)
    if longest == 0:
        return pl.Series([[]] * len(rows), dtype=pl.List(pl.Float64))
    padded = pl.Series("kl", [values.tobytes().ljust(8 * longest, b"\0") for values in rows])
    kl = padded.bin.reinterpret(dtype=pl.Array(pl.Float64, longest), endianness=_ENDIANNESS).arr.to_list()
    if all(len(values) == longest for values in rows):
        return kl
    lengths = pl.Series("length", [len(values) for values in rows])
    return pl.DataFrame([kl, lengths]).select(pl.col("kl").list.head("length")).to_series()
