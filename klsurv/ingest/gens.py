"""What was generated. In: cells. Out: prompt, text, and what was answered at each fork, by cell, alpha and prompt."""

from __future__ import annotations

from dataclasses import dataclass

from klsurv.errors import CellError
from klsurv.ingest.discover import GENS, CellDir, enter
from klsurv.ingest.parse import read_lines
from klsurv.ingest.values import finite, whole
from klsurv.params import Metric

# The prompt set of each metric, by the name it has there.
KINDS: dict[Metric, str] = {"pmass_eval": "eval", "pmass": "qa"}


@dataclass(kw_only=True)
class Generation:
    """One line of `gens.jsonl`; `p_true` and `argmax` are parallel to `forks` (tokens), None where not measured."""

    alpha: float
    prompt: int
    asked: str
    text: str
    gen_len: int | None
    forks: list[int]
    p_true: list[float | None]
    argmax: list[str]


def generations(cell: CellDir, *, metric: Metric = "pmass_eval") -> tuple[list[Generation], str | None]:
    """The generations of a cell, and what could not be read of the file (None: all could, or there is no file)."""
    path = cell.path / GENS
    try:
        enter(cell)
        if not cell.holds(GENS):
            return [], None
        lines, bad = read_lines(path)
    except CellError as error:
        return [], str(CellError(error.cause, cell=cell.name, file=error.file))
    found = []
    for line in lines:
        if line.get("kind", KINDS[metric]) != KINDS[metric]:
            continue
        alpha, prompt = finite(line.get("alpha")), whole(line.get("prompt_idx"))
        if alpha is None or prompt is None:
            bad += 1
            continue
        found.append(
            Generation(
                alpha=alpha + 0.0,
                prompt=prompt,
                asked=_text(line.get("prompt")),
                text=_text(line.get("gen_text")),
                gen_len=whole(line.get("gen_len")),
                forks=[fork for fork in map(whole, _list(line.get("fork_points"))) if fork is not None],
                p_true=[finite(value) for value in _list(line.get("p_true"))],
                argmax=[_text(value) for value in _list(line.get("argmax_str"))],
            )
        )
    problem = CellError(f"{bad} lines are not generations", cell=cell.name, file=GENS) if bad else None
    return found, str(problem) if problem else None


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
