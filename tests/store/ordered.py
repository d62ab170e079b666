"""Stores whose KL is in order in small blocks, or not in order, as in those that were made before it was kept so."""

from __future__ import annotations

import pytest


def in_small_blocks(monkeypatch: pytest.MonkeyPatch, size: int = 16) -> None:
    """KL is in order in blocks of so many values."""
    monkeypatch.setattr("klsurv.store.order._BLOCK", size)


def without_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """KL is not in order in what is written."""
    monkeypatch.setattr("klsurv.store.put.add_order", lambda *_: None)
