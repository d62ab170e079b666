"""Pages that fetch nothing. In: a finished page. Out: the same page, or an error where it would load from elsewhere."""

from __future__ import annotations

import re
from typing import Any

from mkdocs.exceptions import PluginError

# Whatever a browser loads by itself; links that one follows (<a href>) are not meant.
_LOADED = re.compile(
    r"""<(?:script|img|iframe|source|video|audio|embed)\b[^>]*?\bsrc=["']?((?:https?:)?//[^"'\s>]+)"""
    r"""|<link\b(?![^>]*\brel=["']?canonical)[^>]*?\bhref=["']?((?:https?:)?//[^"'\s>]+)"""
    r"""|(class=["']?mermaid)""",
    re.IGNORECASE,
)


def on_post_page(output: str, page: Any, **_: Any) -> str:
    """The page unchanged."""
    if found := _LOADED.search(output):
        raise PluginError(f"{page.file.src_uri} would load from elsewhere: {found[0]}")
    return output
