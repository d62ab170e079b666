"""Values from a producer. In: anything array-like: lists, numpy, tensors. Out: rows of float64, whole numbers."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, SupportsFloat, TypeVar

import numpy as np
from numpy.typing import NDArray

from klsurv.errors import ParameterError
from klsurv.ingest.values import finite, whole
from klsurv.validate import MOST, check, shown

T = TypeVar("T", int, float)

Vector = NDArray[np.float64]


def rows(values: object, name: str) -> list[Vector]:
    """One row of numbers per prompt, of lengths of their own; None and what is masked become NaN.

    Raises:
        ParameterError: it is not two-dimensional, or holds something that is not a number.
    """
    values = _plain(values)
    if hasattr(values, "__array__") and np.ndim(values) == 2:
        # A frame, iterated, would give its columns.
        values = np.asarray(values)
    one = hasattr(values, "__array__") and np.ndim(values) == 0
    check(
        isinstance(values, Iterable) and not isinstance(values, (str, bytes, Mapping)) and not one,
        f"{name} must be one row of numbers per prompt, not {'one number' if one else type(values).__name__}",
    )
    assert isinstance(values, Iterable)
    return [vector(row, f"{name}[{i}]") for i, row in enumerate(values)]


def vector(values: object, name: str) -> Vector:
    """One row of numbers as float64; None and what is masked become NaN.

    Raises:
        ParameterError: it is not one-dimensional, or holds something that is not a number.
    """
    values = _plain(values)
    if isinstance(values, (list, tuple)):
        values = [scalar(x) if hasattr(x, "detach") else x for x in values]
    try:
        array = np.asarray(values)
    except Exception as error:
        # Whatever it is that says it is like an array.
        check(False, f"{name} cannot be taken as a row of numbers: {error}")
        raise
    check(array.ndim == 1, f"{name} must be a row of numbers, and has the shape {array.shape}")
    if array.dtype.kind == "O":
        return np.array([_number(x, f"{name}[{i}]") for i, x in enumerate(array)], dtype=np.float64)
    check(array.size == 0 or array.dtype.kind in "iuf", f"{name} holds {array.dtype}, not numbers")
    if isinstance(values, (list, tuple)):
        # Among numbers, numpy takes a truth value for one.
        truth = next((i for i, x in enumerate(values) if isinstance(x, (bool, np.bool_))), None)
        if truth is not None:
            raise ParameterError(f"{name}[{truth}] is {values[truth]}, not a number")
    return array.astype(np.float64)


def lengths(values: object, name: str) -> list[int]:
    """Numbers of tokens, whole and not negative, in an order that is the prompts'.

    Raises:
        ParameterError: it is not one-dimensional, or holds something that is no number of tokens.
    """
    return [tokens(x, f"{name}[{i}]") for i, x in enumerate(vector(values, name).tolist())]


def tokens(value: object, name: str) -> int:
    """A number of tokens, whole and not negative.

    Raises:
        ParameterError: it is something else.
    """
    number = integer(value, name)
    check(0 <= number < MOST, f"{name} must be a number of tokens from 0 on, not {number}")
    return number


def integer(value: object, name: str) -> int:
    """A whole number of 64 bits; 96.0 counts as 96.

    Raises:
        ParameterError: it is something else.
    """
    return _known(whole(scalar(value)), value, name, "a whole number")


def real(value: object, name: str) -> float:
    """A finite number.

    Raises:
        ParameterError: it is something else.
    """
    return _known(finite(scalar(value)), value, name, "a finite number") + 0.0


def scalar(value: Any) -> Any:
    """A number of numpy or of a tensor as Python's own; anything else as it is."""
    value = _plain(value)
    return value.item() if hasattr(value, "item") and np.ndim(value) == 0 else value


def listed(values: Sequence[Vector]) -> list[list[float]]:
    """The rows as lists of Python's floats."""
    return [row.tolist() for row in values]


def _plain(values: Any) -> Any:
    if isinstance(values, np.ma.MaskedArray):
        # What is no number is refused as such, masked or not.
        numbers = values.dtype.kind in "iuf"
        return np.ma.filled(values.astype(np.float64), np.nan) if numbers else np.ma.filled(values.astype(object), None)
    if isinstance(values, memoryview):
        return np.asarray(values)
    if hasattr(values, "detach"):
        # A tensor may hang on a graph, lie on another device, or be of a type that numpy lacks, such as bfloat16.
        values = values.detach().cpu()
        # Of others double() would make numbers, of truth and complex values too, and it rounds large whole ones.
        return values.double() if values.is_floating_point() else values
    return values


def _known(number: T | None, value: object, name: str, what: str) -> T:
    """What was read of a value, unless that is nothing."""
    check(number is not None, f"{name} must be {what}, not {shown(value)}")
    assert number is not None
    return number


def _number(value: object, name: str) -> float:
    if value is None:
        return math.nan
    value = scalar(value)
    ok = isinstance(value, SupportsFloat) and not isinstance(value, (bool, str))
    check(ok, f"{name} is {shown(value)}, not a number")
    try:
        return float(value)  # type: ignore[arg-type]
    except (OverflowError, ValueError):
        raise ParameterError(f"{name} is no number that a float can hold") from None
