"""What runs say of themselves."""

from __future__ import annotations

from pathlib import Path

import klsurv
from tests.generated import quietly
from tests.ingest.handmade import write_cell, write_file


def test_they_are_told_without_being_read(tmp_path: Path) -> None:
    assert repr(klsurv.scan(tmp_path / "not\nthere")) == f"<Runs of {tmp_path}/not\\nthere, not read yet>"


def test_once_read_they_say_how_much_there_is(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        write_cell(tmp_path, name)
    write_file(tmp_path / "c" / "calib.json", "{")
    runs = quietly(tmp_path)
    doses = len(runs.alphas)
    assert repr(runs) == f"<Runs of {tmp_path}: 2 of 3 cells usable, {doses} doses>"


def test_a_frame_is_called_one(tmp_path: Path) -> None:
    frame = quietly(write_cell(tmp_path, "a").parent).long().collect()
    for source in (frame, frame.lazy(), frame.to_arrow()):
        assert repr(klsurv.scan(source, tell=lambda _: None)) == "<Runs of a frame, not read yet>"
