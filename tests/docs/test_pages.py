"""Every page can be followed: what its blocks say runs, and prints what they say it prints."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.charts.figures import alike
from tests.docs.pages import PAGES, ROOT, blocks, name
from tests.docs.reader import Reader, follow


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the demo leaves."""
    folder = tmp_path_factory.mktemp("demo") / "here"
    with Reader(folder) as reader:
        reader.shell("klsurv demo")
    return folder / "klsurv-demo"


def test_the_demo_draws_the_figure_of_the_readme(demo: Path) -> None:
    assert alike((demo / "spaghetti.png").read_bytes(), (ROOT / "docs" / "spaghetti.png").read_bytes())


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_a_page_can_be_followed(page: Path, demo: Path, tmp_path: Path) -> None:
    shutil.copytree(demo, tmp_path / "page" / "klsurv-demo")
    with Reader(tmp_path / "page") as reader:
        for block in blocks(page):
            follow(reader, block)
