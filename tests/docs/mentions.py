"""What pages mention. In: the text of pages. Out: commands, options, names and links, each with where it stands."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

from tests.docs.pages import PAGES, blocks, name, prose

_SPAN = re.compile(r"(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)", flags=re.DOTALL)
_LINK = re.compile(r"\]\(([^)\s]+)\)")


def spans(page: Path) -> list[str]:
    """What is set as code in the prose of a page, on one line each."""
    return [" ".join(found.group(2).replace("\\|", "|").split()) for found in _SPAN.finditer(prose(page))]


def links(page: Path) -> list[str]:
    """Where the links and pictures of a page lead, as they stand."""
    return _LINK.findall(_SPAN.sub("", prose(page)))


def headings(page: Path) -> list[str]:
    """The headings of a page, as links name them."""
    found = []
    for line in prose(page).splitlines():
        if line.startswith("#"):
            given = re.search(r"\{ *#([\w-]+) *\}", line)
            text = re.sub(r"[^\w\- ]", "", line.lower().lstrip("# "))
            found.append(given.group(1) if given else text.strip().replace(" ", "-"))
    return found


def commands(program: str) -> Iterator[tuple[str, list[str]]]:
    """Each command line of a program that a page mentions, in blocks or in prose, as its words after the program's."""
    for page in PAGES:
        lines = [(name(page), span) for span in spans(page)]
        for block in blocks(page):
            if block.kind.split()[0] in ("sh", "console"):
                text = block.text.replace("\\\n", " ")
                lines += [(str(block), line.removeprefix("$ ").removeprefix("srun ")) for line in text.splitlines()]
        for where, line in lines:
            if line.startswith(f"{program} "):
                words = shlex.split(line, comments=True)[1:]
                ends = [at for at, word in enumerate(words) if word in ("|", ">", "&", "&&", ";", "2>")]
                yield f"{where}: {line}", words[: min(ends, default=len(words))]
