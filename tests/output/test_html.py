"""The page of a figure: no name in it can run, and nothing is fetched."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser

import polars as pl
import pytest

import klsurv
from klsurv.names import clean
from klsurv.output.html import page
from klsurv.params import Look, Scoring
from klsurv.plots.spaghetti import draw_spaghetti

ATTACKS = ["</script><script>planted=1</script>", "<img src=x onerror=planted=1>", "a\u2028b", "<!--<script>", "]]>"]


class Elements(HTMLParser):
    """The elements of a page, with their attributes and, for scripts, their text."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag == "script":
            self.scripts.append("")

    def handle_data(self, data: str) -> None:
        if self.found and self.found[-1][0] == "script":
            self.scripts[-1] += data


def parsed(text: str) -> Elements:
    elements = Elements()
    elements.feed(text)
    return elements


@pytest.mark.parametrize("name", ATTACKS)
def test_a_name_stays_text(name: str) -> None:
    frame = pl.DataFrame({"cell": [name] * 3, "alpha": [1.0] * 3, "prompt": [0] * 3, "t": [0, 1, 2], "kl": [1.0] * 3})
    runs = klsurv.scan(frame.with_columns(pmass=pl.lit(0.9), model=pl.lit(name)))
    figure = draw_spaghetti(runs, look=Look(), scoring=Scoring())
    figure.make()
    elements = parsed(page(figure.spec(), title=name))
    assert [tag for tag, _ in elements.found] == [
        "html",
        "head",
        "meta",
        "meta",
        "meta",
        "title",
        "style",
        "body",
        "div",
    ] + ["script"] * 2
    spec = json.loads(elements.scripts[0])
    assert clean(name) in spec["title"]["subtitle"]


def test_the_policy_allows_its_one_script_by_hash_and_no_request() -> None:
    text = page('{"mark": "point"}', title="x")
    elements = parsed(text)
    script = text.split("<script>", 1)[1].split("</script", 1)[0]
    policy = next(attributes["content"] for _, attributes in elements.found if "http-equiv" in attributes)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert policy is not None and f"script-src 'sha256-{digest}';" in policy
    assert "default-src 'none'" in policy and "unsafe-eval" not in policy
    assert not any("src" in attributes or "href" in attributes for _, attributes in elements.found)
    assert not re.search(r"<script[^>]+src", page("{}", title="x"))
