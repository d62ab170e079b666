"""500 random data sets, small, full of ties, with what is extreme among them; seeded."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

RUNNING, DIED, FINISHED = 0, 1, 2
N_SETS = 500

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class DataSet:
    """One entry per trajectory: its group, the token at which it was last seen, and how it ended there."""

    group: Ints
    time: Ints
    way: Ints

    @property
    def died(self) -> npt.NDArray[np.bool_]:
        return np.asarray(self.way == DIED)

    def of_group(self, group: int) -> DataSet:
        own = self.group == group
        return DataSet(self.group[own], self.time[own], self.way[own])


def data_sets() -> list[DataSet]:
    rng = np.random.default_rng(20240611)
    sets = [_drawn(rng) for _ in range(N_SETS)]
    for i, way in enumerate((DIED, RUNNING, FINISHED)):
        n = len(sets[i].time)
        sets[i] = DataSet(sets[i].group, sets[i].time, np.full(n, way))
        sets[i + 3] = DataSet(np.array([0]), np.array([4]), np.array([way]))
        # All at one time, at fork 0, and two of each group.
        sets[i + 6] = DataSet(sets[i + 6].group, np.full(len(sets[i + 6].time), 3), sets[i + 6].way)
        sets[i + 9] = DataSet(np.arange(12) // 6, np.repeat(0, 12), np.array([way, DIED] * 6))
        sets[i + 12] = DataSet(np.array([0, 0, 1, 1]), np.array([2, 5, 2, 7]), np.array([way, DIED, way, RUNNING]))
    return sets


def _drawn(rng: np.random.Generator) -> DataSet:
    n, k, last = rng.integers(1, 61), rng.integers(1, 5), rng.choice([2, 6, 15, 40])
    group = rng.integers(0, k, n)
    # Groups die at other rates, and are followed for different times.
    scale = rng.uniform(0.3, 1.5, k)[group]
    death = np.minimum(rng.exponential(scale * last), last).astype(np.int64)
    other = rng.integers(0, rng.integers(1, last + 1, k)[group] + 1)
    censored = rng.random(n) < rng.uniform(0, 0.9)
    way = np.where(censored, rng.choice([RUNNING, FINISHED], n, p=_split(rng)), DIED)
    return DataSet(group, np.where(censored, other, death), way)


def _split(rng: np.random.Generator) -> npt.NDArray[np.float64]:
    running = rng.choice([0.0, 0.3, 1.0])
    return np.array([running, 1 - running])


def trajectories(sets: list[DataSet]) -> pl.LazyFrame:
    """All of them, in shuffled order, as the columns that risk tables and steps are made of, with `dataset`, `group`.

    Every token is a fork. Those that died go on, up to where any was seen.
    """
    rng = np.random.default_rng(1)
    parts = []
    for i, data in enumerate(sets):
        last = int(data.time.max())
        parts.append(
            pl.DataFrame(
                {
                    "group": data.group,
                    "gen_len": np.where(data.died, rng.integers(data.time, last + 1), data.time),
                    "death_t": pl.Series(data.time).set(pl.Series(~data.died), None),
                    "end": np.where(data.way == FINISHED, "eos", "window"),
                }
            ).select(
                pl.lit(i, pl.Int64).alias("dataset"),
                pl.all(),
                fork=pl.lit(list(range(last + 1)), pl.List(pl.Int64)),
                pmass=pl.lit([0.9] * (last + 1), pl.List(pl.Float64)),
            )
        )
    return pl.concat(parts).sample(fraction=1, shuffle=True, seed=2).lazy()
