"""One cell as tables. In: its directory. Out: its row of `cells` and its rows of `source`."""

from __future__ import annotations

import polars as pl

from klsurv.errors import CellError, SkippedCellError
from klsurv.ingest.calib import Calib, check_calib
from klsurv.ingest.check import Dose, check_doses, check_forks
from klsurv.ingest.discover import CALIB, NEEDED, PMASS, TRAJECTORY, CellDir, clean, enter
from klsurv.ingest.parse import read_object
from klsurv.params import Metric
from klsurv.schema import CELLS, FACTS, SOURCE


def read_cell(cell: CellDir, *, metric: Metric) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Read one cell whole: one row of `cells` and its trajectories. It does not raise for what a cell may hold.

    A cell that cannot be used has no trajectories, a reason, and the status `skipped` (nothing to score yet: a file is
    not there or is being written, pmass was not measured, no alpha is done) or `broken` (a file is damaged).
    """
    calib: Calib | None = None
    try:
        calib = _calib(cell)
        pmass = read_object(cell.path / PMASS)
        if pmass.get("computed", True) is False:
            raise SkippedCellError("is false: pmass was not measured", file=PMASS, field="computed")
        forks = check_forks(pmass)
        doses, notes = check_doses(read_object(cell.path / TRAJECTORY), pmass, forks=forks, metric=metric)
        if not doses:
            raise SkippedCellError("; ".join(notes) or f"{PMASS}: {metric}: holds no alpha yet")
    except CellError as error:
        status = "skipped" if isinstance(error, SkippedCellError) else "broken"
        return _row(cell, calib, [], status, error.reason), SOURCE.schema.to_frame()
    notes = calib.notes + notes
    row = _row(cell, calib, doses, "partial" if notes else "ok", "; ".join(notes) or None)
    return row, _trajectories(cell.name, calib, forks, doses)


def facts(cell: CellDir) -> pl.DataFrame:
    """The cell's row of `cells` as far as `calib.json` tells it; `broken` where it does not."""
    try:
        return _row(cell, _calib(cell), [], "ok", None)
    except CellError as error:
        return _row(cell, None, [], "broken", error.reason)


def _calib(cell: CellDir) -> Calib:
    enter(cell)
    missing = [name for name in NEEDED if not (cell.path / name).is_symlink() and not (cell.path / name).exists()]
    if missing:
        raise SkippedCellError("not there (yet)", file=", ".join(missing))
    return check_calib(read_object(cell.path / CALIB))


def _row(cell: CellDir, calib: Calib | None, doses: list[Dose], status: str, reason: str | None) -> pl.DataFrame:
    row = {
        "cell": cell.name,
        **{name: getattr(calib, name, None) for name in (*FACTS, "c_star", "layer")},
        "n_prompts": max((len(dose.kl) for dose in doses), default=None),
        "alphas": [dose.alpha for dose in doses] if doses else None,
        "status": status,
        "reason": reason,
        "path": clean(str(cell.path)),
    }
    return pl.DataFrame([row], schema=CELLS.schema)


def _trajectories(name: str, calib: Calib, forks: list[int], doses: list[Dose]) -> pl.DataFrame:
    # KL past gen_len is padding and does not exist (R1), so it is not kept.
    kl = [row[:length] for dose in doses for row, length in zip(dose.kl, dose.gen_len, strict=True)]
    series = {
        "alpha": [dose.alpha for dose in doses for _ in dose.kl],
        "prompt": [i for dose in doses for i in range(len(dose.kl))],
        "gen_len": [length for dose in doses for length in dose.gen_len],
        "kl": kl,
        "fork": [forks] * len(kl),
        "pmass": [row for dose in doses for row in dose.pmass],
    }
    of_cell = {"cell": name, **{fact: getattr(calib, fact) for fact in FACTS}}
    dtypes = SOURCE.schema
    return (
        pl.DataFrame([pl.Series(column, values, dtype=dtypes[column]) for column, values in series.items()])
        .with_columns(pl.lit(value, dtypes[fact]).alias(fact) for fact, value in of_cell.items())
        .with_columns(pl.col("kl").list.eval(pl.element().fill_null(float("nan"))))
        .select(SOURCE.names)
    )
