"""How c_star was found. In: cells. Out: the table `bisection`, one row per step, and what could not be read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import polars as pl

from klsurv.errors import CellError
from klsurv.ingest.discover import HISTORY, CellDir, enter
from klsurv.ingest.parse import read_json
from klsurv.ingest.values import finite, kind, rows, show, whole
from klsurv.schema import BISECTION


def bisections(cells: Sequence[CellDir]) -> tuple[pl.DataFrame, list[CellError]]:
    """The steps of each cell that has a `history.json`, in order, and an error for each file that cannot be used."""
    table: list[dict[str, Any]] = []
    errors = []
    for cell in cells:
        try:
            enter(cell)
            if not cell.holds(HISTORY):
                continue
            steps = rows(read_json(cell.path / HISTORY), HISTORY, "")
            table += [{"cell": cell.name, "step": i, **_numbers(step, i)} for i, step in enumerate(steps)]
        except CellError as error:
            errors.append(error.of_cell(cell.name))
    return pl.DataFrame(table, schema=BISECTION.schema), errors


def _numbers(step: object, i: int) -> dict[str, float | int | None]:
    if not isinstance(step, dict):
        raise CellError(f"is {kind(step)}, expected an object", file=HISTORY, field=f"[{i}]")
    found: dict[str, float | int | None] = {}
    for name in BISECTION.names[2:]:
        value = step.get(name)
        if value is not None and type(value) not in (int, float):
            raise CellError(f"{show(value)} is not a number", file=HISTORY, field=f"[{i}].{name}")
        found[name] = whole(value) if name == "n_pos" else finite(value)
    return found
