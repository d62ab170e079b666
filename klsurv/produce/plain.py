"""Values for a JSON file. In: what a producer has, arrays and numbers of numpy included. Out: what JSON can hold."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from klsurv.ingest.values import finite
from klsurv.produce.arrays import scalar
from klsurv.produce.facts import text
from klsurv.validate import check


def plain(value: Any, name: str) -> Any:
    """The value with every array as a list, and every number as Python's own.

    Raises:
        ParameterError: it holds something that JSON cannot.
    """
    value = scalar(value)
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, str):
        return text(value, name)
    if isinstance(value, Mapping):
        return {text(key, name): plain(item, f"{name}.{key}") for key, item in value.items()}
    if hasattr(value, "tolist"):
        return plain(value.tolist(), name)
    check(isinstance(value, Iterable) and not isinstance(value, bytes), f"{name} is {value!r}, which JSON cannot hold")
    return [plain(item, f"{name}[{i}]") for i, item in enumerate(value)]


def steps(history: Sequence[Mapping[str, object]]) -> list[dict[str, Any]]:
    """The bisection that found c_star, in order: coefficient and KL (nats) of each step.

    Raises:
        ParameterError: a step has no `coeff`, or it is no finite number.
    """
    found: list[dict[str, Any]] = plain(list(history), "history")
    for i, step in enumerate(found):
        check(isinstance(step, dict), f"history[{i}] must be a mapping, such as {{'coeff': 4.0, 'kl_p95': 0.7}}")
        check(finite(step.get("coeff")) is not None, f"history[{i}] needs a coeff that is a finite number")
    return found
