"""Formulas that need no script. In: a page whose formulas are LaTeX. Out: the same with MathML, which browsers draw."""

from __future__ import annotations

import html
import re
from typing import Any

from latex2mathml.converter import convert
from mkdocs.exceptions import PluginError

# What pymdownx.arithmatex makes of $…$ and $$…$$.
_INLINE = re.compile(r'<span class="arithmatex">\\\((.*?)\\\)</span>', re.DOTALL)
_BLOCK = re.compile(r'<div class="arithmatex">\s*\\\[(.*?)\\\]\s*</div>', re.DOTALL)


def on_page_content(content: str, page: Any, **_: Any) -> str:
    """The page with its formulas as MathML."""

    def drawn(found: re.Match[str], display: str) -> str:
        formula = convert(html.unescape(found[1]), display=display)
        # A command that the converter does not know is left as it was.
        if "\\" in html.unescape(formula):
            raise PluginError(f"{page.file.src_uri} has a formula that cannot be drawn: {found[1]}")
        return formula

    content = _INLINE.sub(lambda found: drawn(found, "inline"), content)
    return _BLOCK.sub(lambda found: f'<div class="formula">{drawn(found, "block")}</div>', content)
