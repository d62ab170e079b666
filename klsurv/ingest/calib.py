"""`calib.json`. In: the parsed file. Out: the facts of a cell."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from klsurv.errors import CellError, LimitError
from klsurv.ingest.discover import CALIB
from klsurv.ingest.values import Json, finite, get, kind, tokens, whole
from klsurv.limits import within
from klsurv.names import clean

T = TypeVar("T")


@dataclass(frozen=True)
class Calib:
    """What a cell was: its window in tokens, target in nats; None where the file does not say, with a note on each.

    `refused`: one of them is longer than a limit allows.
    """

    window: int
    model: str | None
    method: str | None
    seed: int | None
    layer: int | None
    target_kl: float | None
    c_star: float | None
    notes: list[str] = field(default_factory=list)
    refused: bool = False


def check_calib(calib: Json) -> Calib:
    """The facts in `calib.json`; only `window` cannot be done without.

    Raises:
        CellError: `window` is missing or not a number of tokens, 1 or more.
    """
    window = tokens(get(calib, "window", CALIB), CALIB, "window")
    if window < 1:
        raise CellError("a rollout has 1 token or more, not 0", file=CALIB, field="window")
    notes: list[str] = []
    refused = False

    def optional(name: str, read: Callable[[object], T | None]) -> T | None:
        nonlocal refused
        try:
            value = read(calib.get(name))
        except LimitError as error:
            notes.append(f"{CALIB}: {name}: {error}")
            refused = True
            return None
        if value is None:
            cause = f"is {kind(calib[name])}, and cannot be used" if name in calib else "missing"
            notes.append(f"{CALIB}: {name}: {cause}")
        return value

    return Calib(
        window=window,
        model=optional("model", _text),
        method=optional("method", _text),
        seed=optional("seed", whole),
        layer=optional("layer", whole),
        target_kl=optional("target_kl", finite),
        c_star=optional("c_star", finite),
        notes=notes,
        refused=refused,
    )


def _text(value: object) -> str | None:
    if not isinstance(value, str):
        return None
    within("name", len(value), "characters")
    return clean(value)
