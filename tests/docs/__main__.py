"""Write what the commands of the docs print. In: names of pages; all if there are none. Out: the pages."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tests.docs.pages import PAGES, blocks
from tests.docs.reader import Reader, commands, follow


def main() -> None:
    """Follow each page, and put what its console blocks print in the place of what they say."""
    asked = [Path(page).resolve() for page in sys.argv[1:]]
    for page in asked or PAGES:
        if any(block.kind == "console" for block in blocks(page)):
            write(page)


def write(page: Path) -> None:
    """Follow one page."""
    lines, shift = page.read_text().splitlines(keepends=True), 0
    with tempfile.TemporaryDirectory() as scratch, Reader(Path(scratch) / "page") as reader:
        reader.shell("klsurv demo")
        for block in blocks(page):
            if block.kind != "console":
                follow(reader, block)
                continue
            indent = " " * (len(lines[block.line - 1 + shift]) - len(lines[block.line - 1 + shift].lstrip()))
            said = [(command, reader.printed(block, command)) for command, _ in commands(block)]
            text = "".join(f"$ {command}\n" + (f"{printed}\n" if printed else "") for command, printed in said)
            now = [f"{indent}{line}".rstrip() + "\n" for line in text.splitlines()]
            start, length = block.line - 1 + shift, block.text.count("\n")
            lines[start : start + length] = now
            shift += len(now) - length
    page.write_text("".join(lines))


if __name__ == "__main__":
    main()
