"""Published data and numbers: `../shared/golden`, as trajectories, as risk tables and as run cells.

A subject of the source is a trajectory here: looked at, at every time that is observed in any group, dead at its time
if it died, and otherwise generated up to its time and no further.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, Decimal
from pathlib import Path
from typing import Any

import polars as pl

from klsurv.frames.risk import risk
from tests.ingest.handmade import NAN, write_cell

Subjects = list[tuple[int, int]]


@dataclass(frozen=True)
class Study:
    """Subjects (time, 1 if it died) by group, and what was published of them; decimals keep the digits printed."""

    groups: dict[str, Subjects]
    expect: dict[str, Any]

    @property
    def times(self) -> list[int]:
        """Every time observed in any group, ascending."""
        return sorted({time for subjects in self.groups.values() for time, _ in subjects})


def study(shared: Path, name: str) -> Study:
    found = json.loads((shared / "golden" / "survival.json").read_text(), parse_float=Decimal)[name]
    if "rows_file" not in found:
        return Study(found["groups"], found["expect"])
    with (shared / "golden" / found["rows_file"]).open() as file:
        rows = list(csv.DictReader(file))
    sexes = {"male": "1", "female": "2"}
    groups = {
        name: [(int(row["time"]), int(row["status"])) for row in rows if row["sex"] == sex]
        for name, sex in sexes.items()
    }
    return Study(groups, found["expect"])


def as_printed(value: float, printed: Decimal | int) -> bool:
    """Whether the value, rounded or cut to the digits that were printed, is what was printed.

    Cut, because one of the sources cuts: 14.08413987 stands there as 14.084139. A trailing 0 is lost in JSON.
    """
    digits = Decimal(printed)
    return any(Decimal(value).quantize(digits, rounding) == digits for rounding in (ROUND_HALF_EVEN, ROUND_DOWN))


def trajectories(groups: dict[str, Subjects], times: Sequence[int]) -> pl.LazyFrame:
    """What `frames.risk` counts, in the group `method`."""
    rows = [
        {"method": name, "gen_len": time, "death_t": time if died else None, "fork": times, "pmass": [0.9] * len(times)}
        for name, subjects in groups.items()
        for time, died in subjects
    ]
    schema: dict[str, pl.DataType | type[pl.DataType]] = {
        "method": pl.String,
        "gen_len": pl.Int64,
        "death_t": pl.Int64,
        "fork": pl.List(pl.Int64),
        "pmass": pl.List(pl.Float64),
    }
    return pl.LazyFrame(rows, schema=schema)


def risks(study: Study) -> pl.DataFrame:
    """The risk table of the study by `method`, over the union of the observed times."""
    return risk(trajectories(study.groups, study.times), by=["method"]).collect()


def write_runs(root: Path, study: Study) -> Path:
    """One run cell per group, its method the group's name.

    Those that died go on to the window, and come back above the threshold at the next fork; of the others, those with
    the last time of all fill the window and the rest end there.
    """
    forks = study.times
    window = max(forks[-1], 1)
    for i, (name, subjects) in enumerate(study.groups.items()):
        masses = []
        for time, died in subjects:
            reached = [fork for fork in forks if died or fork <= time]
            row = [0.1 if died and fork == time else 0.9 for fork in reached]
            masses.append(row + [NAN] * (len(forks) - len(row)))
        write_cell(
            root,
            f"cell-{i}",
            calib={"method": name, "window": window},
            trajectory={"fork_points_full": forks, "per_prompt_per_t_kl": {"1.0": [[0.1, 0.2]] * len(subjects)}},
            pmass={
                "fork_points": forks,
                "pmass_eval": {"1.0": masses},
                "gen_lens_eval": {"1.0": [window if died else time for time, died in subjects]},
            },
        )
    return root
