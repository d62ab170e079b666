"""The report as it is put together."""

from __future__ import annotations

from pathlib import Path

from klsurv.report.build import build
from tests.generated import quietly
from tests.ingest.handmade import write_cell


def test_its_steps_end_with_the_last_of_them(tmp_path: Path) -> None:
    write_cell(tmp_path, "a")
    steps: list[tuple[int, int]] = []
    text = build(quietly(tmp_path), progress=lambda done, total: steps.append((done, total)), options={"roll": 1})
    assert text.count("<figure") == len(steps) - 1
    assert [done for done, _ in steps[:-1]] == list(range(1, len(steps)))
    assert steps[-1] == (11, 11) and {total for _, total in steps} == {11}
