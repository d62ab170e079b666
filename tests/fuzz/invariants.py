"""What must hold of any input: only klsurv's errors, values in their ranges, and the numbers of the oracle."""

from __future__ import annotations

import json
import math
from pathlib import Path
from types import ModuleType

from klsurv.ingest.cell import Cell, load_cell
from klsurv.ingest.check import Dose
from klsurv.ingest.discover import CellDir
from klsurv.ingest.gens import generations
from klsurv.ingest.history import bisections
from klsurv.ingest.trajectories import row, trajectories
from klsurv.ingest.values import ROUNDING
from klsurv.names import clean
from klsurv.params import METRICS, Scoring
from klsurv.schema import BISECTION, CELLS, SOURCE
from klsurv.validate import MOST
from tests.fuzz.documents import place
from tests.generated import quietly
from tests.test_oracle import COUNTS, told

_WINDOW = 64


def check(data: bytes, root: Path, oracle: ModuleType, *, tables: bool) -> Cell:
    """Read an input as a cell below an empty root and hold it against the rules; `tables`: what is made of it too.

    Whatever is raised, an `AssertionError` or another, is a fault.
    """
    place(data, root / "cell")
    where = CellDir("cell", root / "cell")
    read = {metric: load_cell(where, metric=metric) for metric in METRICS}
    for cell in read.values():
        _check_status(cell)
        _check_values(cell)
        if tables:
            _check_tables(cell)
    cell = read[METRICS[0]]
    if cell.doses and not _unclear(root / "cell"):
        _check_written(cell, root / "cell")
        for dose in cell.doses:
            _check_same(cell, dose, oracle)
        if tables:
            _check_counts(cell, root, oracle)
    _check_generations(where)
    if tables:
        _check_history(where)
    return cell


def _check_status(cell: Cell) -> None:
    assert cell.status in ("ok", "partial", "skipped", "broken")
    assert (cell.status == "ok") == (cell.reason is None)
    shown = cell.reason is None or clean(cell.reason, backslash=False) == cell.reason
    assert shown and (cell.reason is None or 0 < len(cell.reason) < 100_000), cell.reason
    assert bool(cell.doses) == (cell.status in ("ok", "partial"))


def _check_values(cell: Cell) -> None:
    alphas = [dose.alpha for dose in cell.doses]
    assert all(map(math.isfinite, alphas)) and sorted(set(alphas)) == alphas
    assert sorted(set(cell.forks)) == cell.forks and all(0 <= fork < MOST for fork in cell.forks)
    if cell.doses:
        assert cell.calib is not None and 0 <= cell.calib.window < MOST
    for dose in cell.doses:
        assert len(dose.kl) == len(dose.pmass) == len(dose.gen_len)
        for kl, pmass, gen_len in zip(dose.kl, dose.pmass, dose.gen_len, strict=True):
            assert 0 <= gen_len < MOST and len(kl) <= gen_len and len(pmass) == len(cell.forks)
            assert all(mass is None or -ROUNDING <= mass <= 1 + ROUNDING for mass in pmass)


def _check_tables(cell: Cell) -> None:
    assert row(cell).schema == CELLS.schema
    table = trajectories(cell)
    assert table.schema == SOURCE.schema
    assert table.height == sum(len(dose.kl) for dose in cell.doses)


def _unclear(cell: Path) -> bool:
    """Whether `computed` is neither true nor false, of which the oracle makes one or the other."""
    computed = json.loads((cell / "pmass.json").read_text()).get("computed", True)
    return computed is not True


def _check_written(cell: Cell, directory: Path) -> None:
    """What the oracle takes for a number, or does not see: booleans, text, and a dose that is written twice."""
    for file, field in (("trajectory.json", "per_prompt_per_t_kl"), ("pmass.json", "pmass_eval")):
        table = json.loads((directory / file).read_text())[field]
        assert len({float(key) for key in table}) == len(table)
        read = {dose.alpha for dose in cell.doses}
        rows = [row for key, rows in table.items() if float(key) in read for row in rows]
        assert {type(x) for row in rows for x in row} <= {float, int, type(None)}


def _check_same(cell: Cell, dose: Dose, oracle: ModuleType) -> None:
    rows = oracle.read(cell.path, dose.alpha)
    assert [i for i, *_ in rows] == list(range(len(dose.kl)))
    for i, kl, mass, forks, gen_len in rows:
        assert (forks, gen_len) == (cell.forks, dose.gen_len[i])
        assert repr(kl[:gen_len].tolist()) == repr(dose.kl[i].tolist())
        measured = [None if math.isnan(x) else x for x in mass.tolist()]
        assert measured + [None] * (len(forks) - len(measured)) == dose.pmass[i]


def _check_counts(cell: Cell, root: Path, oracle: ModuleType) -> None:
    scoring = Scoring(roll=1, window=_WINDOW)
    doses = [dose.alpha for dose in cell.doses if dose.kl]
    if not doses:
        return
    counted = quietly(root, alphas=doses).summary(roll=1, window=_WINDOW)
    answer = told(oracle, root, doses, scoring=scoring)["alphas"]
    for found in counted.iter_rows(named=True):
        expected = answer[str(found["alpha"])]
        assert {name: found[name] for name in COUNTS} == {name: expected[name] for name in COUNTS}


def _check_generations(where: CellDir) -> None:
    found, problem = generations(where)
    assert problem is None or problem.startswith("cell: gens.jsonl")
    assert all(math.isfinite(line.alpha) for line in found)


def _check_history(where: CellDir) -> None:
    steps, errors = bisections([where])
    assert steps.schema == BISECTION.schema and (steps.is_empty() or not errors)
