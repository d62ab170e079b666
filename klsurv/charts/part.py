"""What altair composes charts of. In: Vega-Lite. Out: an altair chart that holds it. Loads altair."""

from __future__ import annotations

from typing import Any

import altair as alt
from altair.utils.schemapi import SchemaBase


class Part(alt.Spec):
    """A part of a chart, as Vega-Lite has it, whose own parts stay dictionaries.

    Altair would find out the type of each of them, which takes a second or two, and validate each by itself; it is the
    whole chart that is validated, when it is shown.
    """

    _class_is_valid_at_instantiation = False

    def __init__(self, **part: Any) -> None:
        # Every part of an altair chart is asked for data of its own.
        SchemaBase.__init__(self, **{"data": alt.Undefined, **part})


def chart_of(whole: dict[str, Any]) -> alt.VConcatChart:
    """The altair chart of a specification, whose parts are one below the other."""
    return alt.VConcatChart(**{**whole, "vconcat": [Part(**part) for part in whole["vconcat"]]})
