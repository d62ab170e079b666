"""The interval-censored NPMLE. In: brackets (left, right] of deaths. Out: S at the right ends.

Turnbull (1976), by self-consistency. Needed where the trajectories of a group were looked at on other grids.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

# The gap to the maximum, in mean log-likelihood, at which the iteration stops; and its limit.
GAP, MOST = 1e-11, 200_000


def turnbull(left: Floats, right: Floats, n: Floats) -> tuple[Floats, Floats]:
    """Where S falls and to what: right ends of the innermost intervals (tokens, ascending), S just after each.

    Args:
        left: last token at which each was alive, exclusive; −1 or less for those that never were.
        right: token at which it was first seen dead, inclusive; infinite for those that never were.
        n: how many there are of each.

    Mass that no one's death bounds (it lies beyond the last fork) stays in S. Where S falls between an innermost
    interval's ends is not identified: it is put at the right one.
    """
    starts, ends = _innermost(left, right)
    holds = ((left[:, None] <= starts) & (ends <= right[:, None])).astype(float)
    mass = np.full(len(starts), 1 / len(starts))
    share = n / n.sum()
    for _ in range(MOST):
        # The gradient of the mean log-likelihood; at the maximum it is 1 where there is mass and below elsewhere.
        gradient = (share / (holds @ mass)) @ holds
        if gradient.max() - 1 < GAP:
            break
        mass *= gradient
    finite = np.isfinite(ends)
    survival = 1 - np.cumsum(mass[finite])
    return ends[finite], np.clip(survival, 0, 1)


def _innermost(left: Floats, right: Floats) -> tuple[Floats, Floats]:
    """Intervals from a left end to a right end with no other end between them: only there can mass be (Turnbull)."""
    lefts, rights = np.unique(left), np.unique(right)
    # Each left end's next right end; of the lefts that share one, the last.
    nearest = rights[np.searchsorted(rights, lefts, side="right")]
    last = np.append(nearest[1:] != nearest[:-1], True)
    return lefts[last], nearest[last]
