"""How statistics are done, checked. In: options. Out: frozen values that are in range, or an error that names one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from klsurv.errors import ParameterError
from klsurv.validate import MOST, check, one_of, plain, whole

Scale = Literal["log-log", "log", "plain"]
SCALES: tuple[Scale, ...] = get_args(Scale)
Test = Literal["logrank", "wilcoxon", "tarone-ware", "peto", "fh"]
TESTS: tuple[Test, ...] = get_args(Test)
MOST_DRAWS = 1_000_000


@dataclass(frozen=True, kw_only=True)
class Interval:
    """How confidence intervals are made.

    Attributes:
        ci: the scale on which survival is taken to be normal, as `survfit(conf.type = )`.
        level: the share of intervals that shall cover; in (0, 1).
    """

    ci: Scale = "log-log"
    level: float = 0.95

    def __post_init__(self) -> None:
        plain(self)
        one_of(self.ci, SCALES, "ci")
        check(0 < self.level < 1, f"level must lie in (0, 1), not {self.level}")


@dataclass(frozen=True, kw_only=True)
class Resampling:
    """How often, and from which seed, whole prompts are drawn with replacement; 0 draws: no bootstrap."""

    draws: int = 2000
    seed: int = 0

    def __post_init__(self) -> None:
        plain(self, draws="bootstrap")
        check(0 <= self.draws <= MOST_DRAWS, f"bootstrap must be 0 to {MOST_DRAWS:,} draws, not {self.draws}")
        check(0 <= self.seed < 2**63, f"seed must be 0 or more and below 2⁶³, not {self.seed}")


@dataclass(frozen=True, kw_only=True)
class LogRank:
    """Which member of the log-rank family compares groups.

    Attributes:
        test: the weight of a fork: `logrank` 1; `wilcoxon` (Gehan) n at risk; `tarone-ware` its root; `peto` (Peto and
            Peto) the pooled survival; `fh` (Fleming and Harrington) S(t−)^rho (1 − S(t−))^gamma.
        rho: for `fh`; more than 0 weighs early deaths.
        gamma: for `fh`; more than 0 weighs late deaths.
    """

    test: Test = "logrank"
    rho: float = 0.0
    gamma: float = 0.0

    def __post_init__(self) -> None:
        plain(self)
        one_of(self.test, TESTS, "test")
        for name, value in (("rho", self.rho), ("gamma", self.gamma)):
            check(0 <= value <= 100, f"{name} must lie in 0…100, not {value}")
            check(value == 0 or self.test == "fh", f"{name} is for the test fh, not {self.test}")

    @property
    def name(self) -> str:
        """The test as it is named in tables."""
        return f"fh({self.rho:g}, {self.gamma:g})" if self.test == "fh" else self.test


@dataclass(frozen=True, kw_only=True)
class Thresholds:
    """The thresholds that `threshold` tries: `steps` of them from `start` to `stop`, and the forks that death takes."""

    start: float = 0.05
    stop: float = 0.99
    steps: int = 48
    consecutive: int = 1

    def __post_init__(self) -> None:
        plain(self)
        check(0 < self.start <= self.stop <= 1, f"thresholds must ascend in (0, 1], not {self.start} to {self.stop}")
        check(1 <= self.steps <= 10_000, f"steps must lie in 1…10,000, not {self.steps}")
        check(self.steps > 1 or self.start == self.stop, "one step needs --from and --to to be equal")
        check(1 <= self.consecutive <= 1000, f"consecutive must lie in 1…1,000 forks, not {self.consecutive}")

    @property
    def values(self) -> list[float]:
        """The thresholds, ascending."""
        gaps = max(self.steps - 1, 1)
        # Rounded, because 0.05 + 5 × 0.02 is not 0.15, and a pmass of just 0.15 would be dead at it.
        return [round(self.start + (self.stop - self.start) * i / gaps, 12) for i in range(self.steps)]


def tau_of(tau: int | None) -> int | None:
    """A user's tau (tokens), checked."""
    tau = None if tau is None else whole(tau, "tau")
    check(tau is None or 1 <= tau < MOST, f"tau must be 1 or more tokens and below 2³¹, not {tau}")
    return tau


def landmarks_of(landmarks: Sequence[int]) -> list[int]:
    """Landmarks (tokens), checked; ascending, each once."""
    listed = isinstance(landmarks, Iterable) and not isinstance(landmarks, (str, bytes))
    check(listed, f"landmarks must be a list of tokens, not {landmarks!r}")
    tokens = sorted({whole(at, "each of landmarks") for at in landmarks})
    check(len(tokens) > 0, "landmarks must name at least one token")
    for at in tokens:
        check(1 <= at < MOST, f"a landmark must be 1 or more tokens and below 2³¹, not {at}")
    return tokens


def distinct(names: Sequence[str], others: Sequence[str], use: str) -> None:
    """Make sure that no column is used twice."""
    if twice := [name for name in names if name in others]:
        raise ParameterError(f"{', '.join(twice)} cannot make groups: {use}")
