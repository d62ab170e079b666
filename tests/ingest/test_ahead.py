from __future__ import annotations

import threading
from pathlib import Path

import pytest

from klsurv.errors import NothingUsableError
from klsurv.ingest.ahead import Ahead
from klsurv.ingest.cell import load_cell
from klsurv.ingest.discover import discover
from tests.ingest.handmade import write_cell


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in ("a", "b", "c"):
        write_cell(tmp_path, name)
    return tmp_path


def test_cells_read_ahead_are_the_cells_in_order(root: Path) -> None:
    ahead = Ahead(root, name_contains="", metric="pmass_eval")
    assert list(ahead) == [load_cell(cell, metric="pmass_eval") for cell in discover(root)]
    ahead.close()


def test_closing_stops_the_reading_thread(root: Path) -> None:
    before = threading.active_count()
    ahead = Ahead(root, name_contains="", metric="pmass_eval")
    ahead.close()
    assert threading.active_count() == before


def test_what_goes_wrong_while_reading_ahead_is_raised_where_the_cells_are_wanted(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr("klsurv.ingest.workers.load_cell", fail)
    ahead = Ahead(root, name_contains="", metric="pmass_eval")
    with pytest.raises(MemoryError):
        list(ahead)
    ahead.close()


def test_a_root_without_cells_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(NothingUsableError, match="no run cell"):
        Ahead(tmp_path, name_contains="", metric="pmass_eval")
