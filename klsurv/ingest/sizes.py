"""What a text would take once parsed. In: the bytes of a file. Out: nothing, or the error that it is too much.

Parsing makes up to forty bytes of each byte of text, so what is counted is counted before. A text that is too short to
pass a limit is not looked at.
"""

from __future__ import annotations

from klsurv.limits import limits, within

_RARE = 10_000


def check_text(data: bytes, file: str) -> None:
    """Make sure that a JSON text has no more lists, values and long strings than are read; raises LimitError."""
    most = limits()
    if len(data) > 2 * most.lists:
        within("lists", _count(data, b"[") + _count(data, b"{"), "lists and objects", file=file)
    if len(data) > 2 * most.values:
        within("values", data.count(b",") + 1, "values", file=file)
    if len(data) > most.text:
        within("text", _longest(data, most.text), "bytes in one string", file=file)


def _count(data: bytes, byte: bytes) -> int:
    """How often a byte is in the data: where it is rare faster than `count`, which looks at each byte."""
    n, at = 0, data.find(byte)
    while at >= 0 and n < _RARE:
        n, at = n + 1, data.find(byte, at + 1)
    return n if at < 0 else n + data.count(byte, at)


def _longest(data: bytes, most: int) -> int:
    """The length of the first string longer than `most`, or else 0."""
    start = data.find(b'"')
    while start >= 0:
        end = _end(data, start)
        if end - start - 1 > most:
            return end - start - 1
        start = data.find(b'"', end + 1)
    return 0


def _end(data: bytes, start: int) -> int:
    """Where a string that begins at `start` ends: at the first quote after an even number of backslashes."""
    end = start
    while (end := data.find(b'"', end + 1)) >= 0:
        before = end - 1
        while data[before] == 0x5C:
            before -= 1
        if (end - before) % 2:
            return end
    return len(data)
