"""The pictures of the docs are those that klsurv draws now."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

from klsurv.crew import Crew
from tests.charts.figures import alike
from tests.docs.pages import PAGES, ROOT

DOCS = ROOT / "docs"
_spec = spec_from_file_location("figures", DOCS / "figures.py")
assert _spec is not None and _spec.loader is not None
figures = module_from_spec(_spec)
_spec.loader.exec_module(figures)


class Kept(Crew):
    """Outlives whoever shuts it down, as its drawing engine takes a second to start."""

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        pass


@pytest.fixture(scope="module")
def crew() -> Iterator[Crew]:
    kept = Kept(1)
    yield kept
    Crew.shutdown(kept)


@pytest.mark.parametrize("chart", figures.CHARTS)
def test_a_picture_is_what_is_drawn(
    chart: str, real_cells: Path, tmp_path: Path, crew: Crew, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("klsurv.output.pen.Crew", lambda _: crew)
    figures.draw(chart, real_cells, tmp_path / "now.png")
    then = DOCS / f"{chart}.png"
    assert alike((tmp_path / "now.png").read_bytes(), then.read_bytes()), (
        f"docs/{chart}.png is not what klsurv draws: look at what `python docs/figures.py` makes of it, and commit that"
    )


def test_every_picture_of_a_page_is_among_them() -> None:
    shown = {
        (page.parent / picture).resolve()
        for page in PAGES
        for picture in re.findall(r"!\[.*?\]\((.*?)\)", page.read_text(), flags=re.DOTALL)
    }
    assert shown == {DOCS / f"{chart}.png" for chart in figures.CHARTS} == set(DOCS.rglob("*.png"))
