"""How many random inputs a test tries. In: how many when it is thorough. Out: how many now.

The suite tries 15 %, so that it takes minutes, and the same each time, so that it fails where something was changed;
`KLSURV_EFFORT=1 python -m pytest` tries all and others each time, 10 ten times as many.
"""

from __future__ import annotations

import os

from hypothesis import settings

_ASKED = os.environ.get("KLSURV_EFFORT")
_EFFORT = float(_ASKED or "0.15")


def choose_inputs() -> None:
    """Whether hypothesis draws the same each time; to be said before a test is defined."""
    settings.register_profile("klsurv", derandomize=_ASKED is None)
    settings.load_profile("klsurv")


def examples(thorough: int) -> int:
    """So many, in proportion to the effort; one at least."""
    return max(1, round(thorough * _EFFORT))
