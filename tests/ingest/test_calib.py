from __future__ import annotations

from typing import Any

import pytest

from klsurv.errors import CellError
from klsurv.ingest.calib import check_calib

WHOLE: dict[str, Any] = {
    "c_star": 5.5,
    "target_kl": 1.0,
    "window": 96,
    "method": "pca",
    "model": "tiny",
    "seed": 0,
    "layer": 18,
}


def test_all_facts_are_read_without_a_note() -> None:
    calib = check_calib({**WHOLE, "more": [1]})
    assert {name: getattr(calib, name) for name in WHOLE} == WHOLE
    assert calib.notes == []


def test_whole_numbers_written_as_floats_and_the_reverse_are_read() -> None:
    calib = check_calib({**WHOLE, "window": 96.0, "seed": 1.0, "c_star": 5})
    assert (calib.window, calib.seed, calib.c_star) == (96, 1, 5.0)
    assert (type(calib.window), type(calib.seed), type(calib.c_star)) == (int, int, float)


@pytest.mark.parametrize("name", [name for name in WHOLE if name != "window"])
def test_a_fact_that_is_missing_is_none_with_a_note(name: str) -> None:
    calib = check_calib({key: value for key, value in WHOLE.items() if key != name})
    assert getattr(calib, name) is None
    assert calib.notes == [f"calib.json: {name}: missing"]


@pytest.mark.parametrize(
    ("name", "value", "kind"),
    [
        ("seed", "0", "text"),
        ("seed", 10**400, "a number"),
        ("layer", [1, 2], "a list"),
        ("layer", None, "null"),
        ("model", 3, "a number"),
        ("method", {}, "an object"),
        ("c_star", float("nan"), "a number"),
        ("target_kl", True, "a boolean"),
    ],
)
def test_a_fact_that_cannot_be_used_is_none_with_a_note_that_says_what_it_is(name: str, value: Any, kind: str) -> None:
    calib = check_calib({**WHOLE, name: value})
    assert getattr(calib, name) is None
    assert calib.notes == [f"calib.json: {name}: is {kind}, and cannot be used"]


@pytest.mark.parametrize("value", ["96", None, -1, 0.5, float("nan"), True, [96], 10**400])
def test_a_window_that_is_no_number_of_tokens_is_an_error(value: Any) -> None:
    with pytest.raises(CellError, match=r"^calib\.json: window: .* is not a number of tokens$"):
        check_calib({**WHOLE, "window": value})


def test_a_window_that_is_missing_is_an_error() -> None:
    with pytest.raises(CellError, match=r"^calib\.json: window: missing$"):
        check_calib({key: value for key, value in WHOLE.items() if key != "window"})


def test_names_are_cleaned() -> None:
    assert check_calib({**WHOLE, "model": "a\x1b[31m\u202e[red]"}).model == "a\\x1b[31m\\u202e[red]"
