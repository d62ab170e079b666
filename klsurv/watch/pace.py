"""How fast. In: how much was done, time and again. Out: how much per minute, lately, and how long the rest takes."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

# Seconds: rates are over so long at most, and one sample is kept per step, so that their number is bounded.
_LATELY, _STEP = 1800.0, 15.0


@dataclass(frozen=True)
class Rates:
    """Per minute, over the last so many seconds."""

    alphas: float
    trajectories: float
    over: float

    def minutes(self, alphas: int) -> float | None:
        """How long so many alphas take at this rate; None where nothing was done."""
        return alphas / self.alphas if self.alphas > 0 else None


class Pace:
    """What was done since one began to look: sums that never fall, as a cell that begins anew has not undone work."""

    def __init__(self) -> None:
        self._samples: deque[tuple[float, int, int]] = deque()
        self._alphas = self._trajectories = 0

    def add(self, *, alphas: int, trajectories: int) -> None:
        """Something was done."""
        self._alphas += max(0, alphas)
        self._trajectories += max(0, trajectories)

    def tick(self, now: float) -> None:
        """Remember how much is done at a time (seconds, of a clock that never goes back)."""
        samples = self._samples
        if not samples or now - samples[-1][0] >= _STEP:
            samples.append((now, self._alphas, self._trajectories))
        while len(samples) > 1 and now - samples[1][0] >= _LATELY:
            samples.popleft()

    def rates(self, now: float) -> Rates | None:
        """How fast it goes; None where no time has passed."""
        if not self._samples or now <= self._samples[0][0]:
            return None
        since, alphas, trajectories = self._samples[0]
        minutes = (now - since) / 60
        return Rates((self._alphas - alphas) / minutes, (self._trajectories - trajectories) / minutes, now - since)
