"""Runs that change, and what an ingest says of it."""

from __future__ import annotations

import json
import os
from pathlib import Path

from klsurv.store.ingest import Report
from tests.ingest.handmade import KL


def counts(report: Report) -> dict[str, int]:
    """Those that are not 0."""
    return {name: len(cells) for name, cells in vars(report).items() if cells}


def later(path: Path, content: str | None = None) -> None:
    """Write a file once more, a second later than it was."""
    seen = path.stat().st_mtime_ns
    path.write_text(path.read_text() if content is None else content)
    os.utime(path, ns=(seen + 10**9, seen + 10**9))


def of_kl(value: float) -> str:
    return json.dumps({"per_prompt_per_t_kl": {"0.0": KL[0.0], "1.0": [[value] * 8, [value] * 3]}}, indent=2)
