"""What a cell is. In: its model, method, seed, …, as a producer says them. Out: the same, checked."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any, TypeVar

from klsurv.errors import CellError, LimitError, ParameterError
from klsurv.ingest.calib import Calib
from klsurv.ingest.discover import CALIB
from klsurv.limits import limits, within
from klsurv.names import clean
from klsurv.produce.arrays import integer, lengths, real, tokens
from klsurv.validate import check, shown

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Facts:
    """A cell's `calib.json`: window in tokens, target_kl in nats; None where a fact is not known."""

    c_star: float | None
    target_kl: float | None
    window: int
    method: str | None
    model: str | None
    seed: int | None
    layer: int | None

    def __post_init__(self) -> None:
        for name, read in _READ.items():
            value = getattr(self, name)
            object.__setattr__(self, name, None if value is None else read(value, name))
        window = tokens(self.window, "window")
        check(window >= 1, f"window must be 1 token or more, not {window}")
        object.__setattr__(self, "window", window)

    def known(self) -> dict[str, object]:
        """The facts for the file: a reader tells of those that it lacks."""
        return {name: value for name, value in asdict(self).items() if value is not None}

    def agree(self, calib: Calib) -> None:
        """Make sure that these are the facts of a cell that is there already.

        Raises:
            CellError: one of them differs.
        """
        for name, value in asdict(self).items():
            found = getattr(calib, name)
            if found != (clean(value) if isinstance(value, str) else value):
                raise CellError(f"is {found!r} in the cell, and {value!r} was given", file=CALIB, field=name)


def check_forks(fork_points: object) -> list[int]:
    """Fork points: tokens, strictly ascending.

    Raises:
        ParameterError: they are not, or too many.
    """
    forks = lengths(fork_points, "fork_points")
    few("forks", len(forks), "forks", field="fork_points")
    for i, (before, fork) in enumerate(pairwise(forks), 1):
        check(fork > before, f"fork_points must ascend: fork_points[{i}] is {fork}, after {before}")
    return forks


def few(limit: str, found: int, what: str, *, field: str | None = None) -> None:
    """Make sure that readers do not refuse a cell for how much it holds.

    Raises:
        ParameterError: they would; the message says how to raise the limit.
    """
    try:
        within(limit, found, what, field=field)
    except LimitError as error:
        raise ParameterError(str(error)) from None


def text(value: object, name: str) -> str:
    """Text that can be written to a file.

    Raises:
        ParameterError: it is something else, or has half a surrogate pair in it.
    """
    check(isinstance(value, str), f"{name} must be text, not {shown(value)}")
    assert isinstance(value, str)
    check(not any("\ud800" <= c <= "\udfff" for c in value), f"{name} is no Unicode text: {value!r}")
    most = limits().text
    # Readers count what stands in the file, between the quotes: ASCII, with the rest escaped.
    check(len(json.dumps(value)) - 2 <= most, f"{name} is longer, in JSON, than the {most:,} bytes that are read")
    return value


def _name(value: object, name: str) -> str:
    most = limits().name
    check(not isinstance(value, str) or len(value) <= most, f"{name} is longer than the {most:,} letters that are read")
    return text(value, name)


_READ: dict[str, Callable[[Any, str], object]] = {
    "c_star": real,
    "target_kl": real,
    "method": _name,
    "model": _name,
    "seed": integer,
    "layer": integer,
}
