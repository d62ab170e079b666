"""The interval-censored NPMLE. In: brackets (left, right] of deaths. Out: where S falls, and to what.

Turnbull (1976). Needed where the trajectories of a group were looked at on other grids.
"""

from __future__ import annotations

import numpy as np

from klsurv.stats.counted import Floats

# The gap to the maximum, in mean log-likelihood, at which the iteration stops; and its limit, of which 25 are needed.
GAP, MOST = 1e-12, 200
# Mass that is none; what rounding makes of 0; and steps of Newton's method, of which 5 are needed.
VANISHED, ROUNDING, NEWTON = 1e-9, 1e-13, 20


def turnbull(left: Floats, right: Floats, n: Floats) -> tuple[Floats, Floats, Floats]:
    """Where S falls and to what: both ends of the innermost intervals (tokens, ascending), S just after each.

    Args:
        left: last token at which each was alive, exclusive; −1 or less for those that never were.
        right: token at which it was first seen dead, inclusive; infinite for those that never were.
        n: how many there are of each.

    Mass that no one's death bounds (it lies beyond the last fork) stays in S. Where S falls between an innermost
    interval's ends is not identified: it is put at the right one.
    """
    starts, ends = _innermost(left, right)
    holds = ((left[:, None] <= starts) & (ends <= right[:, None])).astype(float)
    mass = _most_likely(holds, n / n.sum())
    finite = np.isfinite(ends)
    survival = 1 - np.cumsum(mass[finite])
    return starts[finite], ends[finite], np.clip(survival, 0, 1)


def _most_likely(holds: Floats, share: Floats) -> Floats:
    """The mass that makes Σ share log(holds @ mass) greatest, by a primal–dual interior point method.

    As Koenker & Mizera (2014) for mixtures. Self-consistency, which is simpler, comes to a crawl where mass vanishes.
    """
    size = holds.shape[1]
    # `slack` is the multiplier of mass ≥ 0; that the mass sums to 1 follows at the maximum, and is enforced at the end.
    mass, slack = np.full(size, 1 / size), np.ones(size)
    for _ in range(MOST):
        fitted = holds @ mass
        # Of the mean log-likelihood; at the maximum it is 1 where there is mass and at most 1 elsewhere.
        gradient = (share / fitted) @ holds
        if gradient.max() * mass.sum() - 1 < GAP:
            break
        target = 0.1 * (mass @ slack) / size
        curvature = (holds.T * (share / fitted**2)) @ holds + np.diag(slack / mass)
        step = np.linalg.solve(curvature, gradient - 1 + target / mass)
        slack_step = (target - slack * step) / mass - slack
        mass = mass + _within(mass, step) * step
        slack = slack + _within(slack, slack_step) * slack_step
    return _sharpened(holds, share, mass / mass.sum())


def _sharpened(holds: Floats, share: Floats, mass: Floats) -> Floats:
    """The same to the last digits, by Newton's method on the mass that there is.

    Where mass and multiplier vanish together the iteration stops at the square root of its gap: S that is 0.5 must not
    be 0.5000003. The mass stays as it is where no such maximum is found.
    """
    kept = mass > VANISHED
    while (exact := _newton(holds[:, kept], share, mass[kept])) is not None and exact.min() < 0:
        # Where there is none at the maximum, the slope of the likelihood would have it negative.
        kept[kept] = exact > 0
    if exact is None:
        return mass
    found = np.zeros(len(mass))
    found[kept] = exact
    return found


def _newton(holds: Floats, share: Floats, mass: Floats) -> Floats | None:
    """The mass, of any sign, at which the likelihood is level; None where that is not near."""
    for _ in range(NEWTON):
        fitted = holds @ mass
        if fitted.min() <= 0:
            return None
        curvature = (holds.T * (share / fitted**2)) @ holds
        # Of mass that is not unique, as little as possible is moved.
        step = np.linalg.lstsq(curvature, (share / fitted) @ holds - 1)[0]
        mass = mass + step
        if np.abs(step).max() < ROUNDING:
            return np.asarray(mass)
    return None


def _within(value: Floats, step: Floats) -> float:
    """How much of a step leaves the value positive; 1 at most."""
    return float(min(1.0, 0.99 / max(float((-step / value).max()), 1e-300)))


def _innermost(left: Floats, right: Floats) -> tuple[Floats, Floats]:
    """Intervals from a left end to a right end with no other end between them: only there can mass be (Turnbull)."""
    lefts, rights = np.unique(left), np.unique(right)
    # Each left end's next right end; of the lefts that share one, the last.
    nearest = rights[np.searchsorted(rights, lefts, side="right")]
    last = np.append(nearest[1:] != nearest[:-1], True)
    return lefts[last], nearest[last]
