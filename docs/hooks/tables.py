"""The reference of the tables. In: klsurv's schema. Out: Markdown in the place of a mark in tables.md."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from klsurv.schema import GROUPED, TABLES
from klsurv.schema.describe import describe

MARK = "<!-- the tables -->"


def on_page_markdown(markdown: str, **_: Any) -> str:
    """The page with the reference in it."""
    return markdown.replace(MARK, "\n".join(reference())) if MARK in markdown else markdown


def reference() -> Iterator[str]:
    """A section for each table, as `klsurv schema` has it: its row key and its columns."""
    for name in TABLES:
        yield f"\n## {name}\n"
        before = ", after the columns of the group" if name in GROUPED else ""
        yield f"One row per {TABLES[name].row_key}. The columns{before}:\n"
        yield "| column | dtype | unit | meaning |"
        yield "| :-- | :-- | :-- | :-- |"
        for row in describe([name]):
            meaning = row["meaning"].replace("|", "\\|")
            yield f"| `{row['column']}` | {row['dtype']} | {row['unit']} | {meaning} |"
