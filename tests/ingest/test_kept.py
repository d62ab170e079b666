from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import klsurv
from klsurv.ingest import kept
from klsurv.ingest.cell import load_cell
from klsurv.ingest.discover import discover
from klsurv.store import write
from klsurv.store.put import put
from tests.ingest.handmade import KL, write_cell, write_file


@pytest.fixture(autouse=True)
def _apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "_kept", [])


def test_of_a_document_the_first_of_each_list_is_kept_until_the_next() -> None:
    kept.keep([{"a": [[7.5, 1.0], [], [8.5]], "b": 3.0, "c": [{"d": [9.5, 2.0]}]}, {"e": "text"}])
    assert kept._kept == [7.5, 8.5, 9.5]
    kept.keep([])
    assert kept._kept == []


def test_one_of_many_cells_is_read_as_any_and_what_it_took_is_kept_until_the_next(tmp_path: Path) -> None:
    write_cell(tmp_path, "a")
    write_file(write_cell(tmp_path, "b") / "calib.json", "{")
    cells = discover(tmp_path)
    for cell in cells:
        assert kept.load_one(cell, metric="pmass_eval") == load_cell(cell, metric="pmass_eval")
        assert (KL[1.0][0][0] in kept._kept) == (cell.name == "a")


def test_ingest_keeps_it_too_and_lets_go_at_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_cell(tmp_path / "runs", "a")
    while_it_ran = []

    def counted(*args: Any, **how: Any) -> bool:
        while_it_ran.append(len(kept._kept))
        return put(*args, **how)

    monkeypatch.setattr(write, "put", counted)
    klsurv.update_store(tmp_path / "runs", tmp_path / "store")
    assert while_it_ran[0] > 0
    assert kept._kept == []
