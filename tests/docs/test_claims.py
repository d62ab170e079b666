"""What README and docs say of klsurv is so: its commands, options, defaults, names, files."""

from __future__ import annotations

import dataclasses
import importlib.util
import re
import tomllib
from collections.abc import Iterator
from functools import reduce
from pathlib import Path
from typing import Any

import click
import pytest
from distributed.cli import dask_scheduler, dask_worker

import klsurv
import klsurv.plots.methods
from klsurv.cli import cli
from klsurv.inference import Interval, Resampling
from klsurv.params import Event, Scoring
from tests.cli.test_help import commands as all_commands
from tests.docs.mentions import commands, headings, links, spans
from tests.docs.pages import PAGES, ROOT, name, prose

README = (ROOT / "README.md").read_text()
# Of programs that are not here: sbatch, aws, mkdocs.
ELSEWHERE = {"--dependency=afterany:$SWEEP"}


def found(words: tuple[str, ...]) -> click.Command:
    """The command that words call."""
    command: click.Command = cli
    for word in words:
        assert isinstance(command, click.Group)
        below = command.get_command(click.Context(command), word)
        assert below is not None
        command = below
    return command


COMMANDS = {words: found(words) for words in all_commands(cli)}
OPTIONED = [*COMMANDS.values(), dask_scheduler.main, dask_worker.main]


def called(words: list[str], command: click.Command = cli) -> tuple[click.Command, list[str]]:
    """The command that words call, and what it is given."""
    while isinstance(command, click.Group) and words and not words[0].startswith("-") and not placeholder(words[0]):
        below = command.get_command(click.Context(command), words[0])
        if below is None:
            raise click.UsageError(f"there is no command {words[0]}")
        command, words = below, words[1:]
    return command, words


def placeholder(value: Any) -> bool:
    """Whether a value stands for one: FILE, N, k, …"""
    return isinstance(value, str) and (not re.search("[a-z0-9]", value) or bool(re.fullmatch("[a-z]", value)))


def parse(command: click.Command, words: list[str]) -> None:
    """Raise where a command does not know an option, or an option not its value."""
    words = [word for word in (word.strip("[]") for word in words) if word != "…"]
    context = click.Context(command)
    # An option at the end may be spoken of without its value.
    given = command.make_parser(context).parse_args([*words, "N"] if takes_value(command, words) else words)[0]
    for param in command.params:
        values = given.get(param.name)
        for value in values if isinstance(values, list) else [values]:
            if isinstance(value, str) and not placeholder(value) and "$" not in value:
                param.type.convert(value, param, context)


def takes_value(command: click.Command, words: list[str]) -> bool:
    return bool(words) and any(
        words[-1] in param.opts and not param.is_flag for param in command.params if isinstance(param, click.Option)
    )


@pytest.mark.parametrize(("where", "words"), [pytest.param(*one, id=one[0]) for one in commands("klsurv")])
def test_a_command_that_is_mentioned_is_one(where: str, words: list[str]) -> None:
    parse(*called(words))


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_options_that_are_mentioned_are_options_of_one_command(page: Path) -> None:
    for span in spans(page):
        if re.match(r"--?[a-z]", span) and span not in ELSEWHERE:
            assert any(accepts(command, span.split()) for command in OPTIONED), f"{name(page)}: `{span}`"


def accepts(command: click.Command, words: list[str]) -> bool:
    try:
        parse(command, words)
    except click.UsageError:
        return False
    return True


def test_options_that_no_command_has_are_found() -> None:
    assert accepts(COMMANDS["summary",], ["RUNS", "--threshold", "0.3", "--by"])
    assert not accepts(COMMANDS["summary",], ["RUNS", "--threshhold", "0.3"])
    assert not accepts(COMMANDS["summary",], ["RUNS", "--format", "xml"])
    with pytest.raises(click.UsageError):
        called(["summarise", "RUNS"])


def defaults() -> Iterator[tuple[str, str, str]]:
    """Page, option and default wherever prose has an option with a number in brackets after it."""
    for page in PAGES:
        for option, value in re.findall(r"`(--[a-z-]+)`\s\((\d[\d.,]*)\)", prose(page)):
            yield name(page), option, value


