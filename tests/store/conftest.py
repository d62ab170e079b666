"""Three cells to ingest, and where their store shall be."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.ingest.handmade import write_cell


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in ("a", "b", "c"):
        write_cell(tmp_path / "runs", name)
    return tmp_path / "runs"


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "store"
