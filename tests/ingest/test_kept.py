from __future__ import annotations

from pathlib import Path

import pytest

from klsurv.ingest import kept, workers
from klsurv.ingest.cell import load_cell
from klsurv.ingest.discover import discover
from tests.ingest.handmade import KL, write_cell, write_file


@pytest.fixture(autouse=True)
def _apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "_kept", [])


def test_of_a_document_the_first_number_of_each_list_is_kept_until_the_next() -> None:
    kept.keep([{"a": [[7.5, 1.0], [], [8.5]], "b": 3.0, "c": [{"d": [9.5, 2.0]}]}, {"e": "text"}])
    assert kept._kept == [7.5, 8.5, 9.5]
    kept.keep([])
    assert kept._kept == []


def test_a_worker_keeps_what_the_last_cell_took(tmp_path: Path) -> None:
    write_cell(tmp_path, "a")
    write_file(write_cell(tmp_path, "b") / "calib.json", "{")
    cells = discover(tmp_path)
    for cell in cells:
        assert workers._load(cell, metric="pmass_eval") == load_cell(cell, metric="pmass_eval")
        assert (KL[1.0][0][0] in kept._kept) == (cell.name == "a")
