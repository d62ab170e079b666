"""What options ask for. In: the options of a command, by name. Out: arguments for `Runs`, checked before any work."""

from __future__ import annotations

from typing import Any

from klsurv.inference import Interval, LogRank, Resampling, Thresholds
from klsurv.params import OutcomeOptions, Scoring, ScoringOptions, Selection, groups, outcome


def scoring_of(options: dict[str, Any]) -> ScoringOptions:
    """The scoring."""
    chosen: ScoringOptions = {
        "threshold": options["threshold"],
        "roll": options["roll"],
        "calib_tokens": options["calib_tokens"],
        "normalize_kl": options["normalize_kl"],
        "window": options["window"],
    }
    Scoring(**chosen)
    return chosen


def selection_of(options: dict[str, Any]) -> Selection:
    """Which cells and doses."""
    return Selection(**_those(options, "alphas", "model_contains", "where", "metric"))


def outcome_of(options: dict[str, Any]) -> OutcomeOptions:
    """The scoring and the event."""
    chosen: OutcomeOptions = {
        **scoring_of(options),
        "event": options["event"],
        "kl_threshold": options["kl_threshold"],
    }
    outcome(chosen)
    return chosen


def resampling_of(options: dict[str, Any]) -> dict[str, Any]:
    """How prompts are drawn again, and the level of intervals."""
    Interval(level=options["level"])
    Resampling(draws=options["bootstrap"], seed=options["seed"])
    return _those(options, "level", "bootstrap", "seed")


def comparison_of(options: dict[str, Any]) -> dict[str, Any]:
    """How groups are compared: the dose, the test, what it is stratified by, tau, and how prompts are drawn again."""
    groups(options["stratify"], none=True, name="stratify")
    LogRank(**_those(options, "test", "rho", "gamma"))
    asked = _those(options, "at_alpha", "test", "rho", "gamma", "stratify", "tau")
    return asked | resampling_of(options)


def thresholds_of(options: dict[str, Any]) -> dict[str, Any]:
    """The thresholds, and how many forks in a row death takes."""
    asked = _those(options, "start", "stop", "steps", "consecutive")
    Thresholds(**asked)
    return asked


def _those(options: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: options[name] for name in names}
