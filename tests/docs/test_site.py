"""The site has a place for everything: each page in the nav, each command, chart, table, name and rule on a page."""

from __future__ import annotations

import inspect
import re
import runpy
from pathlib import Path
from typing import Any

import click
import pytest

import klsurv
from klsurv.cli import cli
from klsurv.cli.plot import CHARTS
from klsurv.plots.methods import Plots
from klsurv.runs import INNER
from klsurv.schema import TABLES
from tests.cli.test_help import commands

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"


def page(name: str) -> str:
    return (DOCS / f"{name}.md").read_text()


def hook(name: str) -> dict[str, Any]:
    return runpy.run_path(str(DOCS / "hooks" / f"{name}.py"))


def sections(markdown: str) -> dict[str, str]:
    """What stands below each heading of the second level, by the heading."""
    return {part.split("\n", 1)[0].split(" {")[0]: part for part in re.split(r"^## ", markdown, flags=re.MULTILINE)[1:]}


def test_every_page_is_in_the_navigation_once() -> None:
    named = re.findall(r"[:-] (\w+\.md)$", (ROOT / "mkdocs.yml").read_text(), flags=re.MULTILINE)
    assert sorted(named) == sorted(path.name for path in DOCS.rglob("*.md"))


def test_every_hook_is_used() -> None:
    named = re.findall(r"- docs/hooks/(\w+)\.py$", (ROOT / "mkdocs.yml").read_text(), flags=re.MULTILINE)
    assert sorted(named) == sorted(path.stem for path in (DOCS / "hooks").glob("*.py"))


def test_every_command_has_its_section_with_all_of_its_options() -> None:
    said = hook("commands")["on_page_markdown"](page("commands"))
    parts = {part.split(" {", 1)[0]: part for part in re.split(r"^#{2,3} (?=klsurv )", said, flags=re.MULTILINE)[1:]}
    assert list(parts) == [" ".join(("klsurv", *words)) for words in commands(cli) if words]
    for words, text in parts.items():
        command: click.Command | None = cli
        for word in words.split()[1:]:
            assert isinstance(command, click.Group)
            command = command.get_command(click.Context(command), word)
        assert command is not None
        for param in command.params:
            shown = (
                [f"`{name}`" for name in param.opts]
                if isinstance(param, click.Option)
                else [param.make_metavar(click.Context(command))]
            )
            assert [name for name in shown if name not in text] == [], words
            assert not isinstance(param, click.Option) or param.help


def test_every_table_has_its_section_with_all_of_its_columns() -> None:
    said = hook("tables")["on_page_markdown"](page("tables"))
    parts = {part.split("\n", 1)[0]: part for part in re.split(r"^## ", said, flags=re.MULTILINE)[1:]}
    assert list(parts) == list(TABLES)
    for name, text in parts.items():
        assert re.findall(r"^\| `(\w+)` \|", text, flags=re.MULTILINE) == TABLES[name].names


@pytest.mark.parametrize("chart", CHARTS)
def test_every_chart_has_its_picture_its_command_and_how_to_read_it(chart: str) -> None:
    assert list(sections(page("figures"))) == list(CHARTS)
    text = sections(page("figures"))[chart]
    assert f"]({chart}.png)" in text and (DOCS / f"{chart}.png").is_file()
    options = runpy.run_path(str(DOCS / "figures.py"))["CHARTS"][chart]
    assert f"`{' '.join(['klsurv plot', chart, 'RUNS', *options])}`" in text
    assert all(word in text for word in ("**Drawn.**", "**Read it.**", "**Traps.**"))
    assert f"| [{chart}](#{chart}) |" in page("figures")


def test_every_question_of_the_list_is_answered_below_it() -> None:
    text = page("questions")
    listed = re.findall(r"^\| \[[^]]+\]\(#([\w-]+)\) \| `klsurv ", text, flags=re.MULTILINE)
    assert listed == re.findall(r"^## .* \{ #([\w-]+) \}$", text, flags=re.MULTILINE)
    assert len(listed) >= 8
    for question, answer in sections(text).items():
        assert "klsurv " in answer, question


def test_every_rule_has_its_section() -> None:
    assert re.findall(r"^## (R\d) .* \{ #r\d \}$", page("rules"), flags=re.MULTILINE) == [f"R{n}" for n in range(1, 10)]
    named = re.findall(r"`(\w+/\w+\.py)`", page("rules"))
    assert len(named) >= 9
    assert all((ROOT / "klsurv" / name).is_file() for name in named)


def test_every_public_name_is_on_the_page_of_the_python_interface() -> None:
    shown = set(re.findall(r"^::: klsurv\.(\w+)$", page("api"), flags=re.MULTILINE))
    assert {name for name in klsurv.__all__ if name != "__version__"} <= shown
    methods = {name for name in dir(klsurv.Runs) if not name.startswith("_")} - INNER
    members = re.search(r"^::: klsurv\.Runs\n +options:\n +members: \[(.*)\]$", page("api"), flags=re.MULTILINE)
    assert members is not None
    named = set(re.findall(r"^::: klsurv\.Runs\.(\w+)$", page("api"), flags=re.MULTILINE))
    assert named | set(members[1].split(", ")) == methods | {"warnings"}
    assert {name for name in dir(Plots) if not name.startswith("_")} == set(CHARTS)


def test_what_is_not_shown_of_runs_is_there() -> None:
    assert {name for name in INNER if not hasattr(klsurv.Runs, name)} == set()


def test_everything_on_that_page_has_a_docstring() -> None:
    for name in (*klsurv.__all__, *(f"Runs.{name}" for name in dir(klsurv.Runs) if not name.startswith("_"))):
        found = klsurv
        for part in name.split("."):
            found = getattr(found, part)
        assert name == "__version__" or inspect.getdoc(found), name
