"""What runs say of themselves."""

from __future__ import annotations

from pathlib import Path

import pytest

import klsurv
from tests.analysis.lived import frame, life
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


def test_a_story_can_be_asked_for_by_a_whole_number(tmp_path: Path) -> None:
    write_cell(tmp_path, "a")
    runs = quietly(tmp_path)
    assert runs.story("a", 1, 0, roll=1).equals(runs.story("a", 1.0, 0, roll=1))


@pytest.mark.parametrize("ask", ["lifetimes", "compare", "dose"])
def test_a_tau_past_the_last_fork_is_told(ask: str) -> None:
    lives = frame(
        *[life(at, method=name, prompt=i) for name in ("pca", "sae") for i, at in enumerate([3, *[None] * 5])]
    )
    for tau, told in ((None, 0), (10, 0), (11, 1)):
        runs = quietly(lives)
        getattr(runs, ask)("method", tau=tau, **({} if ask == "lifetimes" else {"bootstrap": 0}))
        assert sum(text.startswith("tau 11 is past 10") for text in runs.warnings) == told


def test_a_frame_is_called_one(tmp_path: Path) -> None:
    long = quietly(write_cell(tmp_path, "a").parent).long().collect()
    for source in (long, long.lazy(), long.to_arrow()):
        assert repr(klsurv.scan(source, tell=lambda _: None)) == "<Runs of a frame, not read yet>"
