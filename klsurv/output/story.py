"""The story of one trajectory. In: the table `story`, and what was generated. Out: its text, for a terminal."""

from __future__ import annotations

from typing import Protocol

import polars as pl

from klsurv.names import clean


class Said(Protocol):
    """What was asked and what was generated."""

    asked: str
    text: str
    gen_len: int | None


def story_text(story: pl.DataFrame, said: Said | None) -> str:
    """How it ended, the prompt, and the text up to its death and after; control characters are escaped."""
    deaths = story.filter(~pl.col("alive")).get_column("fork")
    lines = ["", _end(story, deaths.to_list())]
    if said is None:
        return "\n".join([*lines, "What it said is not known: the cell has no gens.jsonl, or no line for it."])
    lines += ["", "PROMPT", *_lines(said.asked)]
    if not len(deaths) or not said.gen_len:
        return "\n".join([*lines, "", "TEXT", *_lines(said.text)])
    # Where in the text a token stands is not recorded; its share of the length is near enough to read on.
    cut = round(len(said.text) * min(1.0, deaths[0] / said.gen_len))
    before, after = said.text[:cut], said.text[cut:]
    return "\n".join([*lines, "", "TEXT up to its death (about)", *_lines(before), "", "and after", *_lines(after)])


def _end(story: pl.DataFrame, deaths: list[int]) -> str:
    if deaths:
        return f"Died at fork {deaths[0]}."
    measured = story.get_column("pmass").drop_nulls().len()
    return "Alive at every fork that was measured." if measured else "Not measured at any fork."


def _lines(text: str) -> list[str]:
    return [clean(line, backslash=False) for line in text.split("\n")] if text else ["(nothing)"]
