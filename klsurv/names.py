"""Names from outside. In: any text, or many. Out: text that a terminal, a table and a page can show."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

# Control and format characters, surrogates, and line separators: they move the cursor, turn text around or end a line.
_UNSAFE = {"Cc", "Cf", "Cs", "Zl", "Zp"}
_ESCAPED = re.compile(r"\\(?:[nrt\\]|x[0-9a-f]{2}|u[0-9a-f]{4}|U[0-9a-f]{8})")


def clean(text: str, *, backslash: bool = True) -> str:
    """Text that is safe to show: what a terminal or a page would act on, and the backslash, is escaped.

    Two texts that differ stay different, unless a backslash is left as it is.
    """
    return "".join(_escape(c) if (backslash and c == "\\") or unicodedata.category(c) in _UNSAFE else c for c in text)


def as_written(text: str) -> str:
    """The text that `clean` was given, from what it gave: with a path in a table, the path to open."""
    return _ESCAPED.sub(lambda escape: escape[0].encode().decode("unicode_escape"), text)


def some(values: Sequence[object], most: int) -> str:
    """The first values, at most so many, separated by commas; an ellipsis where there are more."""
    return ", ".join(map(str, values[:most])) + (", …" if values[most:] else "")


def _escape(character: str) -> str:
    named = {"\n": "\\n", "\r": "\\r", "\t": "\\t", "\\": "\\\\"}
    code = ord(character)
    short = f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
    return named.get(character, short)
