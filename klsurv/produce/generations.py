"""`gens.jsonl`. In: what was generated at an alpha, or the file. Out: its lines, by alpha."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from klsurv.errors import CellError
from klsurv.ingest.discover import GENS
from klsurv.ingest.gens import KINDS
from klsurv.ingest.parse import read_lines
from klsurv.ingest.values import finite
from klsurv.params import Metric
from klsurv.produce.arrays import listed
from klsurv.produce.dose import Measured
from klsurv.produce.plain import mappings
from klsurv.validate import check

Lines = dict[float, list[str]]


def read(path: Path) -> Lines:
    """The lines of a cell's file, by alpha; none where there is no file.

    Raises:
        CellError: the file cannot be read, or has a line that is no generation.
    """
    found: Lines = {}
    if not os.path.lexists(path):
        return found
    objects, bad = read_lines(path)
    for line in objects:
        alpha = finite(line.get("alpha"))
        if alpha is None:
            bad += 1
        else:
            found.setdefault(alpha + 0.0, []).append(json.dumps(line))
    if bad:
        raise CellError(f"{bad} lines are not generations: remove them to go on", file=GENS)
    return found


def lines(
    generations: Sequence[Mapping[str, object]],
    measured: Measured,
    *,
    alpha: float,
    metric: Metric,
    forks: Sequence[int],
    name: str,
) -> list[str]:
    """One line of `gens.jsonl` per prompt: what was generated, with what the cell knows of it.

    Raises:
        ParameterError: there is not one per prompt, or it says something else than what was measured.
    """
    said = mappings(generations, name)
    check(
        len(said) == len(measured.gen_len),
        f"{name} has {len(said)} prompts, not {len(measured.gen_len)} as its lengths",
    )
    found = []
    for i, (line, pmass) in enumerate(zip(said, listed(measured.pmass), strict=True)):
        check(isinstance(line, dict), f"{name}[{i}] must be a mapping, such as {{'prompt': …, 'gen_text': …}}")
        known = {
            "alpha": alpha,
            "kind": KINDS[metric],
            "prompt_idx": i,
            "gen_len": measured.gen_len[i],
            "fork_points": list(forks),
            "pmass": pmass,
        }
        for field in known.keys() & line.keys():
            # As text too, in which NaN equals NaN.
            check(
                line[field] == known[field] or json.dumps(line[field]) == json.dumps(known[field]),
                f"{name}[{i}]: {field} is {line[field]!r}, and {known[field]!r} was measured",
            )
        found.append(json.dumps({**known, **line, **known}))
    return found
