"""Run cells that a producer could have written: a hypothesis strategy, and a writer in the producer's format."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import strategies as st

import klsurv

NAN, INF = math.nan, math.inf

# No two spellings of one dose: "1" and "1.0" are the same number.
SPELLINGS = {0.0: ("0", "0.0"), 0.25: ("0.25", ".25"), 1.0: ("1", "1.0"), 2.0: ("2", "2.00")}
THRESHOLDS = (0.3, 0.5, 0.8)
ROLLS = (1, 2, 9, 65, 301)


@dataclass(frozen=True)
class Dose:
    """One alpha of a cell as its files hold it; KL and pmass need not have as many rows."""

    alpha: float
    kl_key: str
    pmass_key: str
    kl: list[list[float]]
    pmass: list[list[float]]
    gen_lens: list[int] | None

    @property
    def prompts(self) -> int:
        """How many prompts both files hold."""
        return min(len(self.kl), len(self.pmass))

    def gen_len(self, prompt: int) -> int:
        """Tokens generated; up to the last finite KL where the file does not say."""
        if self.gen_lens is not None and prompt < len(self.gen_lens):
            return self.gen_lens[prompt]
        return max((t + 1 for t, kl in enumerate(self.kl[prompt]) if math.isfinite(kl)), default=0)

    def backwards(self) -> Dose:
        """The same prompts in reverse order, as far as every list goes."""
        k = self.prompts if self.gen_lens is None else min(self.prompts, len(self.gen_lens))
        gen_lens = None if self.gen_lens is None else [*self.gen_lens[:k][::-1], *self.gen_lens[k:]]
        kl, pmass = ([*rows[:k][::-1], *rows[k:]] for rows in (self.kl, self.pmass))
        return replace(self, kl=kl, pmass=pmass, gen_lens=gen_lens)


@dataclass(frozen=True)
class Cell:
    """One run cell, before it is written."""

    name: str
    window: int
    forks: list[int]
    doses: list[Dose]

    def write(self, root: Path) -> None:
        """Write the three files that a reader needs into `root/name`."""
        path = root / self.name
        path.mkdir()
        known = [dose for dose in self.doses if dose.gen_lens is not None]
        files: dict[str, dict[str, object]] = {
            "calib.json": {
                "c_star": 50.0,
                "target_kl": 1.0,
                "window": self.window,
                "method": "pca",
                "model": "toy",
                "seed": 0,
                "layer": 3,
            },
            "trajectory.json": {
                "fork_points_full": self.forks,
                "per_prompt_per_t_kl": {dose.kl_key: dose.kl for dose in self.doses},
            },
            "pmass.json": {
                "fork_points": self.forks,
                "pmass_eval": {dose.pmass_key: dose.pmass for dose in self.doses},
                "computed": True,
                "debug_first": "NaN is text here",
            },
        }
        if known:
            files["pmass.json"]["gen_lens_eval"] = {dose.pmass_key: dose.gen_lens for dose in known}
        for name, content in files.items():
            (path / name).write_text(json.dumps(content, indent=2))


Cells = list[Cell]


@dataclass(frozen=True)
class Rollout:
    """One trajectory, as plain values; a missing pmass is NaN."""

    cell: str
    alpha: float
    prompt: int
    kl: list[float]
    forks: list[int]
    pmass: list[float]
    gen_len: int


def rollouts(cells: Cells) -> Iterator[Rollout]:
    """Every trajectory that the files of the cells hold."""
    for cell in cells:
        for dose in cell.doses:
            for i in range(dose.prompts):
                pmass = dose.pmass[i] + [NAN] * (len(cell.forks) - len(dose.pmass[i]))
                yield Rollout(cell.name, dose.alpha, i, dose.kl[i], cell.forks, pmass, dose.gen_len(i))


def alphas(cells: Cells) -> list[float]:
    """The doses that the cells hold, ascending."""
    return sorted({dose.alpha for cell in cells for dose in cell.doses})


def widest(cells: Cells) -> int:
    """The longest window of the cells, in tokens."""
    return max(cell.window for cell in cells)


@contextmanager
def written(cells: Sequence[Cell]) -> Iterator[Path]:
    """A run root that holds the cells, for as long as the block lasts."""
    with TemporaryDirectory() as directory:
        root = Path(directory)
        for cell in cells:
            cell.write(root)
        yield root


def quietly(source: Any, **options: Any) -> klsurv.Runs:
    """Scan, without a warning for what the generated files lack on purpose."""
    return klsurv.scan(source, tell=lambda message: None, **options)


_KL = st.sampled_from([0.0, 1e-6, 1e-3, 0.02, 0.1, 0.4, 1.0, 3.0, 25.0, 1e5, -1e-12, NAN, INF, -INF])
_PMASS = st.sampled_from([0.0, 0.1, 0.3, 0.4, 0.5, 0.7, 0.8, 0.9, 0.95, 1.0, NAN])


@st.composite
def _kl_row(draw: st.DrawFn, *, longest: int) -> list[float]:
    # A short motif, repeated, is quick to draw and to shrink; the wobble tells its tokens apart.
    motif = draw(st.lists(_KL, min_size=1, max_size=5))
    length = draw(st.integers(0, longest))
    row = [motif[t % len(motif)] * (1 + 0.3 * math.sin(t)) for t in range(length)]
    return row + [NAN] * draw(st.sampled_from([0, 0, 1, 7]))


@st.composite
def _dose(draw: st.DrawFn, *, alpha: float, window: int, forks: list[int]) -> Dose:
    prompts = st.integers(1, 4)
    pmass = st.lists(_PMASS, min_size=0, max_size=len(forks))
    n_kl, n_pmass = draw(prompts), draw(prompts)
    gen_len = st.one_of(st.sampled_from([0, 1, window]), st.integers(0, window), st.sampled_from(forks)).map(
        lambda tokens: min(tokens, window)
    )
    return Dose(
        alpha=alpha,
        kl_key=draw(st.sampled_from(SPELLINGS[alpha])),
        pmass_key=draw(st.sampled_from(SPELLINGS[alpha])),
        kl=draw(st.lists(_kl_row(longest=window + 5), min_size=n_kl, max_size=n_kl)),
        pmass=draw(st.lists(pmass, min_size=n_pmass, max_size=n_pmass)),
        gen_lens=draw(st.one_of(st.none(), st.lists(gen_len, max_size=max(n_kl, n_pmass)))),
    )


@st.composite
def cells(draw: st.DrawFn) -> Cells:
    """One to three run cells with windows, forks and doses of their own."""
    made = []
    for name in draw(st.lists(st.sampled_from("abcde"), min_size=1, max_size=3, unique=True)):
        window = draw(st.one_of(st.integers(1, 30), st.sampled_from([66, 130])))
        forks = sorted(draw(st.sets(st.integers(0, window + 3), min_size=1, max_size=6)))
        doses = draw(st.lists(st.sampled_from(sorted(SPELLINGS)), min_size=1, max_size=3, unique=True))
        made.append(
            Cell(name, window, forks, [draw(_dose(alpha=alpha, window=window, forks=forks)) for alpha in doses])
        )
    return made
