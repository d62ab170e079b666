"""The formulas as plain loops over subjects: slow, and easy to check against the books."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from statistics import NormalDist

import numpy as np

from tests.stats.drawn import DIED, FINISHED, DataSet

Weight = Callable[[int, float, float], float]


def counts(data: DataSet) -> list[tuple[int, int, int]]:
    """(t, at risk, deaths) at each token at which any is at risk."""
    found = []
    for t in range(int(data.time.max()) + 1):
        n = d = 0
        for time, way in zip(data.time, data.way, strict=True):
            n += bool(time >= t)
            d += bool(time == t and way == DIED)
        found.append((t, n, d))
    return found


def survival(data: DataSet) -> list[Fraction]:
    """Kaplan & Meier (1958), exactly."""
    s, found = Fraction(1), []
    for _, n, d in counts(data):
        s *= Fraction(n - d, n)
        found.append(s)
    return found


def std_error(data: DataSet) -> list[float | None]:
    """Greenwood (1926)."""
    total, found = Fraction(0), []
    for (_, n, d), s in zip(counts(data), survival(data), strict=True):
        if s > 0:
            total += Fraction(d, n * (n - d))
        found.append(float(s) * math.sqrt(total) if s > 0 else None)
    return found


def interval(data: DataSet, scale: str, level: float) -> list[tuple[float, float] | None]:
    """As R's survfit.formula; None where S is 1 or 0."""
    z = NormalDist().inv_cdf(0.5 + level / 2)
    found: list[tuple[float, float] | None] = []
    for exact, error in zip(survival(data), std_error(data), strict=True):
        s = float(exact)
        if s == 1 or error is None:
            found.append(None)
            continue
        log_error = error / s
        if scale == "plain":
            low, high = s - z * error, s + z * error
        elif scale == "log":
            low, high = math.exp(math.log(s) - z * log_error), math.exp(math.log(s) + z * log_error)
        else:
            center, spread = math.log(-math.log(s)), z * log_error / math.log(s)
            low, high = math.exp(-math.exp(center - spread)), math.exp(-math.exp(center + spread))
        found.append((max(low, 0.0), min(high, 1.0)))
    return found


def median(data: DataSet) -> int | None:
    for (t, _, _), s in zip(counts(data), survival(data), strict=True):
        if s <= Fraction(1, 2):
            return t
    return None


def restricted_mean(data: DataSet, tau: int) -> tuple[float, float]:
    """The area under S to tau, token by token, and its standard error as survRM2 has it."""
    curve = survival(data)
    after = [Fraction(0)]
    for token in reversed(range(tau)):
        after.append(after[-1] + curve[min(token, len(curve) - 1)])
    after.reverse()
    terms = [after[t] ** 2 * Fraction(d, n * (n - d)) for t, n, d in counts(data) if t < tau and 0 < d < n]
    return float(after[0]), math.sqrt(sum(terms))


def logrank(strata: Sequence[DataSet], groups: int, weight: Weight) -> tuple[np.ndarray, np.ndarray]:
    """Weighted observed − expected of each group, and their covariance, added over strata (R's survdiff)."""
    excess, covariance = np.zeros(groups), np.zeros((groups, groups))
    for data in strata:
        before = modified = 1.0
        for t in sorted({int(time) for time in data.time}):
            n_of, d_of = np.zeros(groups), np.zeros(groups)
            for group, time, way in zip(data.group, data.time, data.way, strict=True):
                n_of[group] += time >= t
                d_of[group] += time == t and way == DIED
            n, d = n_of.sum(), d_of.sum()
            modified *= 1 - d / (n + 1)
            w = weight(int(n), before, modified)
            for a in range(groups):
                excess[a] += w * (d_of[a] - n_of[a] * d / n)
                for b in range(groups):
                    if n > 1:
                        share = (n_of[a] / n) * ((a == b) - n_of[b] / n)
                        covariance[a, b] += w**2 * share * d * (n - d) / (n - 1)
            before *= 1 - d / n
    return excess, covariance


def chi_squared(excess: np.ndarray, covariance: np.ndarray) -> float:
    """The quadratic form of all groups but the last; the covariance must have full rank then."""
    return float(excess[:-1] @ np.linalg.solve(covariance[:-1, :-1], excess[:-1]))


def trend(data: DataSet, scores: Sequence[float], weight: Weight) -> tuple[float, float]:
    """Numerator and variance of the test for trend: Tarone (1975), as Klein & Moeschberger (2003), section 7.4."""
    excess, covariance = logrank([data], len(scores), weight)
    top = variance = 0.0
    for a, score in enumerate(scores):
        top += score * excess[a]
        for b, other in enumerate(scores):
            variance += score * other * covariance[a, b]
    return top, variance


def incidence(data: DataSet) -> list[tuple[int, list[float], list[float]]]:
    """(t, P(died) and P(finished), their standard errors) at each observed time, by counting and the delta method.

    At each time the two numbers of ends are multinomial; the derivatives are taken with respect to both shares.
    """
    times = sorted({int(time) for time in data.time})
    steps = [
        (int((data.time >= t).sum()), [int(((data.time == t) & (data.way == way)).sum()) for way in (DIED, FINISHED)])
        for t in times
    ]
    reached = [_reached(steps, way) for way in (0, 1)]
    rows = []
    for i, t in enumerate(times, 1):
        errors = [math.sqrt(_variance(steps[:i], way, reached[way][:i])) for way in (0, 1)]
        rows.append((t, [float(reached[way][i - 1]) for way in (0, 1)], errors))
    return rows


def _reached(steps: list[tuple[int, list[int]]], way: int) -> list[Fraction]:
    running, total, found = Fraction(1), Fraction(0), []
    for n, ends in steps:
        total += running * Fraction(ends[way], n)
        running *= Fraction(n - sum(ends), n)
        found.append(total)
    return found


def _variance(steps: list[tuple[int, list[int]]], way: int, reached: list[Fraction]) -> Fraction:
    running, variance = Fraction(1), Fraction(0)
    for (n, ends), so_far in zip(steps, reached, strict=True):
        if not sum(ends):
            continue
        left = Fraction(n - sum(ends), n)
        later = (reached[-1] - so_far) / left if left else Fraction(0)
        own, other = Fraction(ends[way], n), Fraction(ends[1 - way], n)
        # The derivatives with respect to both shares, in the multinomial variance: of the squares less of the mean.
        by_own, by_other = running - later, -later
        mean = by_own * own + by_other * other
        variance += (by_own**2 * own + by_other**2 * other - mean**2) / n
        running *= left
    return variance
