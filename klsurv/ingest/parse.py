"""A cell's files as Python values. In: a path. Out: the JSON that it holds: an object, any value, or one per line."""

from __future__ import annotations

from dataclasses import replace

import jiter

from klsurv.errors import CellError, LimitError
from klsurv.ingest import content
from klsurv.ingest.remote import Place
from klsurv.ingest.sizes import check_text
from klsurv.ingest.stamp import Stamp
from klsurv.ingest.values import Json, kind
from klsurv.limits import NESTING


class Parsed(Json):
    """The JSON object in a file: `booleans`, whether the file spells `true` or `false`; `stamp`, which bytes were read.

    Where it spells neither, no number in it can be a boolean, and millions need not be looked at one by one.
    """

    booleans = True
    stamp = Stamp(0, 0)


def read_object(path: Place, *, digest: bool = False) -> Parsed:
    """The JSON object in a file; bare NaN and Infinity are numbers.

    A file that was just written and does not parse is read again. `digest` adds that of its bytes to the `stamp`.

    Raises:
        InFlightError: it kept changing while it was read.
        CellError: it is missing, not a regular file, unreadable, not JSON or not an object; `file` is set.
    """
    return content.patiently(lambda seen: _object(*content.read(path, seen), path.name, digest=digest), path)


def read_json(path: Place) -> object:
    """Whatever JSON value a file holds, read with the same care; raises as `read_object` does."""
    return content.patiently(lambda seen: _value(content.read(path, seen)[0], path.name), path)


def read_lines(path: Place) -> tuple[list[Json], int]:
    """The JSON objects in a file with one per line, and how many lines are none; raises as `read_object` does."""
    found, bad = [], 0
    data = content.patiently(lambda seen: content.read(path, seen)[0], path)
    check_text(data, path.name)
    for line in data.splitlines():
        try:
            value = jiter.from_json(line, allow_inf_nan=True) if line.strip() else None
        except ValueError:
            value = line
        if isinstance(value, dict):
            found.append(value)
        else:
            bad += value is not None
    return found, bad


def _value(data: bytes, name: str) -> object:
    if not data or data.isspace():
        raise CellError("is empty", file=name)
    check_text(data, name)
    try:
        return jiter.from_json(data, allow_inf_nan=True, cache_mode="none", catch_duplicate_keys=True)
    except ValueError as error:
        if "recursion limit" in str(error):
            raise LimitError(f"is nested deeper than {NESTING} levels, the most that is read", file=name) from None
        raise CellError(f"is not JSON, or cut short: {error}", file=name) from None


def _object(data: bytes, seen: Stamp, name: str, *, digest: bool) -> Parsed:
    value = _value(data, name)
    if not isinstance(value, dict):
        raise CellError(f"holds {kind(value)} at the top, expected an object", file=name)
    parsed = Parsed(value)
    parsed.stamp = replace(seen, digest=content.digest_of(data)) if digest and not seen.digest else seen
    parsed.booleans = _spells(data, b"true", b"u") or _spells(data, b"false", b"s")
    return parsed


def _spells(data: bytes, word: bytes, letter: bytes) -> bool:
    """Whether a word is in the data, by way of its rarest letter, which is found ten times faster than the word."""
    before, at = word.index(letter), data.find(letter)
    while at >= 0:
        if data.startswith(word, at - before):
            return True
        at = data.find(letter, at + 1)
    return False
