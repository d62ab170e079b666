"""Rows of `source` that a producer could have written, as a hypothesis strategy. Their lists differ in length."""

from __future__ import annotations

import math
from collections.abc import Sequence

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from tests.effort import examples
from tests.frames.source import Row, trajectory

NAN, INF = math.nan, math.inf

# Collecting a frame takes as long as the machine is busy.
PROPERTY = settings(max_examples=examples(60), deadline=None, suppress_health_check=[HealthCheck.too_slow])

PMASS = (0.0, 0.1, 0.3, 0.5, 0.5, 0.8, 0.9, 1.0, None)
KL = (0.0, 1e-9, 0.02, 0.4, 1.0, 1.0, 3.0, 25.0, -0.5, NAN, INF, -INF)


@st.composite
def rows(
    draw: st.DrawFn,
    *,
    alphas: Sequence[float] = (0.0, 1.0),
    methods: Sequence[str | None] = ("pca", None),
    kl: Sequence[float] = KL,
    pmass: Sequence[float | None] = PMASS,
    most: int = 12,
) -> list[Row]:
    """One to eight trajectories on one grid of forks; some have fewer forks, or more KL than they generated."""
    forks = sorted(draw(st.sets(st.integers(0, most + 2), max_size=6)))
    made = []
    for _ in range(draw(st.integers(1, 8))):
        seen = forks[: draw(st.integers(0, len(forks)))] if draw(st.booleans()) else forks
        made.append(
            trajectory(
                draw(st.lists(st.sampled_from(kl), max_size=most)),
                alpha=draw(st.sampled_from(alphas)),
                method=draw(st.sampled_from(methods)),
                gen_len=draw(st.integers(0, most)),
                fork=seen,
                pmass=draw(st.lists(st.sampled_from(pmass), min_size=len(seen), max_size=len(seen))),
            )
        )
    return made
