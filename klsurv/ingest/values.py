"""JSON values by kind. In: a value and where it stood. Out: the same, typed, or a CellError that says where."""

from __future__ import annotations

import json
import math
import re
from typing import cast

from klsurv.errors import CellError
from klsurv.limits import within
from klsurv.names import clean
from klsurv.validate import MOST

Json = dict[str, object]
Numbers = list[float | None]

# A sum of two probabilities in float32 can pass 1 by rounding.
ROUNDING = 1e-6
# What was matched is not given back (++), or a long key that is no number would be tried in thousands of ways.
_NUMBER = re.compile(r"[+-]?(\d++\.?+\d*+|\.\d++)([eE][+-]?\d++)?+", re.ASCII)
_LARGEST = 2**1023


def get(source: Json, name: str, file: str) -> object:
    """The value of a field that must be there."""
    if name not in source:
        raise CellError("missing", file=file, field=name)
    return source[name]


def rows(value: object, file: str, field: str) -> list[object]:
    """A list of anything."""
    if not isinstance(value, list):
        raise CellError(f"is {kind(value)}, expected a list", file=file, field=field)
    return value


def numbers(value: object, file: str, field: str) -> Numbers:
    """A list of numbers and nulls; NaN and infinity are numbers, booleans and text are not."""
    row = rows(value, file, field)
    kinds = set(map(type, row))
    if not kinds <= {float, int, type(None)}:
        i, odd = next((i, x) for i, x in enumerate(row) if type(x) not in (float, int, type(None)))
        raise CellError(f"{show(odd)} is not a number", file=file, field=f"{field}[{i}]")
    if int in kinds:
        for i, x in enumerate(row):
            if isinstance(x, int) and abs(x) > _LARGEST:
                raise CellError("is larger than any float", file=file, field=f"{field}[{i}]")
    return cast(Numbers, row)


def tokens(value: object, file: str, field: str) -> int:
    """A whole number of tokens, 0 or more."""
    number = whole(value)
    if number is None or not 0 <= number < MOST:
        raise CellError(f"{show(value)} is not a number of tokens", file=file, field=field)
    return number


def whole(value: object) -> int | None:
    """The value as an integer of 64 bits (96.0 counts as 96), None where it is anything else."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if type(value) is int and abs(value) < 2**63 else None


def finite(value: object) -> float | None:
    """The value as a finite float, None where it is anything else."""
    if type(value) is float and math.isfinite(value):
        return value
    return float(value) if type(value) is int and abs(value) <= _LARGEST else None


def by_alpha(value: object, file: str, field: str) -> dict[float, tuple[str, object]]:
    """An object with a dose per key, as dose → (key as written, value): "1" and "1.0" are the same dose."""
    if not isinstance(value, dict):
        raise CellError(f"is {kind(value)}, expected an object with an alpha per key", file=file, field=field)
    within("alphas", len(value), "alphas", file=file, field=field)
    found: dict[float, tuple[str, object]] = {}
    for key, item in value.items():
        alpha = float(key) + 0.0 if _NUMBER.fullmatch(key) else math.nan
        if not math.isfinite(alpha):
            raise CellError(f"the key {show(key)} is not an alpha, a finite number", file=file, field=field)
        if alpha in found:
            raise CellError(f"the keys {show(found[alpha][0])} and {show(key)} are one alpha", file=file, field=field)
        found[alpha] = key, item
    return found


def kind(value: object) -> str:
    """What a JSON value is, with its article, for a message."""
    names = {dict: "an object", list: "a list", str: "text", bool: "a boolean", int: "a number", float: "a number"}
    return names.get(type(value), "null")


def show(value: object) -> str:
    """A JSON value for a message, as JSON spells it and at most 60 characters long."""
    if isinstance(value, str):
        text = f'"{clean(value[:60])}"'
    elif isinstance(value, bool):
        text = "true" if value else "false"
    elif isinstance(value, float) or (isinstance(value, int) and abs(value) < 2**63):
        text = json.dumps(value)
    else:
        text = kind(value)
    return text if len(text) <= 60 else text[:57] + "…"
