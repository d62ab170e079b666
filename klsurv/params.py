"""What a user may choose, checked on construction. In: options. Out: frozen values that are in range."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypedDict, get_args

from klsurv.validate import MOST, check, number, one_of, plain

Metric = Literal["pmass_eval", "pmass"]
METRICS: tuple[Metric, ...] = get_args(Metric)
EventKind = Literal["pmass", "kl"]
EVENTS: tuple[EventKind, ...] = get_args(EventKind)
# Tokens in a rolling mean, whose padding grows with it.
MOST_ROLL = 100_000
GROUPS = ("cell", "alpha", "prompt", "model", "method", "seed", "layer", "window")
# Some of them: one, several separated by commas, or a sequence.
By = str | Sequence[str]


@dataclass(frozen=True, kw_only=True)
class Scoring:
    """How a trajectory is scored (DESIGN rules R2 to R6).

    Attributes:
        threshold: pmass strictly below it is death; in (0, 1].
        roll: tokens in the centred rolling mean of KL; 0 and 1 leave it raw.
        calib_tokens: tokens at the start from which a trajectory's own p95 is taken.
        normalize_kl: divide KL by that p95; a trajectory without one is then not drawn.
        window: tokens that count as a full rollout; None takes each cell's own.
    """

    threshold: float = 0.8
    roll: int = 65
    calib_tokens: int = 20
    normalize_kl: bool = True
    window: int | None = None

    def __post_init__(self) -> None:
        plain(self)
        check(0 < self.threshold <= 1, f"threshold must lie in (0, 1], not {self.threshold}")
        check(0 <= self.roll <= MOST_ROLL, f"roll must be 0 to {MOST_ROLL} tokens, not {self.roll}")
        check(1 <= self.calib_tokens < MOST, f"calib_tokens must be 1 or more and below 2³¹, not {self.calib_tokens}")
        check(
            self.window is None or 1 <= self.window < MOST, f"window must be 1 or more and below 2³¹, not {self.window}"
        )


class ScoringOptions(TypedDict, total=False):
    """The fields of `Scoring` as keyword arguments."""

    threshold: float
    roll: int
    calib_tokens: int
    normalize_kl: bool
    window: int | None


@dataclass(frozen=True, kw_only=True)
class Event:
    """What ends a trajectory's life.

    Attributes:
        event: `pmass`: its first fork with pmass below the threshold (R4), seen at forks; `kl`: its first token whose
            KL exceeds `kl_threshold`, seen at every token.
        kl_threshold: nats.
    """

    event: EventKind = "pmass"
    kl_threshold: float = 1.0

    def __post_init__(self) -> None:
        plain(self)
        one_of(self.event, EVENTS, "event")
        check(
            0 <= self.kl_threshold < math.inf,
            f"kl_threshold must be 0 or more nats and finite, not {self.kl_threshold}",
        )


class OutcomeOptions(ScoringOptions, total=False):
    """The fields of `Scoring` and `Event` as keyword arguments."""

    event: EventKind
    kl_threshold: float


def outcome(options: ScoringOptions) -> tuple[Scoring, Event]:
    """The options as the two values they stand for."""
    chosen: dict[str, Any] = dict(options)
    event = Event(**{name: chosen.pop(name) for name in ("event", "kl_threshold") if name in chosen})
    return Scoring(**chosen), event


@dataclass(frozen=True, kw_only=True)
class Selection:
    """Which cells and doses are read.

    Attributes:
        alphas: the doses wanted, ascending and unique; None takes all that the cells hold.
        model_contains: text that a cell's name must contain.
        where: an SQL condition over the columns of `cells`.
        metric: which prompt set's pmass is scored; `pmass` (question and answer) has no KL.
    """

    alphas: tuple[float, ...] | None = None
    model_contains: str = ""
    where: str | None = None
    metric: Metric = "pmass_eval"

    def __post_init__(self) -> None:
        if self.alphas is not None:
            check(len(self.alphas) > 0, "alphas must name at least one dose")
            alphas = [number(alpha, "each of alphas") for alpha in self.alphas]
            check(all(map(math.isfinite, alphas)), "alphas must be finite numbers")
            object.__setattr__(self, "alphas", tuple(sorted({alpha + 0.0 for alpha in alphas})))
        check(isinstance(self.model_contains, str), f"model_contains must be text, not {self.model_contains!r}")
        one_of(self.metric, METRICS, "metric")


@dataclass(frozen=True, kw_only=True)
class Layout:
    """How the panels of a figure are laid out.

    Attributes:
        columns: panels per row; None chooses rows of equal length, at most four wide.
        log_time: a logarithmic time axis, linear below 1 token, for fork grids that crowd the start.
        log_dose: a logarithmic axis of doses, linear about 0 to the smallest other, where one is far beyond the rest.
    """

    columns: int | None = None
    log_time: bool = False
    log_dose: bool = False

    def __post_init__(self) -> None:
        plain(self)
        check(self.columns is None or 1 <= self.columns <= 100, f"columns must lie in 1…100, not {self.columns}")


@dataclass(frozen=True, kw_only=True)
class Look:
    """How the spaghetti figure is drawn.

    Attributes:
        columns: panels per row; None chooses rows of equal length, at most four wide.
        kl_log: a symmetric logarithmic y axis, linear below 0.1.
        line_lw: width of a trajectory's line in pixels; None thins with the number of lines.
        line_alpha: its opacity; None is 8/n clipped to 0.2…0.7 per panel.
    """

    columns: int | None = None
    kl_log: bool = False
    line_lw: float | None = None
    line_alpha: float | None = None

    def __post_init__(self) -> None:
        plain(self)
        # Checked there.
        Layout(columns=self.columns)
        check(self.line_lw is None or 0 < self.line_lw <= 20, f"line_lw must lie in (0, 20], not {self.line_lw}")
        check(
            self.line_alpha is None or 0 < self.line_alpha <= 1, f"line_alpha must lie in (0, 1], not {self.line_alpha}"
        )

    def opacity(self, n: int) -> float:
        """Opacity of a line in a panel of n trajectories."""
        return self.line_alpha or min(0.7, max(0.2, 8 / max(n, 1)))

    def width(self, n: int) -> float:
        """Width of a line in a panel of n trajectories, in pixels."""
        return self.line_lw or min(1.0, max(0.5, 40 / max(n, 1)))

    @staticmethod
    def crowded(n: int) -> bool:
        """Whether a panel of n trajectories has its lines counted per pixel, not drawn one by one."""
        return n > 100


def groups(by: By, *, none: bool = False, name: str = "by") -> tuple[str, ...]:
    """The grouping columns named in `by` (a name, several separated by commas, or a sequence), checked.

    `none` allows there to be no column; `name` is that of the parameter.
    """
    check(
        isinstance(by, str) or (isinstance(by, Sequence) and all(isinstance(column, str) for column in by)),
        f"{name} must name columns, not be {by!r}",
    )
    if len(by) == 0 and none:
        return ()
    check(len(by) > 0, f"{name} must name at least one column: {', '.join(GROUPS)}")
    names = tuple(column.strip() for part in ([by] if isinstance(by, str) else by) for column in part.split(","))
    for column in names:
        check(column in GROUPS, f"{name} cannot be {column!r}: choose from {', '.join(GROUPS)}")
    check(len(set(names)) == len(names), f"{name} names a column twice: {', '.join(names)}")
    return names
