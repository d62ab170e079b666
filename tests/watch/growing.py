"""A sweep that grows, written in place and alpha by alpha, as a producer does; what looks at it, and counts reads."""

from __future__ import annotations

import json
import os
import random
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import klsurv
from klsurv.ingest import content
from klsurv.params import Scoring, Selection
from klsurv.watch.sweep import COLUMNS, Sweep

ALPHAS = (0.0, 0.5, 1.0, 2.0)
FORKS = [0, 10, 20, 39]
PROMPTS, WINDOW = 3, 40
SCORING = Scoring(roll=5)


class Producer:
    """Writes one cell. What it writes is `OLD` on request, so that no reader takes it for work in progress."""

    def __init__(self, root: Path, name: str, *, seed: int = 0, old: bool = True) -> None:
        self.path, self._random, self._old = root / name, random.Random(f"{name}{seed}"), old
        self._time = 1_000_000_000
        self.kl: dict[str, list[list[float]]] = {}
        self.pmass: dict[str, list[list[float]]] = {}
        self.lengths: dict[str, list[int]] = {}
        self.calib = {
            "c_star": 5.0,
            "target_kl": 1.0,
            "window": WINDOW,
            "method": "pca",
            "model": "m",
            "layer": 3,
            "seed": seed,
        }

    def begin(self) -> Producer:
        """Make the directory, and the calibration in it."""
        self.path.mkdir(parents=True)
        self._write("calib.json", self.calib)
        return self

    def add(self, alpha: float) -> Producer:
        """Another alpha in both files."""
        self.measure(alpha)
        self.trajectory()
        self.masses()
        return self

    def measure(self, alpha: float) -> None:
        """Another alpha, not written yet."""
        chance, key = self._random.random, str(alpha)
        self.kl[key] = [[alpha * chance() for _ in range(WINDOW)] for _ in range(PROMPTS)]
        self.pmass[key] = [[1 - chance() * alpha / 2 for _ in FORKS] for _ in range(PROMPTS)]
        self.lengths[key] = [self._random.choice([WINDOW, 25]) for _ in range(PROMPTS)]

    def trajectory(self) -> None:
        """Write the file of this name."""
        self._write("trajectory.json", {"fork_points_full": FORKS, "per_prompt_per_t_kl": self.kl})

    def masses(self, *, part: float = 1.0) -> None:
        """Write `pmass.json`, or only the beginning of it."""
        content = {"fork_points": FORKS, "pmass_eval": self.pmass, "gen_lens_eval": self.lengths, "computed": True}
        self._write("pmass.json", content, part=part)

    def _write(self, name: str, content: Any, *, part: float = 1.0) -> None:
        text = json.dumps(content, indent=2)
        with open(self.path / name, "w") as file:
            file.write(text[: int(len(text) * part)])
        if self._old:
            self._time += 1
            os.utime(self.path / name, (self._time, self._time))


class Reads:
    """The files that were opened and read whole, in order."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.names: list[str] = []
        read = content.read

        def counted(path: Any, *more: Any) -> Any:
            self.names.append(f"{path.parent.name}/{path.name}")
            return read(path, *more)

        monkeypatch.setattr(content, "read", counted)

    def taken(self) -> list[str]:
        """Those since the last time one asked."""
        names, self.names = sorted(self.names), []
        return names


def sweep(root: Path, *, by: str = "alpha", **options: Any) -> Sweep:
    """A sweep with a scoring that suits the producer."""
    clock = {"clock": options.pop("clock")} if "clock" in options else {}
    cells = options.pop("cells", None)
    return Sweep(root, selection=Selection(**options), scoring=SCORING, by=tuple(by.split(",")), cells=cells, **clock)


def summary(root: Path, *, by: str = "alpha", **options: Any) -> pl.DataFrame:
    """What `klsurv summary` says of it, without KL quantiles."""
    runs = klsurv.scan(root, tell=lambda message: None, **options)
    return runs.summary(by, roll=SCORING.roll).select(*by.split(","), *COLUMNS)
