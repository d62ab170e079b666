"""Stores that have KL in order, though their doses are small."""

from __future__ import annotations

import pytest


def in_small_blocks(monkeypatch: pytest.MonkeyPatch, size: int = 16) -> None:
    """KL of whatever doses is in order, in blocks of so many values."""
    monkeypatch.setattr("klsurv.store.put._LARGE", 1)
    monkeypatch.setattr("klsurv.store.order._BLOCK", size)
