"""Values for a JSON file. In: what a producer has, arrays and numbers of numpy included. Out: what JSON can hold."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from klsurv.errors import ParameterError
from klsurv.ingest.values import finite
from klsurv.limits import NESTING
from klsurv.produce.arrays import scalar
from klsurv.produce.facts import text
from klsurv.validate import check, shown


def plain(value: Any, name: str, *, within: int = NESTING - 1) -> Any:
    """The value with every array as a list, and every number as Python's own; `within` so many levels.

    Raises:
        ParameterError: it holds something that JSON, or a reader of the file, cannot.
    """
    check(within >= 0, f"{name[:80]}… is nested more than {NESTING} levels deep")
    value = scalar(value)
    if value is None or isinstance(value, (bool, float)):
        return value
    if isinstance(value, int):
        check(abs(value) < 2**63, f"{name} is a whole number beyond 64 bits")
        return value
    if isinstance(value, str):
        return text(value, name)
    if isinstance(value, Mapping):
        return {text(key, name): plain(item, f"{name}.{key}", within=within - 1) for key, item in value.items()}
    if hasattr(value, "tolist"):
        return plain(value.tolist(), name, within=within)
    if not isinstance(value, Iterable) or isinstance(value, bytes):
        raise ParameterError(f"{name} is {shown(value)}, which JSON cannot hold")
    return [plain(item, f"{name}[{i}]", within=within - 1) for i, item in enumerate(value)]


def mappings(values: object, name: str) -> list[Any]:
    """A list of what should be mappings, each as `plain` makes it.

    Raises:
        ParameterError: it is no list, or holds something that JSON cannot.
    """
    if not isinstance(values, Iterable) or isinstance(values, (str, bytes, Mapping)):
        raise ParameterError(f"{name} must be a list of mappings, not {type(values).__name__}")
    return [plain(value, f"{name}[{i}]") for i, value in enumerate(values)]


def steps(history: Sequence[Mapping[str, object]]) -> list[dict[str, Any]]:
    """The bisection that found c_star, in order: coefficient and KL (nats) of each step.

    Raises:
        ParameterError: a step has no `coeff`, or it is no finite number.
    """
    found: list[dict[str, Any]] = mappings(history, "history")
    for i, step in enumerate(found):
        check(isinstance(step, dict), f"history[{i}] must be a mapping, such as {{'coeff': 4.0, 'kl_p95': 0.7}}")
        check(finite(step.get("coeff")) is not None, f"history[{i}] needs a coeff that is a finite number")
    return found
