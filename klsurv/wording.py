"""What a death, a level and a count are in words. In: scoring, event, the table or figure; a number. Out: a phrase."""

from __future__ import annotations

from collections.abc import Mapping

from klsurv.params import Event, Scoring

# Tables in which no one dies.
TIMELESS = ("calibration", "heldout", "bisection")


def percent(level: float) -> str:
    """The level of an interval."""
    return f"{100 * level:.10g} %"


def trajectories(n: int) -> str:
    """So many of them."""
    return f"{n} {'trajectory' if n == 1 else 'trajectories'}"


def death(scoring: Scoring, event: Event) -> str:
    """The event that was chosen."""
    if event.event == "pmass":
        return f"death at the first fork with pmass < {scoring.threshold:g}"
    return f"death at the first token with KL > {event.kl_threshold:g} nat"


def death_in(table: str, scoring: Scoring, event: Event, options: Mapping[str, object]) -> str:
    """What it is in the table of that name; empty for one in which no one dies."""
    if table in TIMELESS:
        return ""
    if table == "threshold":
        forks = options.get("consecutive", 1)
        at = "first fork" if forks == 1 else f"last of {forks} measured forks in a row"
        return f"death at the {at} with pmass < the row's threshold"
    return death(scoring, event)
