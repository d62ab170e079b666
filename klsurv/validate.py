"""Whether a parameter is what it must be. In: a value and its name. Out: the value as Python's own, or the error."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from klsurv.errors import ParameterError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

# The most in any count of tokens or draws.
MOST = 2**31


def check(ok: bool, message: str) -> None:
    """Raise `ParameterError` with the message unless ok."""
    if not ok:
        raise ParameterError(message)


def shown(value: object) -> str:
    """A value for a message; of a whole number of thousands of digits, which Python does not spell, what it is."""
    try:
        return repr(value)
    except ValueError:
        return "one of thousands of digits"


def number(value: Any, name: str) -> float:
    """A parameter as a number of Python's own.

    Raises:
        ParameterError: it is none; names the parameter.
    """
    try:
        if not isinstance(value, (bool, str, bytes)):
            return float(value)
    except (TypeError, ValueError, OverflowError):
        pass
    raise ParameterError(f"{name} must be a number, not {shown(value)}")


def whole(value: Any, name: str) -> int:
    """A parameter as a whole number of Python's own; 96.0 is one.

    Raises:
        ParameterError: it is none; names the parameter.
    """
    found = number(value, name)
    check(math.isfinite(found) and found == int(found), f"{name} must be a whole number, not {shown(value)}")
    return int(value)


def truth(value: Any, name: str) -> bool:
    """A parameter as a truth value of Python's own; 0 and 1 are two.

    Raises:
        ParameterError: it is none; names the parameter.
    """
    try:
        if value in (True, False):
            return bool(value)
    except (TypeError, ValueError):
        pass
    raise ParameterError(f"{name} must be True or False, not {shown(value)}")


def one_of(value: Any, names: Sequence[str], name: str) -> None:
    """Raise `ParameterError` where a parameter is none of the names that it may be."""
    # Of an array, `in` has no answer.
    check(isinstance(value, str) and value in names, f"{name} must be one of {', '.join(names)}, not {shown(value)}")


def executes(executor: Any) -> None:
    """Raise `ParameterError` where what shall compute, if anything, is no executor: the class of one is none."""
    ways = (getattr(executor, name, None) for name in ("submit", "map"))
    good = executor is None or (not isinstance(executor, type) and all(map(callable, ways)))
    check(good, f"executor must be a concurrent.futures.Executor, not {executor!r}")


def plain(parameters: DataclassInstance, **names: str) -> None:
    """Make fields of a dataclass that are declared as numbers or bool Python's own; `names` of those called otherwise.

    Raises:
        ParameterError: one of them is no number, or one declared as true or false is neither.
    """
    for field in fields(parameters):
        # Annotations are text, as this package delays them all.
        kind, name = str(field.type), names.get(field.name, field.name)
        value = getattr(parameters, field.name)
        if value is None and kind.endswith(" | None"):
            continue
        read = {"int": whole, "float": number, "bool": truth}.get(kind.removesuffix(" | None"))
        if read is not None:
            object.__setattr__(parameters, field.name, read(value, name))


def no_path(found: object) -> ParameterError:
    """What to raise where a path is none, as empty text is, of which pathlib makes the current directory."""
    return ParameterError(f"expected the path of a file or directory, not {found!r}")


def check_on_disk(path: str | os.PathLike[str]) -> None:
    """Raise `ParameterError` where a path is none, or the url of a bucket, of whose slashes pathlib makes one."""
    text = os.fspath(path) if isinstance(path, (str, os.PathLike)) else None
    if not isinstance(text, str) or text == "" or "\0" in text:
        raise no_path(path)
    check(
        not text.startswith("s3:/"), f"{text!r} is in a bucket, where only `klsurv ingest` writes: give a path on disk"
    )
