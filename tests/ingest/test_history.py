from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import klsurv
from klsurv.errors import CellError
from klsurv.ingest.discover import CellDir
from klsurv.ingest.history import bisections
from klsurv.names import clean
from klsurv.schema import BISECTION
from tests.ingest.handmade import write_cell, write_file

NUMBERS = ["coeff", "kl_mean", "kl_p50", "kl_p90", "kl_p95", "kl_max"]


def step(coeff: float = 1.0, **changed: Any) -> dict[str, Any]:
    """One step as a producer writes it; a field changed to `...` is left out."""
    plain = {"coeff": coeff, **{name: coeff / 10 for name in NUMBERS[1:]}, "n_pos": 300, "per_t_mean": [0.1, 0.2]}
    return {name: value for name, value in {**plain, **changed}.items() if value is not ...}


def write(root: Path, name: str, content: str | bytes | list[Any]) -> CellDir:
    cell = root / name
    cell.mkdir()
    write_file(cell / "history.json", json.dumps(content) if isinstance(content, list) else content)
    return CellDir(name, cell)


def read(*cells: CellDir) -> tuple[list[tuple[str, int, float]], list[str]]:
    """cell, step, coeff of every step, and the errors."""
    table, errors = bisections(cells)
    assert table.schema == BISECTION.schema
    return table.select("cell", "step", "coeff").rows(), [str(error) for error in errors]


def test_the_steps_of_each_cell_are_in_the_order_of_its_file(tmp_path: Path) -> None:
    cells = [write(tmp_path, "b", [step(8.0), step(2.0), step(4.0)]), write(tmp_path, "a", [step(1.0)])]
    assert read(*cells) == ([("b", 0, 8.0), ("b", 1, 2.0), ("b", 2, 4.0), ("a", 0, 1.0)], [])


def test_every_number_of_a_step_is_read(tmp_path: Path) -> None:
    numbers = dict(zip(NUMBERS, [0.5, 1.5, 2.5, 3.5, 4.5, 5.5], strict=True))
    table, errors = bisections([write(tmp_path, "a", [step(**numbers, n_pos=299)])])
    assert (table.row(0, named=True), errors) == ({"cell": "a", "step": 0, **numbers, "n_pos": 299}, [])


def test_whole_numbers_are_numbers_of_either_kind(tmp_path: Path) -> None:
    table, errors = bisections([write(tmp_path, "a", [step(coeff=3, n_pos=300.0)])])
    assert (table.select("coeff", "n_pos").row(0), errors) == ((3.0, 300), [])


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", "null"])
def test_a_number_that_is_not_finite_or_null_is_null(tmp_path: Path, value: str) -> None:
    fields = ", ".join(f'"{name}": {value}' for name in (*NUMBERS, "n_pos"))
    table, errors = bisections([write(tmp_path, "a", f"[{{{fields}}}]")])
    assert errors == []
    assert table.rows() == [("a", 0, *[None] * 7)]


def test_a_field_that_is_missing_is_null_and_one_that_is_not_known_is_passed_over(tmp_path: Path) -> None:
    table, errors = bisections([write(tmp_path, "a", [step(kl_p95=..., n_pos=..., extra={"deep": [True]})])])
    assert errors == []
    assert table.select("coeff", "kl_p95", "n_pos").row(0) == (1.0, None, None)


def test_a_cell_without_the_file_has_no_steps_and_no_error(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    assert read(CellDir("a", tmp_path / "a"), write(tmp_path, "b", [])) == ([], [])
    assert read() == ([], [])


def other(path: Path) -> CellDir:
    return write(path, "good", [step(2.0), step(3.0)])


GOOD = [("good", 0, 2.0), ("good", 1, 3.0)]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "bad: history.json: is empty"),
        ("not json", "bad: history.json: is not JSON"),
        ('[{"coeff": 1.0}, {"coe', "bad: history.json: is not JSON, or cut short"),
        (b"\xff\xfe", "bad: history.json: is not JSON"),
        (b"[" * 100_000, "bad: history.json: is nested deeper than 200 levels"),
        ('[{"coeff": 1, "coeff": 2}]', "bad: history.json: is not JSON"),
        ("{}", "bad: history.json: is an object, expected a list"),
        ("null", "bad: history.json: is null, expected a list"),
        ("NaN", "bad: history.json: is a number, expected a list"),
        ('"text"', "bad: history.json: is text, expected a list"),
        ("[1.0]", "bad: history.json: [0]: is a number, expected an object"),
        ('[{"coeff": 1.0}, null]', "bad: history.json: [1]: is null, expected an object"),
        ('[{"coeff": true}]', "bad: history.json: [0].coeff: true is not a number"),
        ('[{"n_pos": false}]', "bad: history.json: [0].n_pos: false is not a number"),
        ('[{}, {"kl_p95": "1.0"}]', 'bad: history.json: [1].kl_p95: "1.0" is not a number'),
        ('[{"kl_max": [1.0]}]', "bad: history.json: [0].kl_max: a list is not a number"),
        ('[{"kl_mean": {}}]', "bad: history.json: [0].kl_mean: an object is not a number"),
    ],
    ids=lambda value: value[:24] if isinstance(value, str) else "bytes",
)
def test_a_file_that_cannot_be_used_is_told_with_cell_file_and_field_and_costs_no_other(
    tmp_path: Path, content: str | bytes, said: str
) -> None:
    steps, (error,) = read(write(tmp_path, "bad", content), other(tmp_path))
    assert steps == GOOD
    assert error.startswith(said)


