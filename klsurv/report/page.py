"""The page itself. In: sections and the payload. Out: HTML that asks for nothing and runs no script but its own."""

from __future__ import annotations

import base64
import gzip
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined

from klsurv.output.html import policy

# They make one module, and use what those before them define.
_SCRIPTS = ("data.js", "panels.js", "story.js", "choices.js")


def page(context: Mapping[str, Any], *, payload: str) -> str:
    """Fill the template, whose values are escaped, and inline style, script and payload.

    The payload is compressed and in base64, so that no text in it can end the element it stands in. The policy allows
    no request at all and no script but the page's own, by hash; none of it is evaluated from text.
    """
    style, script = _read("report.css"), "".join(map(_read, _SCRIPTS))
    environment = Environment(
        loader=FunctionLoader(_read), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    # mtime=0: the same input gives the same file.
    packed = base64.b64encode(gzip.compress(payload.encode(), 9, mtime=0)).decode()
    return environment.get_template("report.html").render(
        **context, policy=policy(script, images="data:"), style=style, script=script, payload=packed
    )


def _read(name: str) -> str:
    return (files("klsurv.report") / name).read_text(encoding="utf-8")
