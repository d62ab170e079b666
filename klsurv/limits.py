"""How much a cell may hold. In: the environment. Out: `Limits`; a cell past one is refused before it fills memory.

Each is far above what a sweep writes (200 prompts × 20 alphas × 32,768 tokens, 3.4 GB with a number per line, is
within all of them), so that only what cannot be meant meets one. `KLSURV_MAX_` and a field's name in capitals sets it;
the environment is what every worker process has too.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, fields
from functools import lru_cache

from klsurv.errors import LimitError
from klsurv.validate import check

PREFIX = "KLSURV_MAX_"
# Levels of lists and objects in a file, a cell's own being four: the parser has this limit, and it cannot be raised.
NESTING = 200


@dataclass(frozen=True, kw_only=True)
class Limits:
    """The most that is read.

    Attributes:
        file_bytes: of one file, known before it is opened; parsed, it takes three times as much memory, or more.
        text: bytes of one string in a file; a character takes up to four in memory.
        lists: lists and objects in one file, 80 bytes of memory for two of text.
        values: numbers in one cell, 32 bytes each while it is read; also its rows times the longest of them, for a
            table is made with all rows as long, and its rows times its forks.
        alphas: doses of one cell.
        prompts: at one alpha.
        forks: of one cell.
        name: characters of a model's or method's name.
        cells: sub-directories of a run root, or objects below a prefix.
    """

    file_bytes: int = 4 * 2**30
    text: int = 64 * 2**20
    lists: int = 32 * 2**20
    values: int = 256 * 2**20
    alphas: int = 1_000
    prompts: int = 100_000
    forks: int = 100_000
    name: int = 1_000
    cells: int = 1_000_000


_FIELDS = tuple(field.name for field in fields(Limits))
NAMES = tuple(PREFIX + name.upper() for name in _FIELDS)


@lru_cache(maxsize=1)
def limits() -> Limits:
    """The limits as the environment had them when they were first asked for, or last checked.

    Raises:
        ParameterError: one is not a whole number of 1 or more; a variable that is empty is not set.
    """
    chosen = {}
    for field, name in zip(_FIELDS, NAMES, strict=True):
        if value := os.environ.get(name):
            good = value.isascii() and value.isdecimal() and len(value) < 20 and int(value) > 0
            check(good, f"{name} must be a whole number of 1 or more, not {value[:40]!r}")
            chosen[field] = int(value)
    return Limits(**chosen)


def check_limits() -> None:
    """Look at the environment anew; raise `ParameterError` where a limit in it is wrong, or there is no such limit."""
    limits.cache_clear()
    for name in os.environ:
        check(not name.startswith(PREFIX) or name in NAMES, f"{name} is no limit: expected one of {', '.join(NAMES)}")
    limits()


def within(name: str, found: int, what: str, *, file: str | None = None, field: str | None = None) -> None:
    """Make sure that what was found of a limited thing is not too much.

    Raises:
        LimitError: it is; the message says how to raise the limit.
    """
    most: int = getattr(limits(), name)
    if found > most:
        raise LimitError(
            f"has {found:,} {what}, and at most {most:,} are read: {PREFIX}{name.upper()} raises this limit",
            file=file,
            field=field,
        )
