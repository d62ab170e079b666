"""Run cells as bytes, and what a root of them holds, read by plain loops. In: numbers. Out: files; rows of `source`."""

from __future__ import annotations

import json
import math
import os
import random
import stat
from pathlib import Path
from typing import Any

FILES = ("calib.json", "trajectory.json", "pmass.json")
FORKS = [0, 2, 4, 6]
ALPHAS, PROMPTS, WINDOW = (0.0, 1.0), 2, 6

Row = tuple[Any, ...]
# The documents that were ever written, by their bytes: whatever else a file holds is damaged.
_KNOWN: dict[bytes, dict[str, Any]] = {}


def content(file: str, version: int) -> bytes:
    """One of many versions of a file, any of which fits any version of the other two."""
    drawn = random.Random(f"{file}{version}")
    doses = ALPHAS[: drawn.choice([1, 2, 2])]
    prompts = range(drawn.choice([1, PROMPTS]))
    if file == "calib.json":
        document: dict[str, Any] = {"c_star": 5.0, "target_kl": 1.0, "window": WINDOW, "layer": 3, "model": "m"}
        document |= {"method": drawn.choice(["pca", "mean_diff"]), "seed": version}
    elif file == "trajectory.json":
        kl = {str(alpha): [[alpha * (drawn.random() + 0.1) for _ in range(WINDOW)] for _ in prompts] for alpha in doses}
        document = {"fork_points_full": FORKS, "per_prompt_per_t_kl": kl}
    else:
        ends = {str(alpha): [drawn.choice([0, 3, WINDOW]) for _ in prompts] for alpha in doses}
        pmass = {
            alpha: [[drawn.choice([1.0, 0.9, 0.5]) if fork <= end else math.nan for fork in FORKS] for end in lengths]
            for alpha, lengths in ends.items()
        }
        document = {"fork_points": FORKS, "pmass_eval": pmass, "gen_lens_eval": ends, "computed": version % 7 != 0}
    data = json.dumps(document, indent=2).encode()
    _KNOWN[data] = document
    return data


def read(path: Path) -> dict[str, Any] | None:
    """What a file holds; None where it is not there, not a regular file, must not be read or is damaged."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        return None
    try:
        regular = stat.S_ISREG(os.fstat(descriptor).st_mode)
        return _KNOWN.get(os.read(descriptor, 1_000_000).strip(b" \n\t\r")) if regular else None
    finally:
        os.close(descriptor)


def rows(cell: Path) -> list[Row]:
    """A cell's trajectories: its name, alpha, prompt, method, seed, gen_len, KL, pmass; none if it cannot be used."""
    try:
        os.listdir(cell)
    except OSError:
        return []
    calib, trajectory, pmass = (read(cell / file) for file in FILES)
    if calib is None or trajectory is None or pmass is None or not pmass["computed"]:
        return []
    found = []
    for alpha, kls in trajectory["per_prompt_per_t_kl"].items():
        lengths = pmass["gen_lens_eval"].get(alpha, [])
        masses = pmass["pmass_eval"].get(alpha, [])
        for i, (kl, mass, gen_len) in enumerate(zip(kls, masses, lengths, strict=False)):
            known = [None if math.isnan(x) else x for x in mass]
            found.append((cell.name, float(alpha), i, calib["method"], calib["seed"], gen_len, kl, known))
    return found


def cells(root: Path) -> dict[str, list[Row]]:
    """The rows of each directory, or link, that is not passed over."""
    return {name: rows(root / name) for name in sorted(os.listdir(root)) if not name.startswith("_")}
