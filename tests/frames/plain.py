"""R2, R3 and R8 of one trajectory as plain loops: slow, and easy to check against the rules."""

from __future__ import annotations

import math

from tests.frames.drawn import NAN
from tests.frames.source import Row

Floats = list[float]


def smoothed(kl: Floats, roll: int) -> Floats:
    """R2 as a loop."""
    if roll <= 1 or len(kl) < roll:
        return kl
    padded = kl[:1] * (roll // 2) + kl + kl[-1:] * (roll - 1 - roll // 2)
    means = (padded[t : t + roll] for t in range(len(kl)))
    return [math.fsum(window) / roll if all(map(math.isfinite, window)) else NAN for window in means]


def scale(smooth: Floats, tokens: int) -> float | None:
    """R3 as a loop."""
    finite = sorted(x for x in smooth[:tokens] if math.isfinite(x))
    if not finite:
        return None
    rank = 0.95 * (len(finite) - 1)
    low = math.floor(rank)
    p95 = finite[low] + (rank - low) * (finite[min(low + 1, len(finite) - 1)] - finite[low])
    return p95 if p95 > 1e-8 else None


def measured(row: Row, threshold: float = 0.8) -> list[int]:
    """The forks at which a trajectory is at risk."""
    found = []
    for fork, mass in zip(row["fork"], row["pmass"], strict=True):
        if fork <= row["gen_len"] and mass is not None:
            found.append(fork)
            if mass < threshold:
                break
    return found
