from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

import klsurv as package
from klsurv.cli import cli
from klsurv.cli.plot import CHARTS
from tests.conftest import Klsurv

HEAVY = ("polars", "altair", "pyarrow", "pandas", "vl_convert", "rich.progress", "numpy", "scipy", "statsmodels")


def commands(group: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Every command, as its words on the command line; the group itself first."""
    yield path
    if isinstance(group, click.Group):
        context = click.Context(group)
        for name in group.list_commands(context):
            command = group.get_command(context, name)
            assert command is not None
            yield from commands(command, (*path, name))


def loaded_by(*arguments: str) -> set[str]:
    """The modules that a command loads."""
    command = [sys.executable, "-X", "importtime", "-m", "klsurv", *arguments]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    loaded = set(re.findall(r"\| +([\w.]+)$", result.stderr, flags=re.MULTILINE))
    assert "klsurv.cli" in loaded
    return loaded


@pytest.mark.parametrize("words", list(commands(cli)), ids=" ".join)
def test_every_command_has_help_that_names_its_options(klsurv: Klsurv, words: tuple[str, ...]) -> None:
    result = klsurv(*words, "--help")
    assert (result.returncode, result.stderr) == (0, "")
    assert "Usage: " in result.stdout
    assert " ".join(words) in result.stdout
    command: click.Command = cli
    for word in words:
        assert isinstance(command, click.Group)
        found = command.get_command(click.Context(command), word)
        assert found is not None
        command = found
    options = [name for parameter in command.params if isinstance(parameter, click.Option) for name in parameter.opts]
    assert [name for name in options if name not in result.stdout] == []
    assert command.help is not None and command.help.split()[0] in result.stdout


def test_the_help_lists_every_command_in_the_order_in_which_one_meets_them(klsurv: Klsurv) -> None:
    listed = re.findall(r"^│ (\w+)  ", klsurv("--help").stdout, flags=re.MULTILINE)
    names = cli.list_commands(click.Context(cli))
    assert [name for name in listed if name in names] == names


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["compare", "--help"], ["plot", "--help"]])
def test_help_loads_no_heavy_library(arguments: list[str]) -> None:
    assert loaded_by(*arguments) & set(HEAVY) == set()


def test_a_table_that_is_printed_loads_nothing_that_writes_files_or_draws(real_cells: Path) -> None:
    loaded = loaded_by("survival", str(real_cells), "--threshold", "0.3", "--by", "method,alpha")
    assert "polars" in loaded and loaded & {"pyarrow", "altair", "pandas", "vl_convert", "scipy"} == set()


def test_importing_klsurv_loads_no_library() -> None:
    script = "import sys, klsurv; print([name for name in sys.argv[1:] if name in sys.modules])"
    result = subprocess.run(
        [sys.executable, "-c", script, *HEAVY, "rich"], capture_output=True, text=True, timeout=60, check=True
    )
    assert result.stdout.strip() == "[]"


def test_the_version_is_the_package_s(klsurv: Klsurv) -> None:
    result = klsurv("--version")
    assert (result.returncode, result.stderr) == (0, "")
    assert package.__version__ in result.stdout


def test_without_arguments_it_says_how_it_is_used(klsurv: Klsurv) -> None:
    result = klsurv()
    assert result.returncode == 2
    assert "Usage: " in result.stdout + result.stderr


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        (["sumary"], "No such command 'sumary'. Did you mean summary?"),
        (["plot", "survivel"], "No such command 'survivel'. Did you mean survival?"),
        (["plot", "zzz"], f"No such command 'zzz'. There are {', '.join(CHARTS)}."),
    ],
)
def test_a_command_that_is_spelled_wrong_is_guessed(klsurv: Klsurv, typed: list[str], told: str) -> None:
    result = klsurv(*typed, "runs")
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.rstrip().endswith(told)
