"""The README says what the code says."""

from __future__ import annotations

import re
from pathlib import Path

from klsurv.schema.describe import describe

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text()


def test_it_has_two_set_up_commands_that_need_nothing_but_python() -> None:
    commands = re.findall(r"```sh setup\n(.*?)```", README, flags=re.DOTALL)
    assert [command.count("\n") for command in commands] == [1, 1]
    assert all(command.startswith("python3 -m venv .venv && .venv/bin/pip install") for command in commands)
    assert "klsurv demo" in commands[0] and "pytest" in commands[1]


def test_its_table_of_the_summary_is_the_declared_one() -> None:
    for row in describe(["summary"]):
        assert f"| {row['column']} | {row['unit']} | {row['meaning']} |" in README


def test_its_pictures_are_there() -> None:
    pictures = re.findall(r"!\[.*?\]\((.*?)\)", README)
    assert pictures
    assert all((ROOT / picture).is_file() for picture in pictures)
