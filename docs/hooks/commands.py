"""The reference of the commands. In: the commands themselves. Out: Markdown in the place of a mark in commands.md."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from typing import Any

import click

from klsurv.cli import cli

MARK = "<!-- the commands -->"
_OPTION = re.compile(r"(?<![\w`-])--?[a-z][a-z-]*")


def on_page_markdown(markdown: str, **_: Any) -> str:
    """The page with the reference in it."""
    return markdown.replace(MARK, "\n".join(reference())) if MARK in markdown else markdown


def commands(group: click.Group = cli, words: tuple[str, ...] = ("klsurv",)) -> Iterator[tuple[str, click.Command]]:
    """Every command with the words that call it, in the order in which one meets them."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        yield " ".join((*words, name)), command
        if isinstance(command, click.Group):
            yield from commands(command, (*words, name))


def reference() -> Iterator[str]:
    """A section for each command: what it does, how it is called, its options."""
    for words, command in commands():
        level = "#" * len(words.split())
        yield f"\n{level} {words} {{ #{anchor(words)} }}\n"
        yield text(inspect.cleandoc(command.help or ""))
        if not isinstance(command, click.Group):
            usage = " ".join(command.collect_usage_pieces(click.Context(command)))
            yield f"\n```text\n{words} {usage}\n```\n"
            yield from options(command)


def anchor(words: str) -> str:
    """Where a command is in the page: `plot-survival` for `klsurv plot survival`."""
    return "-".join(words.split()[1:])


def options(command: click.Command) -> Iterator[str]:
    """The options of its own as a table, and those of each panel, which many commands share, folded."""
    given = {param.opts[0]: param for param in command.params if isinstance(param, click.Option)}
    # Of rich-click: the panels of --help. An option is named there by its long form.
    panels = {panel.name: panel.options for panel in getattr(command, "panels", [])}
    shared = {name for names in panels.values() for name in names}
    own = [option for name, option in given.items() if name not in shared]
    if own:
        yield from table(own)
    for panel, names in panels.items():
        yield f'\n??? note "{panel}: {", ".join(names)}"\n'
        yield from (f"    {line}" for line in table([given[name] for name in names]))


def table(rows: list[click.Option]) -> Iterator[str]:
    """Options as a table of Markdown."""
    yield "| option | default | |"
    yield "| :-- | :-- | :-- |"
    for option in rows:
        yield f"| {names_of(option)} | {default_of(option)} | {text(option.help or '')} |"


def names_of(option: click.Option) -> str:
    """Its names, and what it takes."""
    names = ", ".join(f"`{name}`" for name in (*option.opts, *option.secondary_opts))
    if option.is_flag:
        return names
    if isinstance(option.type, click.Choice) and option.metavar is None:
        return f"{names} {', '.join(f'`{choice}`' for choice in option.type.choices)}"
    return f"{names} `{option.make_metavar(click.Context(click.Command('')))}`"


def default_of(option: click.Option) -> str:
    """Its default, where it has one that means something by itself."""
    value = option.get_default(click.Context(click.Command("")))
    if option.is_flag and option.secondary_opts:
        return f"`{option.opts[0] if value else option.secondary_opts[0]}`"
    return f"`{value}`" if option.show_default is True and value not in (None, "", ()) else ""


def text(words: str) -> str:
    """What is said in a help text, such that no character of it is taken for Markdown or the end of a table's cell."""
    words = words.replace("|", "\\|").replace("<", "&lt;").replace("*", "\\*")
    return _OPTION.sub(r"`\g<0>`", words)
