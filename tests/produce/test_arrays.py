from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from klsurv.errors import ParameterError
from klsurv.produce.arrays import integer, lengths, real, rows

NAN = math.nan
WANT = [[0.25, 0.5, NAN], [1.0, 2.0, 3.0]]


class Tensor:
    """What a tensor of torch is to a reader: numpy may have it only after detach, cpu and double."""

    def __init__(self, values: Any, done: tuple[str, ...] = ()) -> None:
        self.values, self.done = values, done

    def detach(self) -> Tensor:
        return Tensor(self.values, (*self.done, "detach"))

    def cpu(self) -> Tensor:
        return Tensor(self.values, (*self.done, "cpu"))

    def double(self) -> Tensor:
        return Tensor(self.values, (*self.done, "double"))

    def is_floating_point(self) -> bool:
        return np.asarray(self.values).dtype.kind == "f"

    def item(self) -> Any:
        return float(self.values) if "double" in self.done else self.values

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        assert self.done == ("detach", "cpu", *["double"] * self.is_floating_point())
        return np.asarray(self.values, dtype=dtype)


ARRAYS = {
    "lists": WANT,
    "lists with None": [[0.25, 0.5, None], [1, 2, 3]],
    "tuples": tuple(map(tuple, WANT)),
    "a generator": (row for row in WANT),
    "numpy": np.array(WANT),
    "numpy, 32 bits": np.array(WANT, dtype=np.float32),
    "numpy, masked": np.ma.array([[0.25, 0.5, 9.0], [1.0, 2.0, 3.0]], mask=[[0, 0, 1], [0, 0, 0]]),
    "numpy, of objects": np.array([[0.25, 0.5, None], [1.0, 2.0, 3.0]], dtype=object),
    "rows of numpy": [np.array(row) for row in WANT],
    "a tensor": Tensor(WANT),
    "rows of tensors": [Tensor(row) for row in WANT],
    "a row of tensors": [[Tensor(0.25), 0.5, None], [1.0, 2.0, 3.0]],
    "polars": pl.DataFrame(np.array(WANT)),
    "series of polars": [pl.Series(row) for row in WANT],
    "pandas": pd.DataFrame(np.array(WANT)),
    "arrow": [pa.array(row) for row in WANT],
}


@pytest.mark.parametrize("values", ARRAYS.values(), ids=ARRAYS)
def test_rows_are_taken_from_anything_array_like(values: object) -> None:
    found = rows(values, "kl")
    assert [row.dtype for row in found] == [np.float64] * 2
    np.testing.assert_array_equal(found, WANT)


def test_rows_may_be_of_different_lengths_and_empty() -> None:
    assert [row.tolist() for row in rows([[], [1], np.array([1, 2])], "kl")] == [[], [1.0], [1.0, 2.0]]


def test_a_number_of_32_bits_stays_exactly_what_it_was() -> None:
    (row,) = rows(np.array([[0.1]], dtype=np.float32), "kl")
    assert row[0] == float(np.float32(0.1))


@pytest.mark.parametrize(
    ("values", "told"),
    [
        (3, "kl must be one row of numbers per prompt, not int"),
        ("0.5", "kl must be one row of numbers per prompt, not str"),
        ({"a": [1]}, "kl must be one row of numbers per prompt, not dict"),
        ([0.5], r"kl\[0\] must be a row of numbers, and has the shape \(\)"),
        (np.ones((2, 3, 1)), r"kl\[0\] must be a row of numbers, and has the shape \(3, 1\)"),
        ([[1.0], ["0.5"]], r"kl\[1\] holds <U3, not numbers"),
        ([[True]], r"kl\[0\] holds bool, not numbers"),
        ([[1j]], r"kl\[0\] holds complex128, not numbers"),
        ([Tensor([True, False])], r"kl\[0\] holds bool, not numbers"),
        ([Tensor([1j])], r"kl\[0\] holds complex128, not numbers"),
        ([[None, "x"]], r"kl\[0\]\[1\] is 'x', not a number"),
        (np.array(5.0), "kl must be one row of numbers per prompt, not one number"),
        (np.ma.array([[True, False]]), r"kl\[0\]\[0\] is True, not a number"),
        (np.ma.array([["1.0"]]), r"kl\[0\]\[0\] is '1.0', not a number"),
        (np.ma.array([[1j]]), r"kl\[0\]\[0\] is 1j, not a number"),
        ([[Decimal("sNaN")]], r"kl\[0\]\[0\] is no number that a float can hold"),
        ([[10**400]], r"kl\[0\]\[0\] is no number that a float can hold"),
        ([[0.5, True]], r"kl\[0\]\[1\] is True, not a number"),
        ([(0.5, np.bool_(False))], r"kl\[0\]\[1\] is False, not a number"),
        ([[None, True]], r"kl\[0\]\[1\] is True, not a number"),
        ([[[1], [1, 2]]], r"kl\[0\] cannot be taken as a row of numbers"),
    ],
)
def test_what_is_no_table_of_numbers_is_refused(values: object, told: str) -> None:
    with pytest.raises(ParameterError, match=told):
        rows(values, "kl")


@pytest.mark.parametrize("values", [[8, 3], (8.0, 3.0), np.array([8, 3], dtype=np.int32), Tensor([8, 3])])
def test_lengths_are_whole_numbers(values: object) -> None:
    found = lengths(values, "gen_len")
    assert (found, set(map(type, found))) == ([8, 3], {int})


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ([8, 2.5], r"gen_len\[1\] must be a whole number, not 2.5"),
        ([8, NAN], r"gen_len\[1\] must be a whole number, not nan"),
        ([8, None], r"gen_len\[1\] must be a whole number, not nan"),
        ([-1], r"gen_len\[0\] must be a number of tokens from 0 on, not -1"),
        ([2**31], r"gen_len\[0\] must be a number of tokens from 0 on, not 2147483648"),
        ([[8], [3]], r"gen_len must be a row of numbers, and has the shape \(2, 1\)"),
        ([True], "gen_len holds bool, not numbers"),
        ([8, True], r"gen_len\[1\] is True, not a number"),
    ],
)
def test_what_is_no_length_is_refused(values: object, told: str) -> None:
    with pytest.raises(ParameterError, match=told):
        lengths(values, "gen_len")


def test_scalars_of_numpy_and_of_tensors_become_pythons_own() -> None:
    # No float is this number.
    assert integer(Tensor(2**53 + 1), "seed") == 2**53 + 1
    numbers = [integer(np.int64(7), "seed"), integer(7.0, "seed"), real(np.float32(0.5), "alpha"), real(-0.0, "alpha")]
    assert numbers == [7, 7, 0.5, 0.0]
    assert [*map(type, numbers), math.copysign(1, numbers[-1])] == [int, int, float, float, 1.0]


@pytest.mark.parametrize("value", [True, "7", None, 7.5, 2**63, NAN])
def test_what_is_no_whole_number_is_refused(value: object) -> None:
    with pytest.raises(ParameterError, match="seed must be a whole number"):
        integer(value, "seed")


@pytest.mark.parametrize("value", [True, "7", None, NAN, math.inf, 10**400])
def test_what_is_not_finite_is_refused(value: object) -> None:
    with pytest.raises(ParameterError, match="c_star must be a finite number"):
        real(value, "c_star")
