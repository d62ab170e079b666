"""Code blocks. In: a page whose fences may have a word after the language. Out: the same without these words.

The words (`sh setup`, `sh s3`) tell who runs the blocks how to; the highlighter knows only languages.
"""

from __future__ import annotations

import re
from typing import Any

_WORDS = re.compile(r"^( *```\w+)[ ].*$", re.MULTILINE)


def on_page_markdown(markdown: str, **_: Any) -> str:
    """The page with bare languages."""
    return _WORDS.sub(r"\1", markdown)
