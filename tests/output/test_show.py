"""Tables as text."""

from __future__ import annotations

import json

import polars as pl
import pytest

from klsurv.output import rows as printed
from klsurv.output.show import show, text

FRAME = pl.DataFrame(
    {"cell": ["[red]x[/]", "a|b"], "n": [1, None], "kl": [0.1 + 0.2, float("nan")], "alphas": [[0.0], []]}
)


def test_json_holds_floats_in_full_and_null_for_nan() -> None:
    assert json.loads(text(FRAME, "json"))[0]["kl"] == 0.1 + 0.2
    assert json.loads(text(FRAME, "json"))[1] == {"cell": "a|b", "n": None, "kl": None, "alphas": []}
    assert [json.loads(line) for line in text(FRAME, "ndjson").splitlines()] == json.loads(text(FRAME, "json"))


def test_json_has_all_rows_also_where_a_filter_left_a_chunk_empty() -> None:
    chunks = pl.concat([pl.DataFrame({"n": [n, n]}) for n in range(3)], rechunk=False)
    for gone in range(3):
        left = chunks.filter(chunks["n"].rechunk() != gone)
        assert json.loads(text(left, "json")) == left.rows(named=True)


def test_markdown_escapes_bars() -> None:
    assert text(FRAME, "md").splitlines() == [
        "| cell | n | kl | alphas |",
        "| :-- | --: | --: | --: |",
        "| [red]x[/] | 1 | 0.3 | 0 |",
        "| a\\|b | – | nan |  |",
    ]


def test_csv_joins_lists() -> None:
    assert text(FRAME, "csv").splitlines() == ["cell,n,kl,alphas", "[red]x[/],1,0.30000000000000004,0.0", 'a|b,,NaN,""']


def test_markup_in_a_name_is_shown_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    show(FRAME, format="table")
    assert "[red]x[/]" in capsys.readouterr().out


def test_a_table_wider_than_the_terminal_goes_on_below_with_its_key(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(printed, "_WIDE", 40)
    frame = pl.DataFrame({"alpha": [0.25]} | {f"column_{i}": [i] for i in range(8)})
    show(frame, format="table", caption="the end")
    lines = capsys.readouterr().out.splitlines()
    assert all(len(line) <= 40 for line in lines)
    assert sum("alpha" in line for line in lines) == sum("0.25" in line for line in lines) == 3
    assert all(any(f"column_{i}" in line for line in lines) for i in range(8))
    assert lines[-1] == "the end"