def test_a_file_cut_short_at_any_byte_is_told_and_gives_no_step(tmp_path: Path) -> None:
    whole = json.dumps([step(1.0, n_pos=2, per_t_mean=...), step(2.0, per_t_mean=["é"])], indent=1).encode()
    cell = write(tmp_path, "bad", whole)
    assert read(cell)[0] == [("bad", 0, 1.0), ("bad", 1, 2.0)]
    for length in range(len(whole)):
        write_file(cell.path / "history.json", whole[:length])
        steps, (error,) = read(cell)
        assert steps == [], length
        assert error.startswith("bad: history.json: is "), length


def _unlinked(path: Path) -> None:
    path.symlink_to(path.parent / "gone")


@pytest.mark.parametrize(
    ("place", "cause"),
    [
        (Path.mkdir, "is a directory, not a regular file"),
        (os.mkfifo, "is a FIFO, not a regular file"),
        (lambda path: path.symlink_to(os.devnull), "is a device or socket, not a regular file"),
        (_unlinked, "missing"),
        (lambda path: path.symlink_to(path), "cannot be opened: Too many levels of symbolic links"),
    ],
    ids=["directory", "fifo", "device", "dangling link", "link to itself"],
)
def test_what_stands_in_place_of_the_file_is_told(tmp_path: Path, place: Callable[[Path], None], cause: str) -> None:
    cell = tmp_path / "bad"
    cell.mkdir()
    place(cell / "history.json")
    assert read(CellDir("bad", cell), other(tmp_path)) == (GOOD, [f"bad: history.json: {cause}"])


@pytest.mark.parametrize("gone", [True, False], ids=["moved away", "a file now"])
def test_a_cell_that_is_there_no_more_is_told(tmp_path: Path, gone: bool) -> None:
    cell = write(tmp_path, "bad", [step()])
    shutil.rmtree(cell.path)
    if not gone:
        cell.path.write_text("")
    cause = "No such file or directory" if gone else "Not a directory"
    steps, errors = read(cell, other(tmp_path))
    assert (steps, errors) == (GOOD, [f"bad: the directory cannot be read: {cause}"])


def test_an_error_keeps_its_cell_file_field_and_cause_apart(tmp_path: Path) -> None:
    _, (error,) = bisections([write(tmp_path, "bad", '[{"coeff": "x"}]')])
    assert isinstance(error, CellError)
    assert (error.cell, error.file, error.field, error.cause) == (
        "bad",
        "history.json",
        "[0].coeff",
        '"x" is not a number',
    )


def test_a_step_that_cannot_be_used_takes_the_steps_before_it_along(tmp_path: Path) -> None:
    steps, errors = read(write(tmp_path, "bad", [step(), step(), step(kl_max="x")]), other(tmp_path))
    assert (steps, len(errors)) == (GOOD, 1)


def test_runs_tell_what_could_not_be_read_and_answer_with_the_rest(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        write_cell(tmp_path, name)
    write_file(tmp_path / "a" / "history.json", json.dumps([step(5.0)]))
    write_file(tmp_path / "b" / "history.json", "[")
    told: list[str] = []
    table = klsurv.scan(tmp_path, tell=told.append).bisection()
    assert table.select("cell", "step", "coeff").rows() == [("a", 0, 5.0)]
    (message,) = told
    assert message.startswith("b: history.json: is not JSON")


def test_the_history_of_a_broken_cell_is_not_read(tmp_path: Path) -> None:
    cell = write_cell(tmp_path, "a", pmass={"fork_points": "none"})
    write_file(cell / "history.json", json.dumps([step()]))
    write_cell(tmp_path, "b")
    assert klsurv.scan(tmp_path, tell=lambda message: None).bisection().is_empty()


@pytest.mark.parametrize("name", ["a\tb", "back\\slash", "\\x41", "\u202eright", "\\u0041\n", b"\xff\xfe", "é π"])
def test_a_directory_whose_name_is_not_safe_to_show_is_read_all_the_same(tmp_path: Path, name: str | bytes) -> None:
    cell = write_cell(tmp_path, name)
    write_file(cell / "history.json", json.dumps([step(5.0)]))
    told: list[str] = []
    table = klsurv.scan(tmp_path, tell=told.append).bisection()
    assert (table.select("cell", "coeff").rows(), told) == ([(clean(cell.name), 5.0)], [])


def test_a_frame_has_no_bisection() -> None:
    frame = pl.DataFrame({"alpha": [1.0], "prompt": [0], "kl": [[0.1]], "fork": [[0]], "pmass": [[0.9]]})
    table = klsurv.scan(frame).bisection()
    assert table.is_empty() and table.schema == BISECTION.schema


def test_the_real_histories_end_at_the_calibrated_coefficient(shared: Path) -> None:
    runs = klsurv.scan(shared / "cells")
    last = runs.bisection().group_by("cell", maintain_order=True).last()
    cells = runs.cells().select("cell", "c_star", "target_kl").join(last, on="cell")
    assert cells.height == 2
    assert cells.get_column("coeff").to_list() == pytest.approx(cells.get_column("c_star").to_list(), rel=1e-12)
    assert (cells.get_column("kl_p95") / cells.get_column("target_kl")).is_between(0.9, 1.1).all()
