"""Simulate lives whose truth is known. In: a design and a random generator. Out: counts at forks, and the truth.

Death comes at a continuous time and is seen at the first fork at or after it; EOS ends a rollout independently of it,
and the window ends all.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from klsurv.stats.counted import Counted, Floats

Ints = npt.NDArray[np.int64]

WINDOW = 96


@dataclass(frozen=True)
class Design:
    """Deaths by a Weibull law, looked for on a grid of forks; times in tokens.

    `frailty` and `interaction` are the standard deviations of the log hazard over prompts, and over the groups of a
    prompt.
    """

    name: str
    forks: tuple[int, ...]
    end: float = 0.3
    shape: float = 1.0
    eos: float = 300.0
    frailty: float = 0.0
    interaction: float = 0.0

    def survival(self, ratio: float = 1.0) -> Floats:
        """S at each fork, where the hazard is `ratio` times that with which S is `end` at the window's end.

        With a frailty, it is the average over prompts, by Gauss–Hermite quadrature.
        """
        cumulative = -np.log(self.end) * ratio * (np.array(self.forks) / WINDOW) ** self.shape
        nodes, weights = np.polynomial.hermite_e.hermegauss(120)
        spread = np.exp(nodes * np.hypot(self.frailty, self.interaction))
        return np.asarray(np.exp(-np.outer(cumulative, spread)) @ (weights / weights.sum()), dtype=np.float64)

    def median(self, ratio: float = 1.0) -> int:
        """The first fork with S ≤ 0.5."""
        return self.forks[int(np.argmax(self.survival(ratio) <= 0.5))]

    def mean(self, ratio: float = 1.0) -> float:
        """The restricted mean to the last fork, each death at the fork where it is seen."""
        return float(self.survival(ratio)[:-1] @ np.diff(self.forks))


# As the forks of a short sweep lie; evenly; and every token, as with the event `kl`.
LOG = Design("log-spaced", (0, 1, 2, 3, 6, 10, 17, 31, 54, 96), end=0.25, shape=0.5)
EVEN = Design("every 4 tokens", tuple(range(0, 97, 4)))
TOKEN = Design("every token", tuple(range(97)))


def lives(
    design: Design, rng: np.random.Generator, shape: tuple[int, ...], ratio: float | Floats = 1.0
) -> tuple[Ints, npt.NDArray[np.bool_]]:
    """Each trajectory's last fork at risk (its index) and whether it died there, of the given shape."""
    scale = WINDOW / (-np.log(design.end) * ratio) ** (1 / design.shape)
    death = np.searchsorted(design.forks, scale * rng.weibull(design.shape, shape))
    gen_len = np.minimum(np.floor(rng.exponential(design.eos, shape)), WINDOW)
    last = np.searchsorted(design.forks, gen_len, side="right") - 1
    return np.minimum(death, last), death <= last


def tally(last: Ints, died: npt.NDArray[np.bool_], n_forks: int) -> tuple[Ints, Ints]:
    """Numbers at risk and deaths by fork, over the trajectories of the last axis."""
    shape = last.shape[:-1]
    cell = np.arange(int(np.prod(shape))).reshape(*shape, 1) * n_forks + last
    size = int(np.prod(shape)) * n_forks
    left, events = (np.bincount(x.ravel(), minlength=size).reshape(*shape, n_forks) for x in (cell, cell[died]))
    return left[..., ::-1].cumsum(-1)[..., ::-1], events


def counts(
    design: Design, rng: np.random.Generator, *, runs: int, n: int, ratios: tuple[float, ...] = (1.0,)
) -> tuple[Ints, Ints]:
    """Numbers at risk and deaths of `runs` data sets of `n` trajectories a group: both (runs, groups, forks)."""
    hazards = np.array(ratios)[:, None]
    return tally(*lives(design, rng, (runs, len(ratios), n), hazards), len(design.forks))


def risk(design: Design, n_risk: Ints, n_events: Ints) -> pl.DataFrame:
    """Counts of shape (runs, groups, forks) as one risk table, by run and group."""
    run, group, fork = np.indices(n_risk.shape)
    left = n_risk - np.concatenate([n_risk[..., 1:], np.zeros_like(n_risk[..., :1])], axis=-1)
    columns = {"run": run, "group": group, "fork": np.array(design.forks)[fork]}
    columns |= {"n_risk": n_risk, "n_events": n_events, "n_censored": left - n_events}
    return pl.DataFrame({name: values.ravel() for name, values in columns.items()}).filter(pl.col("n_risk") > 0)


def clustered(
    design: Design, rng: np.random.Generator, *, prompts: int, each: int, ratios: tuple[float, ...]
) -> Counted:
    """One data set in which each prompt has `each` trajectories in every group; its strata are the prompts."""
    shape = (prompts, len(ratios), each)
    log_hazard = design.frailty * rng.standard_normal((prompts, 1, 1))
    log_hazard = log_hazard + design.interaction * rng.standard_normal((prompts, len(ratios), 1))
    hazards = np.array(ratios)[:, None] * np.exp(log_hazard)
    n_risk, n_events = tally(*lives(design, rng, shape, hazards), len(design.forks))
    return Counted(
        groups=pl.DataFrame({"group": np.arange(len(ratios))}),
        strata=pl.DataFrame({"prompt": np.arange(prompts)}),
        forks=np.array(design.forks),
        n_risk=n_risk.astype(float),
        n_events=n_events.astype(float),
    )
