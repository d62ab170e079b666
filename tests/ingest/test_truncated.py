"""A file cut short at every byte: an error with a reason, or what was there before; never another count."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from klsurv.ingest.cell import Cell, load_cell
from klsurv.ingest.discover import GENS, HISTORY, NEEDED, CellDir
from klsurv.ingest.gens import Generation, generations
from klsurv.ingest.history import bisections
from klsurv.ingest.trajectories import trajectories
from tests.conftest import Klsurv
from tests.ingest.handmade import NAN, OLD, write_cell, write_file

STEPS = [{"coeff": 2.5, "kl_mean": 0.1, "kl_p95": 0.9, "n_pos": 3}, {"coeff": 5.0, "kl_p95": 1.0}]
LINES = [
    {"alpha": alpha, "kind": "eval", "prompt_idx": i, "prompt": "Is it – ?", "gen_text": 'a "b"\n', "gen_len": 8,
     "fork_points": [0, 2], "pmass": [0.9, NAN], "p_true": [0.5, NAN], "argmax_str": ["true", "NaN"]}
    for alpha in (0.0, 1.0)
    for i in (0, 1)
]  # fmt: skip


@pytest.fixture
def cell(tmp_path: Path) -> Path:
    """A cell with all the files that are read."""
    directory = write_cell(tmp_path, calib={"model": "tiny é"})
    for name in NEEDED:
        write_file(directory / name, json.dumps(json.loads((directory / name).read_text())))
    write_file(directory / HISTORY, json.dumps(STEPS))
    write_file(directory / GENS, "".join(json.dumps(line) + "\n" for line in LINES))
    write_file(directory / "results.csv", "alpha,coeff,kl_p95\n0.0,0.0,0.0\n1.0,5.0,1.0\n")
    return directory


def load(directory: Path) -> Cell:
    return load_cell(CellDir(directory.name, directory), metric="pmass_eval")


def cuts(path: Path) -> Iterator[int]:
    """The file cut to each length, the longest first, and whole again at the end."""
    whole = path.read_bytes()
    for length in range(len(whole) - 1, -1, -1):
        os.truncate(path, length)
        os.utime(path, (OLD, OLD))
        yield length
    write_file(path, whole)


def same(a: pl.DataFrame, b: pl.DataFrame) -> bool:
    return a.equals(b, null_equal=True)


@pytest.mark.parametrize("file", NEEDED)
@pytest.mark.parametrize("fresh", [False, True], ids=["old", "fresh"])
def test_a_cell_with_a_file_cut_at_any_byte_is_broken(
    cell: Path, monkeypatch: pytest.MonkeyPatch, file: str, fresh: bool
) -> None:
    if fresh:
        # What was written just now may still be being written: it is looked at twice, and not taken for more.
        monkeypatch.setattr("klsurv.ingest.content.FRESH", 1e12)
        monkeypatch.setattr("klsurv.ingest.content._PAUSE", 0)
    whole = load(cell)
    assert whole.status == "ok"
    for length in cuts(cell / file):
        cut = load(cell)
        assert (cut.status, cut.doses, cut.forks) == ("broken", [], []), length
        assert cut.reason is not None and cut.reason.startswith(f"{file}: is "), length
    assert same(trajectories(load(cell)), trajectories(whole))


def test_a_history_cut_at_any_byte_is_told_and_is_no_step(cell: Path) -> None:
    where = CellDir("good", cell)
    whole, errors = bisections([where])
    assert (whole.height, errors) == (2, [])
    for length in cuts(cell / HISTORY):
        steps, errors = bisections([where])
        assert steps.is_empty(), length
        assert [str(error).startswith(f"good: {HISTORY}: is ") for error in errors] == [True], length


def _key(found: Generation) -> tuple[float, int]:
    return found.alpha, found.prompt


def test_generations_cut_at_any_byte_are_those_of_the_whole_lines(cell: Path) -> None:
    where = CellDir("good", cell)
    whole, problem = generations(where)
    assert ([_key(line) for line in whole], problem) == ([(0.0, 0), (0.0, 1), (1.0, 0), (1.0, 1)], None)
    for length in cuts(cell / GENS):
        data = (cell / GENS).read_bytes()
        begun = [line for line in data.split(b"\n") if line]
        found, problem = generations(where)
        # A line without its line break is whole too.
        complete = len(begun) - bool(begun and not begun[-1].endswith(b"}"))
        assert list(map(repr, found)) == list(map(repr, whole[:complete])), length
        assert (problem is None) == (complete == len(begun)), length


@pytest.mark.parametrize("file", [HISTORY, GENS, "results.csv"])
def test_a_file_that_a_cell_can_do_without_changes_no_count_at_any_cut(cell: Path, file: str) -> None:
    whole = trajectories(load(cell))
    for length in cuts(cell / file):
        if length % 7 == 0:
            assert same(trajectories(load(cell)), whole), length


def _counts(result: Any) -> list[tuple[float, int, int]]:
    rows: list[dict[str, Any]] = json.loads(result.stdout or "[]")
    return [(row["alpha"], row["n"], row["n_died"]) for row in rows]


def test_the_command_line_counts_what_is_left_at_a_sample_of_cuts(klsurv: Klsurv, cell: Path) -> None:
    write_cell(cell.parent, "other")
    alone, both = [(0.0, 2, 0), (1.0, 2, 1)], [(0.0, 4, 0), (1.0, 4, 2)]
    assert _counts(klsurv("summary", cell.parent, "--format", "json")) == both
    chance = random.Random(6)
    for file in NEEDED:
        whole = (cell / file).read_bytes()
        write_file(cell / file, whole[: chance.randrange(len(whole))])
        result = klsurv("summary", cell.parent, "--format", "json")
        assert (result.returncode, _counts(result)) == (0, alone), result.stderr
        assert result.stderr.startswith(f"warning: good is broken: {file}: is ") and "Traceback" not in result.stderr
        write_file(cell / file, whole)