def test_defaults_that_are_mentioned_are_the_defaults() -> None:
    mentioned = list(defaults())
    assert len(mentioned) >= 3
    for page, option, value in mentioned:
        params = [param for command in COMMANDS.values() for param in command.params if option in param.opts]
        assert params and {param.default for param in params} == {float(value.replace(",", ""))}, (page, option)


def test_docstrings_say_the_defaults() -> None:
    fields = {
        field.name: field.default
        for kind in (Scoring, Event, Interval, Resampling)
        for field in dataclasses.fields(kind)
    }
    text = klsurv.Runs.__doc__ or ""
    said = dict(re.findall(r"(\w+) \(([\w.]+)(?: \w+)?\)", text))
    assert {"threshold", "roll", "calib_tokens", "normalize_kl", "kl_threshold"} <= set(said)
    assert {key: str(fields[key]) for key in said} == {
        key: str(float(value)) if isinstance(fields[key], float) else value for key, value in said.items()
    }


def test_the_table_of_commands_has_all_of_them() -> None:
    table = re.findall(r"^\| `klsurv (\w+).*?` \|", README.split("## Commands")[1].split("\n## ")[0], re.MULTILINE)
    assert sorted(table) == sorted(cli.list_commands(click.Context(cli)))


def test_each_chart_has_its_section_picture_and_command() -> None:
    page = ROOT / "docs" / "figures.md"
    plot = COMMANDS["plot",]
    assert isinstance(plot, click.Group)
    charts = plot.list_commands(click.Context(plot))
    assert set(charts) <= set(headings(page))
    assert {f"{chart}.png" for chart in charts} <= set(links(page))
    assert len(charts) == 11 and "[ten others](docs/figures.md)" in README


def test_extras_that_are_mentioned_are_there_and_all_are_mentioned() -> None:
    extras = set(tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"])
    text = "".join(page.read_text() for page in [*PAGES, *(ROOT / "klsurv").rglob("*.py")])
    asked = {extra for group in re.findall(r"(?:klsurv|')\.?\[([a-z0-9,]+)\]", text) for extra in group.split(",")}
    listed = set(re.findall(r"^\| `(\w+)` \|", (ROOT / "docs" / "install.md").read_text(), flags=re.MULTILINE))
    assert asked and asked <= extras
    assert listed == extras


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_somewhere(page: Path) -> None:
    for link in links(page):
        path, _, anchor = link.partition("#")
        if re.match(r"[a-z]+:", link):
            continue
        target = page.parent / path if path else page
        assert target.exists(), f"{name(page)}: {link}"
        # Of the pages that are written from the code, the site knows the anchors.
        if anchor and target.name not in ("commands.md", "tables.md", "api.md"):
            assert anchor in headings(target), f"{name(page)}: {link}"


# In the code, and in the names of the cells that ship with it.
WORDS = {word for path in (ROOT / "klsurv").rglob("*.py") for word in re.findall(r"[a-z_]\w*", path.read_text())}
METHODS = {"pca", "mean_diff"}


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_names_that_are_mentioned_are_names_in_the_code(page: Path) -> None:
    for span in spans(page):
        if re.fullmatch(r"[a-z]\w*_\w+", span):
            assert span in WORDS | METHODS, f"{name(page)}: `{span}`"
        elif re.fullmatch(r"klsurv(\.\w+)+(\(.*\))?", span):
            reduce(getattr, span.partition("(")[0].split(".")[1:], klsurv)
        elif re.fullmatch(r"runs(\.\w+)+(\(.*\))?", span):
            kind: Any = klsurv.Runs
            for part in span.partition("(")[0].split(".")[1:]:
                kind = klsurv.plots.methods.Plots if part == "plot" else getattr(kind, part)
        elif re.fullmatch(r"[\w/]+/\w+\.py", span):
            assert (ROOT / span).is_file() or (ROOT / "klsurv" / span).is_file(), f"{name(page)}: `{span}`"
        elif module := re.match(r"python -m ([\w.]+)", span):
            assert importlib.util.find_spec(module[1]), f"{name(page)}: `{span}`"
