"""One alpha of one cell. In: KL, pmass and lengths of its prompts, as arrays. Out: the same, checked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from klsurv.ingest.values import ROUNDING
from klsurv.produce.arrays import Vector, lengths, rows
from klsurv.validate import check


@dataclass(frozen=True, kw_only=True)
class Measured:
    """The prompts of one set at one alpha: pmass (parallel to the forks, NaN where missing) and tokens of each."""

    pmass: list[Vector]
    gen_len: list[int]


def check_kl(kl: object, *, window: int) -> list[Vector]:
    """KL in nats, a row per prompt, as long as they are.

    Raises:
        ParameterError: there is no prompt, or a row is longer than the window.
    """
    found = rows(kl, "kl")
    check(len(found) > 0, "kl holds no prompt")
    for i, row in enumerate(found):
        check(len(row) <= window, f"kl[{i}] has {len(row)} tokens, more than the window of {window}")
    return found


def check_measured(pmass: object, gen_len: object, *, forks: Sequence[int], window: int, suffix: str = "") -> Measured:
    """The pmass and the lengths of one prompt set.

    Raises:
        ParameterError: they differ in prompts, a row is not as long as the forks, a value is out of its range.
    """
    mass, length = f"pmass{suffix}", f"gen_len{suffix}"
    found, tokens = rows(pmass, mass), lengths(gen_len, length)
    check(len(found) == len(tokens), f"{mass} has {len(found)} prompts, {length} has {len(tokens)}")
    for i, row in enumerate(found):
        check(
            len(row) == len(forks),
            f"{mass}[{i}] has {len(row)} values for {len(forks)} fork points: NaN stands where it was not measured",
        )
        for bad in np.flatnonzero((row < -ROUNDING) | (row > 1 + ROUNDING))[:1]:
            check(False, f"{mass}[{i}][{bad}] is {row[bad]}, not a probability")
    for i, number in enumerate(tokens):
        check(number <= window, f"{length}[{i}] is {number}, more than the window of {window}")
    return Measured(pmass=found, gen_len=tokens)


def p95(kl: Sequence[Vector], gen_len: Sequence[int]) -> list[float]:
    """95th percentile over prompts of the finite KL at each token (nats, linear interpolation); NaN where none is."""
    cut = [row[:length] for row, length in zip(kl, gen_len, strict=True)]
    table = np.full((len(cut), max(map(len, cut))), np.nan)
    for line, row in zip(table, cut, strict=True):
        line[: len(row)] = np.where(np.isfinite(row), row, np.nan)
    # NaN sorts last.
    table.sort(axis=0)
    last = np.maximum(np.isfinite(table).sum(axis=0) - 1, 0)
    rank = 0.95 * last
    low = np.floor(rank).astype(int)
    below, above = (np.take_along_axis(table, at[None, :], axis=0)[0] for at in (low, np.minimum(low + 1, last)))
    values: list[float] = (below + (rank - low) * (above - below)).tolist()
    return values
