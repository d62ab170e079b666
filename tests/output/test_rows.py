"""Rows of text are printed as a frame of them is."""

from __future__ import annotations

from typing import get_args

import polars as pl
import pytest

from klsurv.output.rows import Format, show_texts
from klsurv.output.show import show
from klsurv.schema import TABLES
from klsurv.schema.describe import describe

ODD = [
    {"name": "a,b", "meaning": 'says "no"'},
    {"name": "[red]x[/]", "meaning": "KL(steered ‖ base) | more"},
    {"name": "two\nlines", "meaning": "tab\there \\ slash"},
    {"name": "", "meaning": " "},
]


@pytest.mark.parametrize("rows", [ODD, describe(list(TABLES))], ids=["odd", "tables"])
@pytest.mark.parametrize("format", get_args(Format))
def test_they_read_as_a_frame_does(
    rows: list[dict[str, str]], format: Format, capsys: pytest.CaptureFixture[str]
) -> None:
    show_texts(rows, format=format, keys=1)
    plain = capsys.readouterr().out
    show(pl.DataFrame(rows), format=format, keys=1)
    assert plain == capsys.readouterr().out
