"""The pages that speak of klsurv, taken apart. In: README.md and docs/. Out: their fenced blocks, in order."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])

_FENCE = re.compile(r"^(?P<indent>[ >]*)(?P<fence>`{3,}|~{3,})(?P<info>.*)$")


@dataclass(frozen=True)
class Block:
    """A fenced block.

    Attributes:
        page: the file that it is in.
        line: of its first line of text, from 1.
        kind: its language, and the words after it: `sh`, `sh slurm`.
        text: what is between the fences, less their indentation.
    """

    page: Path
    line: int
    kind: str
    text: str

    def __str__(self) -> str:
        """Where it is, as an editor takes it."""
        return f"{name(self.page)}:{self.line}"


def name(page: Path) -> str:
    """A page as one calls it."""
    return str(page.relative_to(ROOT))


def blocks(page: Path) -> Iterator[Block]:
    """The fenced blocks of a page."""
    opened: tuple[int, str, str] | None = None
    held: list[str] = []
    for number, line in enumerate(page.read_text().splitlines(), 1):
        found = _FENCE.match(line)
        if opened is None:
            if found:
                # What a site makes of a block, such as title="…", says nothing about what it is.
                words = re.sub(r'\w+="[^"]*"', "", found["info"].strip().strip("{}").replace(".", "")).split()
                opened, held = (number + 1, found["fence"], " ".join(words)), []
        elif found and found["fence"].startswith(opened[1]) and not found["info"].strip():
            yield Block(page, opened[0], opened[2], textwrap.dedent("".join(f"{one}\n" for one in held)))
            opened = None
        else:
            held.append(line)
    assert opened is None, f"{name(page)}: the block at line {opened and opened[0]} has no end"


def prose(page: Path) -> str:
    """A page without its fenced blocks."""
    inside: str | None = None
    kept = []
    for line in page.read_text().splitlines():
        found = _FENCE.match(line)
        if inside is None and found:
            inside = found["fence"]
        elif inside is None:
            kept.append(line)
        elif found and found["fence"].startswith(inside) and not found["info"].strip():
            inside = None
    return "\n".join(kept)
