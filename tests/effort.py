"""How many random inputs a test tries. In: how many when it is thorough. Out: how many now.

The suite tries 15 %, so that it takes minutes; `KLSURV_EFFORT=1 python -m pytest` tries all, 10 ten times as many.
"""

from __future__ import annotations

import os

_EFFORT = float(os.environ.get("KLSURV_EFFORT", "0.15"))


def examples(thorough: int) -> int:
    """So many, in proportion to the effort; one at least."""
    return max(1, round(thorough * _EFFORT))
