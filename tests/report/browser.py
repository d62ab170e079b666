"""The page in a real browser. In: an HTML file. Out: the page, ready, with what it complained of and asked for."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

_NAMES = ("chromium", "chromium-browser", "google-chrome")


@dataclass
class Opened:
    """A page in the browser, and what went wrong in it."""

    page: Any
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def table(self, name: str) -> list[dict[str, str]]:
        """A table of the data section, as text."""
        self.page.select_option("#csv-table", name)
        head, *rows = self.page.locator("#csv").input_value().split("\n")
        return [dict(zip(head.split(","), row.split(","), strict=True)) for row in rows]

    def threshold(self, value: float) -> None:
        """Choose a threshold by its number, and wait until it shows."""
        self.page.fill("#threshold-number", str(value))
        self.settle()

    def settle(self) -> None:
        """Wait until the page has drawn what was chosen."""
        self.page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


@contextmanager
def chromium() -> Iterator[Any]:
    """Headless Chromium."""
    # Asked for when it is needed: it may be installed while other tests run.
    path = next(filter(None, map(shutil.which, _NAMES)), None)
    if path is None:
        if os.environ.get("CI"):
            pytest.fail("CI is set, and there is no chromium")
        pytest.skip("there is no chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        started = play.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield started
        started.close()


@contextmanager
def opened(browser: Any, path: Path, **options: Any) -> Iterator[Opened]:
    """The page at a path, in a profile of its own."""
    with browser.new_context(**options) as profile:
        page = profile.new_page()
        found = Opened(page)
        page.on("console", lambda message: found.complaints.append(message.text) if message.type != "log" else None)
        page.on("pageerror", lambda error: found.complaints.append(str(error)))
        page.on("request", lambda request: found.requests.append(request.url))
        page.on("dialog", lambda dialog: (found.complaints.append(dialog.message), dialog.dismiss()))
        page.goto(path.as_uri())
        page.wait_for_selector("body[data-ready]", timeout=30_000)
        yield found
