"""The README says what the code says."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

import klsurv
from klsurv.frames.describe import describe

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text()


def test_it_has_two_set_up_commands_that_need_nothing_but_python() -> None:
    commands = re.findall(r"```sh setup\n(.*?)```", README, flags=re.DOTALL)
    assert [command.count("\n") for command in commands] == [1, 1]
    assert all(command.startswith("python3 -m venv .venv && .venv/bin/pip install") for command in commands)
    assert "klsurv demo" in commands[0] and "pytest" in commands[1]


def test_its_table_of_the_summary_is_the_declared_one() -> None:
    for _, column, _, unit, meaning in describe(["summary"]).rows():
        assert f"| {column} | {unit} | {meaning} |" in README


def test_its_pictures_are_there() -> None:
    pictures = re.findall(r"!\[.*?\]\((.*?)\)", README)
    assert pictures
    assert all((ROOT / picture).is_file() for picture in pictures)


@pytest.mark.parametrize("line", re.findall(r"^klsurv (.*?)(?:\s+#.*)?$", README, flags=re.MULTILINE))
def test_each_command_of_its_tour_runs(
    line: str, cells: Path, klsurv: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cells.rename(tmp_path / "klsurv-demo")
    monkeypatch.chdir(tmp_path)
    if "scored.parquet --threshold" in line:
        run(klsurv, "export klsurv-demo scored.parquet --table scored --threshold 0.3 --roll 9")
    done = run(klsurv, line)
    assert done.returncode == 0, done.stderr


def run(command: object, line: str) -> subprocess.CompletedProcess[str]:
    assert callable(command)
    done: subprocess.CompletedProcess[str] = command(*line.split())
    return done


def test_its_python_runs(cells: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cells.rename(tmp_path / "klsurv-demo")
    monkeypatch.chdir(tmp_path)
    code = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
    assert len(code) == 2
    for block in code:
        exec(compile(block, "README.md", "exec"), {"klsurv": klsurv})
