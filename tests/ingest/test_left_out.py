"""Cells that are damaged, or not measured: left out with a reason, and the other is read."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from klsurv.errors import CellError
from tests.ingest.handmade import INF, KL, KL_FIELD, PMASS, PMASS_FIELD, read, source, write_cell, write_file

TOO_DEEP = "[" * 100_000 + "]" * 100_000


def kl(**changes: Any) -> dict[str, Any]:
    return {"trajectory": {KL_FIELD: {"0.0": KL[0.0], "1.0": KL[1.0], **changes}}}


def mass(**changes: Any) -> dict[str, Any]:
    return {"pmass": {PMASS_FIELD: {"0.0": PMASS[0.0], "1.0": PMASS[1.0], **changes}}}


def of(file: str, **changes: Any) -> dict[str, Any]:
    return {file: changes}


# What a cell may hold that cannot be used: changes to a good cell, then file, field and cause as the reason names them.
BAD_VALUES: list[tuple[dict[str, Any], str, str, str]] = [
    (of("calib", window=...), "calib.json", "window", "missing"),
    (of("calib", window="8"), "calib.json", "window", '"8" is not a number of tokens'),
    (of("calib", window=True), "calib.json", "window", "true is not a number of tokens"),
    (of("calib", window=0), "calib.json", "window", "a rollout has 1 token or more, not 0"),
    (of("calib", window=10**400), "calib.json", "window", "is not a number of tokens"),
    (of("trajectory", per_prompt_per_t_kl=...), "trajectory.json", KL_FIELD, "missing"),
    (of("trajectory", per_prompt_per_t_kl=[]), "trajectory.json", KL_FIELD, "is a list, expected an object"),
    (kl(**{"1.0": None}), "trajectory.json", f'{KL_FIELD}["1.0"]', "is null, expected a list"),
    (kl(**{"1.0": [[0.5], None]}), "trajectory.json", f'{KL_FIELD}["1.0"][1]', "is null, expected a list"),
    (kl(**{"1.0": [[0.5], [0.5, "x"]]}), "trajectory.json", f'{KL_FIELD}["1.0"][1][1]', '"x" is not a number'),
    (kl(**{"1.0": [[0.5], [True]]}), "trajectory.json", f'{KL_FIELD}["1.0"][1][0]', "true is not a number"),
    (kl(**{"1.0": [[10**400], [0.5]]}), "trajectory.json", f'{KL_FIELD}["1.0"][0][0]', "is larger than any float"),
    *[
        (kl(**{key: [[0.5]]}), "trajectory.json", KL_FIELD, "is not an alpha, a finite number")
        for key in ("abc", "nan", "inf", "1_0", "", "1e999")
    ],
    (kl(**{"1": [[0.5]]}), "trajectory.json", KL_FIELD, 'the keys "1.0" and "1" are one alpha'),
    (mass(**{"1": [[0.5]]}), "pmass.json", PMASS_FIELD, 'the keys "1.0" and "1" are one alpha'),
    (of("pmass", fork_points=...), "pmass.json", "fork_points", "missing"),
    (of("pmass", fork_points=[0, 4, 2, 8]), "pmass.json", "fork_points[2]", "2 does not ascend from 4"),
    (of("pmass", fork_points=[0, 2, 2, 8]), "pmass.json", "fork_points[2]", "2 does not ascend from 2"),
    (of("pmass", fork_points=[-1, 2, 4, 8]), "pmass.json", "fork_points[0]", "-1 is not a number of tokens"),
    (of("pmass", fork_points=[0, 2.5, 4, 8]), "pmass.json", "fork_points[1]", "2.5 is not a number of tokens"),
    (of("pmass", fork_points=[0, "2", 4, 8]), "pmass.json", "fork_points[1]", '"2" is not a number of tokens'),
    (of("pmass", pmass_eval=...), "pmass.json", PMASS_FIELD, "missing"),
    (mass(**{"1.0": [[0.5], [1.5]]}), "pmass.json", f'{PMASS_FIELD}["1.0"][1][0]', "1.5 is not a probability"),
    (mass(**{"1.0": [[0.5, -0.5]]}), "pmass.json", f'{PMASS_FIELD}["1.0"][0][1]', "-0.5 is not a probability"),
    (mass(**{"1.0": [[INF]]}), "pmass.json", f'{PMASS_FIELD}["1.0"][0][0]', "is not a probability"),
    (mass(**{"1.0": [["0.5"]]}), "pmass.json", f'{PMASS_FIELD}["1.0"][0][0]', '"0.5" is not a number'),
    (mass(**{"1.0": [[False]]}), "pmass.json", f'{PMASS_FIELD}["1.0"][0][0]', "false is not a number"),
    (mass(**{"1.0": [None]}), "pmass.json", f'{PMASS_FIELD}["1.0"][0]', "is null, expected a list"),
    (mass(**{"1.0": [[0.5] * 5]}), "pmass.json", f'{PMASS_FIELD}["1.0"][0]', "5 values for 4 fork points"),
    (of("pmass", gen_lens_eval={"1.0": [-1]}), "pmass.json", 'gen_lens_eval["1.0"][0]', "is not a number of tokens"),
    (of("pmass", gen_lens_eval={"1.0": ["8"]}), "pmass.json", 'gen_lens_eval["1.0"][0]', "is not a number of tokens"),
]

BAD_FILES: list[tuple[str, str | bytes]] = [
    ("is empty", ""),
    ("is not JSON", "text"),
    ("is not JSON", b"\xff\xfe{}"),
    ("is not JSON", '{"a": "'),
    ("is not JSON", '{"window": 8, "window": 9}'),
    ("is not JSON", '{"window": 1' + "0" * 5000 + "}"),
    ("is nested deeper than 200 levels", '{"a": ' + TOO_DEEP + "}"),
    ("is nested deeper than 200 levels", TOO_DEEP),
    ("holds a list at the top", "[]"),
    ("holds null at the top", "null"),
]


def check_left_out(root: Path, *, status: str, file: str, field: str, cause: str) -> None:
    cells, trajectories = read(root)
    assert_frame_equal(trajectories, source("good"), check_exact=True)
    told = cells.row(by_predicate=pl.col("cell") == "bad", named=True)
    assert told["status"] == status
    assert file in told["reason"] and field in told["reason"] and cause in told["reason"]
    assert told["reason"].isprintable()
    assert cells.filter(cell="good").get_column("status").item() == "ok"
    with pytest.raises(CellError) as caught:
        read(root, strict=True)
    assert all(part in str(caught.value) for part in ("bad", file, field, cause))


@pytest.mark.parametrize(("changes", "file", "field", "cause"), BAD_VALUES)
def test_a_cell_with_a_bad_value_is_broken_and_the_other_is_read(
    tmp_path: Path, changes: dict[str, Any], file: str, field: str, cause: str
) -> None:
    write_cell(tmp_path, "good")
    write_cell(tmp_path, "bad", **changes)
    check_left_out(tmp_path, status="broken", file=file, field=field, cause=cause)


@pytest.mark.parametrize("file", ["calib.json", "trajectory.json", "pmass.json"])
@pytest.mark.parametrize(("cause", "content"), BAD_FILES, ids=range(len(BAD_FILES)))
def test_a_cell_with_a_bad_file_is_broken_and_the_other_is_read(
    tmp_path: Path, file: str, cause: str, content: str | bytes
) -> None:
    write_cell(tmp_path, "good")
    write_file(write_cell(tmp_path, "bad") / file, content)
    check_left_out(tmp_path, status="broken", file=file, field="", cause=cause)


@pytest.mark.parametrize("file", ["calib.json", "trajectory.json", "pmass.json"])
@pytest.mark.parametrize(
    ("place", "status", "cause"),
    [
        (lambda path: None, "skipped", "not there (yet)"),
        (os.mkfifo, "broken", "is a FIFO, not a regular file"),
        (Path.mkdir, "broken", "is a directory, not a regular file"),
        (lambda path: path.symlink_to("gone"), "broken", "missing"),
    ],
    ids=["nothing", "fifo", "directory", "dangling link"],
)
def test_a_cell_without_a_file_that_can_be_read_is_left_out_and_does_not_hang(
    tmp_path: Path, file: str, place: Callable[[Path], object], status: str, cause: str
) -> None:
    write_cell(tmp_path, "good")
    bad = write_cell(tmp_path, "bad")
    (bad / file).unlink()
    place(bad / file)
    check_left_out(tmp_path, status=status, file=file, field="", cause=cause)


def test_a_cell_that_was_not_measured_is_skipped_and_the_other_is_read(tmp_path: Path) -> None:
    write_cell(tmp_path, "good")
    write_cell(tmp_path, "bad", pmass={"computed": False})
    check_left_out(tmp_path, status="skipped", file="pmass.json", field="computed", cause="pmass was not measured")


def test_a_link_that_leads_nowhere_is_a_broken_cell(tmp_path: Path) -> None:
    write_cell(tmp_path, "good")
    (tmp_path / "bad").symlink_to("gone")
    check_left_out(tmp_path, status="broken", file="", field="", cause="the directory cannot be read")
