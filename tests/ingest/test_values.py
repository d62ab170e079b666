from __future__ import annotations

import math
from typing import Any

import pytest

from klsurv.errors import CellError
from klsurv.ingest.values import by_alpha, finite, get, numbers, rows, show, tokens, whole


def _kind(value: object) -> str:
    """Names a parameter by its type: pytest cannot write out an integer of 5,000 digits."""
    return type(value).__name__


@pytest.mark.parametrize("row", [[], [0.5, 1, None], [math.inf, -math.inf], [-1.0, 2**64, 2**1023]])
def test_numbers_and_nulls_are_a_row(row: list[float | None]) -> None:
    assert numbers(row, "f.json", "x") == row


@pytest.mark.parametrize(
    ("row", "field", "cause"),
    [
        ([0.5, "0.5"], "x[1]", '"0.5" is not a number'),
        ([True, 1.0], "x[0]", "true is not a number"),
        ([0.0, False], "x[1]", "false is not a number"),
        ([0.0, [1.0]], "x[1]", "a list is not a number"),
        ([0.0, {}], "x[1]", "an object is not a number"),
        ([0.0, "NaN"], "x[1]", '"NaN" is not a number'),
        ([0.0, 10**400], "x[1]", "is larger than any float"),
        ([0.0, -(10**5000)], "x[1]", "is larger than any float"),
        (None, "x", "is null, expected a list"),
        ("0.5", "x", "is text, expected a list"),
        ({"0": 1}, "x", "is an object, expected a list"),
        (1.5, "x", "is a number, expected a list"),
        (True, "x", "is a boolean, expected a list"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_no_row_of_numbers_names_file_field_and_index(row: Any, field: str, cause: str) -> None:
    with pytest.raises(CellError) as caught:
        numbers(row, "f.json", "x")
    assert str(caught.value) == f"f.json: {field}: {cause}"


@pytest.mark.parametrize(("value", "number"), [(0, 0), (96, 96), (96.0, 96), (-0.0, 0), (2**31 - 1, 2**31 - 1)])
def test_whole_numbers_of_tokens_are_read(value: float, number: int) -> None:
    assert tokens(value, "f.json", "x") == number


@pytest.mark.parametrize(
    "value",
    [-1, 0.5, math.nan, math.inf, -math.inf, True, False, "8", None, [], {}, 2**31, 1e300, 10**400, 10**5000],
    ids=_kind,
)
def test_what_is_no_number_of_tokens_is_an_error(value: Any) -> None:
    with pytest.raises(CellError, match=r"^f\.json: x: .* is not a number of tokens$") as caught:
        tokens(value, "f.json", "x")
    assert len(str(caught.value)) < 120


@pytest.mark.parametrize("value", [True, "1", None, 1.5, math.nan, 2**63, -(2**63), 10**5000], ids=_kind)
def test_whole_is_none_for_what_64_bits_cannot_hold(value: Any) -> None:
    assert whole(value) is None


@pytest.mark.parametrize(
    ("value", "number"),
    [(1, 1.0), (0.5, 0.5), (-2, -2.0), (True, None), ("1", None), (None, None), (math.nan, None), (10**400, None)],
)
def test_finite_is_a_float_or_none(value: Any, number: float | None) -> None:
    assert finite(value) == number
    assert type(finite(value)) is type(number)


def test_a_dose_is_the_number_however_it_is_written() -> None:
    found = by_alpha({"0.0": "a", "1": "b", "2.50": "c", "-.5": "d", "1e1": "e", "+3": "f"}, "f.json", "x")
    assert {alpha: item for alpha, (_, item) in found.items()} == {
        0.0: "a",
        1.0: "b",
        2.5: "c",
        -0.5: "d",
        10.0: "e",
        3.0: "f",
    }


def test_minus_zero_is_the_dose_zero() -> None:
    (alpha,) = by_alpha({"-0.0": 1}, "f.json", "x")
    assert math.copysign(1, alpha) == 1


@pytest.mark.parametrize(
    "key",
    ["", " ", "abc", "nan", "NaN", "inf", "-inf", "Infinity", "1_0", "1e400", "0x1", "1,5", " 1", "1\n", "١", "1.0.0"],
)
def test_a_key_that_is_no_finite_number_is_an_error(key: str) -> None:
    with pytest.raises(CellError, match="is not an alpha, a finite number") as caught:
        by_alpha({"0.0": [], key: []}, "f.json", "x")
    assert (caught.value.file, caught.value.field) == ("f.json", "x")
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(("one", "other"), [("1", "1.0"), ("0.0", "-0.0"), ("1.0", "1e0")])
def test_one_dose_written_twice_is_an_error_that_names_both(one: str, other: str) -> None:
    with pytest.raises(CellError, match=f'the keys "{one}" and "{other}" are one alpha'):
        by_alpha({one: [], other: []}, "f.json", "x")


@pytest.mark.parametrize(("value", "kind"), [([], "a list"), (None, "null"), ("a", "text"), (1, "a number")])
def test_doses_must_be_an_object(value: Any, kind: str) -> None:
    with pytest.raises(CellError, match=f"f.json: x: is {kind}, expected an object with an alpha per key"):
        by_alpha(value, "f.json", "x")


def test_a_field_that_must_be_there_is_named() -> None:
    assert get({"a": None}, "a", "f.json") is None
    with pytest.raises(CellError, match=r"^f\.json: b: missing$"):
        get({"a": None}, "b", "f.json")


def test_rows_are_any_list() -> None:
    assert rows([None, "a"], "f.json", "x") == [None, "a"]
    with pytest.raises(CellError, match=r"^f\.json: x: is an object, expected a list$"):
        rows({}, "f.json", "x")


@pytest.mark.parametrize(
    "value", ["x" * 10_000, "\x1b[31m" * 50, 10**5000, [1] * 10_000, "\n", 1.5, True, None], ids=_kind
)
def test_a_value_is_shown_short_and_on_one_line(value: Any) -> None:
    assert len(show(value)) <= 60
    assert show(value).isprintable()
