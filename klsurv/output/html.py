"""A figure as one page. In: a Vega-Lite specification. Out: HTML that needs no network, and what such may do."""

from __future__ import annotations

import base64
import hashlib
import html
from functools import cache

import vl_convert

_SHOW = """
const spec = JSON.parse(document.getElementById("spec").textContent);
// About the figure as within it.
document.body.style.background = spec.config?.background;
const actions = {export: true, source: false, compiled: false, editor: false};
vegaEmbed("#figure", spec, {actions, ast: true, renderer: "svg"});
"""

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<title>{title}</title>
<style>body {{ margin: 0; }} #figure {{ overflow-x: auto; }}</style>
</head>
<body>
<div id="figure"></div>
<script type="application/json" id="spec">{spec}</script>
<script>{script}</script>
</body>
</html>
"""


def page(spec: str, *, title: str) -> str:
    """The page that draws `spec`, with Vega inside it.

    Names in the specification cannot end the script they stand in, and the page's policy allows no script but its own
    (by hash, without `eval`: Vega's expressions are interpreted) and no request at all.
    """
    script = _script()
    allowed = policy(script, images="data: blob:")
    return _PAGE.format(title=html.escape(title), policy=allowed, spec=_inert(spec), script=script)


def policy(script: str, *, images: str) -> str:
    """What a page may do: run this script, by hash and without evaluating text, show such images, ask for nothing."""
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return f"default-src 'none'; script-src 'sha256-{digest}'; style-src 'unsafe-inline'; img-src {images}"


@cache
def _script() -> str:
    """Vega, and what draws with it. Putting it together takes a second."""
    return vl_convert.javascript_bundle(_SHOW).replace("</script", "<\\/script")


def _inert(json_text: str) -> str:
    """JSON in which no character can close an element, as the same JSON value."""
    for character in "<>&\u2028\u2029":
        json_text = json_text.replace(character, f"\\u{ord(character):04x}")
    return json_text
