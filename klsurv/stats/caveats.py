"""What a reader of a table must know. In: small tables about the groups. Out: one sentence per caveat."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import polars as pl

from klsurv.inference import MOST_DRAWS
from klsurv.stats.labels import labels

FEW = 5
_MOST = 5


def of_duplicates(copies: pl.DataFrame) -> list[str]:
    """`copies`: cells, alphas, n (`frames.duplicates`)."""
    said = [
        f"{_all_of(cells)} hold the same {'trajectory' if n == 1 else f'{n} trajectories'} "
        f"(alpha {_listed(list(map(str, alphas)))}): they are one piece of evidence, not several"
        for cells, alphas, n in copies.rows()
    ]
    return said[:_MOST] + ([f"{len(said) - _MOST} more sets of cells share trajectories"] if said[_MOST:] else [])


def of_size(n: pl.DataFrame, *, by: Sequence[str]) -> list[str]:
    """`n`: the columns `by`, and n."""
    few = n.filter(pl.col("n").is_between(1, FEW - 1))
    if few.is_empty():
        return []
    sized = [f"{_name(name)} ({size})" for name, size in zip(_labels(few, by), few.get_column("n"), strict=True)]
    return [f"fewer than {FEW} trajectories, so that intervals and tests say little: {_listed(sized)}"]


def of_prompts(n: pl.DataFrame, *, by: Sequence[str]) -> list[str]:
    """`n`: the columns `by`, n and, of these trajectories, how many prompts (`prompts`); few of both `of_size` tells.

    Whatever is drawn of k prompts lies between the least and the greatest of them, which enclose what is sought, if it
    is their median, with 1 − 2/2^k: below 5 never 95 %.
    """
    few = n.filter(pl.col("n") >= FEW, pl.col("prompts") < FEW)
    if few.is_empty():
        return []
    sized = [f"{_name(name)} ({k})" for name, k in zip(_labels(few, by), few.get_column("prompts"), strict=True)]
    return [f"fewer than {FEW} prompts, so that intervals of whole prompts may be too narrow: {_listed(sized)}"]


def of_draws(draws: int, *, level: float, prompts: int | None = None) -> list[str]:
    """How many `draws` of so many `prompts` a percentile interval at `level` is made of; 0 are none to tell of."""
    if draws == 0:
        return []
    from klsurv.stats.resample import tail

    beyond = tail(level, prompts)
    enough = math.ceil(1 / beyond - 1e-6) - 1 if beyond > 1 / MOST_DRAWS else None
    if enough is not None and draws >= enough:
        return []
    of = "" if prompts is None else f" of {prompts} prompts"
    more = "" if enough is None else f"{enough} or more (--bootstrap), or "
    return [
        f"{draws} draws{of} are too few for intervals at level {level:g}, which end at the least and the greatest of "
        f"them: take {more}a lower level (--level)"
    ]


def of_failures(bounds: pl.DataFrame, *, by: Sequence[str], what: str = "pmass") -> list[str]:
    """`bounds`: the columns `by`, n_failed and, of one event, end_if_died and end_if_alive, of groups with failures."""
    if bounds.is_empty():
        return []
    groups = [
        f"{_name(name)} ({row['n_failed']}{_if(row)})"
        for name, row in zip(_labels(bounds, by), bounds.iter_rows(named=True), strict=True)
    ]
    return [f"trajectories have failed measurements of {what} in {_listed(groups)}"]


def _if(bounds: dict[str, Any]) -> str:
    if "end_if_died" not in bounds:
        return ""
    died, alive = bounds["end_if_died"], bounds["end_if_alive"]
    return f": survival at the end {died:.3g} if each was a death, {alive:.3g} if each was a survival"


def of_grids(mixed: pl.DataFrame, *, by: Sequence[str], consequence: str) -> list[str]:
    """`mixed`: the groups whose cells have other fork grids."""
    if mixed.is_empty():
        return []
    return [f"the fork grids of the cells differ in {_listed([_name(x) for x in _labels(mixed, by)])}: {consequence}"]


def of_other_grids(differ: bool) -> list[str]:
    """Whether it is between groups that fork grids differ."""
    if not differ:
        return []
    return [
        "the fork grids of the groups differ: tests are made within each grid alone, so that groups of two grids have "
        "none, and their means compare deaths that were looked for at other forks"
    ]


def of_unmeasured(groups: pl.DataFrame, *, by: Sequence[str]) -> list[str]:
    """`groups`: those of which no trajectory was measured at any fork."""
    if groups.is_empty():
        return []
    return [f"left out, as none was measured at a fork: {_listed([_name(label) for label in _labels(groups, by)])}"]


def of_recurring(most: int, *, apart: Sequence[str]) -> list[str]:
    """Of the `most` trajectories of one prompt in a group, by which columns they could be told `apart`."""
    if most < 2:
        return []
    return [
        f"groups hold up to {most} trajectories of one prompt, which intervals and errors take to be independent, and "
        f"are too narrow: tell them apart by {', '.join(apart)} (--by), or see compare and dose, which draw whole "
        "prompts"
    ]


def of_together(columns: Sequence[str]) -> list[str]:
    """`columns` of which groups hold several values, where precursors of death are looked for."""
    if not columns:
        return []
    return [
        f"groups hold several values of {' and '.join(columns)}: one with higher KL and more deaths looks like a "
        f"precursor; tell them apart by {', '.join(columns)} (klsurv precursor --by), or choose one (--where)"
    ]


def of_unlike(columns: Sequence[str], *, what: str, ask: str) -> list[str]:
    """`columns` of which `what` is compared do not hold the same values; `ask`: what to do about it."""
    if not columns:
        return []
    return [
        f"{what} do not hold the same values of {' and '.join(columns)}, so that their differences may be of these: "
        f"keep what all hold (--where), or {ask.format(','.join(columns))}"
    ]


def of_targets(several: pl.DataFrame, *, by: Sequence[str]) -> list[str]:
    """`several`: the groups whose steered cells were calibrated to other targets."""
    if several.is_empty():
        return []
    return [
        f"cells have several target_kl in {_listed([_name(label) for label in _labels(several, by)])}: one alpha is "
        "another dose in each; choose one (--where)"
    ]


def of_control(controls: pl.DataFrame, *, threshold: float) -> list[str]:
    """`controls`: each model, its trajectories at alpha 0 (n), and how many died at their first fork (`at_once`)."""
    dead = controls.filter(pl.col("n") >= FEW, pl.col("n") == pl.col("at_once"))
    names = _labels(dead, ["model"]) if controls.height > 1 else [""] * dead.height
    return [
        f"{f'{name}: ' if name else ''}all {n} trajectories at alpha 0 die at their first fork: by the threshold "
        f"{threshold:g} the model is dead before it is steered; look at others with threshold() (klsurv threshold RUNS)"
        for name, n in zip(names, dead.get_column("n"), strict=True)
    ][:_MOST]


def of_beginnings(n: int, *, at_once: int) -> list[str]:
    """Of `n` deaths of steered trajectories, those at token 0."""
    if at_once == 0:
        return []
    return [f"{at_once} of {n} deaths are at token 0, before any KL, and are left out of what precedes a death"]


def of_tau(tau: int | None, *, seen: int | None) -> list[str]:
    """A `tau` that was asked for, and the fork to which every group that is not dead was seen."""
    if tau is None or seen is None or tau <= seen:
        return []
    return [f"tau {tau} is past {seen}, to which all groups were seen: after that S is taken to stay as it is"]


def of_reach(limiting: pl.DataFrame, *, by: Sequence[str]) -> list[str]:
    """`limiting`: the groups that end the means early (`stats.survival.limiting`), with last and longest."""
    if limiting.is_empty():
        return []
    last, longest = limiting.select("last", "longest").row(0)
    groups = _listed([_name(label) for label in _labels(limiting, by)])
    return [f"means end at {last}, to which {groups} was followed; others were followed to {longest} (tau)"]


def of_pooling(alphas: Sequence[float], *, choose: str) -> list[str]:
    """Doses that were thrown together; `choose`: what would take one."""
    if len(alphas) < 2:
        return []
    doses = _listed(list(map(str, alphas)))
    return [f"groups pool {len(alphas)} doses (alpha {doses}): choose one with {choose}"]


def _labels(groups: pl.DataFrame, by: Sequence[str]) -> list[str]:
    if not by:
        return [""] * groups.height
    if len(by) == 1:
        return [f"{by[0]}={value}" for value in labels(groups, by)]
    return labels(groups, by)


def _name(label: str) -> str:
    return label or "all trajectories"


def _all_of(cells: list[str]) -> str:
    return " and ".join(cells[:_MOST] + ([f"{len(cells) - _MOST} more"] if cells[_MOST:] else []))


def _listed(items: list[str]) -> str:
    return ", ".join(items[:_MOST]) + (f" and {len(items) - _MOST} more" if items[_MOST:] else "")
