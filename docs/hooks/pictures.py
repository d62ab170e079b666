"""Pictures that open. In: a page. Out: the same, where a click on a picture shows it in its full size."""

from __future__ import annotations

import re
from typing import Any

_PICTURE = re.compile(r'<img [^>]*?src="([^"]+\.png)"[^>]*>')


def on_page_content(content: str, **_: Any) -> str:
    """The page with each picture as a link to itself."""
    return _PICTURE.sub(r'<a href="\1">\g<0></a>', content)
