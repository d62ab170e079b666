"""What was generated, and answered at forks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from klsurv.ingest.discover import GENS, CellDir
from klsurv.ingest.gens import generations
from tests.ingest.handmade import write_cell, write_file

LINE = {
    "alpha": 1.0,
    "kind": "eval",
    "prompt_idx": 0,
    "prompt": "why?",
    "gen_text": "as it is",
    "gen_len": 3,
    "fork_points": [0, 2, 4],
    "p_true": [0.1, 0.2, 0.3],
    "argmax_str": ["a", "b", "c"],
}


def answers(directory: Path, line: dict[str, Any]) -> list[tuple[int, float | None, str | None]]:
    cell = write_cell(directory, "a")
    write_file(cell / GENS, json.dumps(line) + "\n")
    found, problem = generations(CellDir("a", cell))
    assert problem is None
    return found[0].answers


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param({}, [(0, 0.1, "a"), (2, 0.2, "b"), (4, 0.3, "c")], id="each fork has its answer"),
        pytest.param({"fork_points": [0, None, 4]}, [(0, 0.1, "a"), (4, 0.3, "c")], id="a fork that is none"),
        pytest.param(
            {"p_true": [0.1], "argmax_str": []}, [(0, 0.1, None), (2, None, None), (4, None, None)], id="fewer"
        ),
        pytest.param({"p_true": [1.0] * 9, "fork_points": [7]}, [(7, 1.0, "a")], id="more answers than forks"),
        pytest.param({"p_true": "no list", "argmax_str": None}, [(f, None, None) for f in (0, 2, 4)], id="no lists"),
        pytest.param({"fork_points": None}, [], id="no forks"),
    ],
)
def test_an_answer_stays_with_its_fork(tmp_path: Path, given: dict[str, Any], expected: list[Any]) -> None:
    assert answers(tmp_path, LINE | given) == expected


def test_lines_that_are_no_generations_are_counted_and_the_others_read(tmp_path: Path) -> None:
    cell = write_cell(tmp_path, "a")
    lines = [
        json.dumps(LINE),
        "no json",
        json.dumps({"kind": "eval", "prompt_idx": 0}),
        json.dumps(LINE | {"kind": "qa"}),
    ]
    write_file(cell / GENS, "\n".join(lines))
    found, problem = generations(CellDir("a", cell))
    assert [one.text for one in found] == ["as it is"]
    assert problem == "a: gens.jsonl: 2 lines are not generations"
