"""What was generated. In: a cell. Out: alpha, prompt, what was asked, the text, and what was answered at each fork."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import zip_longest

from klsurv.errors import CellError
from klsurv.ingest.discover import GENS, CellDir, enter
from klsurv.ingest.parse import read_lines
from klsurv.ingest.values import Json, finite, whole
from klsurv.params import Metric

# The prompt set of each metric, by the name it has there.
KINDS: dict[Metric, str] = {"pmass_eval": "eval", "pmass": "qa"}


@dataclass(kw_only=True)
class Generation:
    """One line of `gens.jsonl`; `answers`: fork (tokens), p_true and argmax of each (None: not there)."""

    alpha: float
    prompt: int
    asked: str
    text: str
    gen_len: int | None
    answers: list[tuple[int, float | None, str | None]]


def generations(cell: CellDir, *, metric: Metric = "pmass_eval") -> tuple[list[Generation], str | None]:
    """The generations of a cell, and what could not be read of the file (None: all could, or there is no file)."""
    path = cell.path / GENS
    try:
        enter(cell)
        if not cell.holds(GENS):
            return [], None
        lines, bad = read_lines(path)
    except CellError as error:
        return [], str(error.of_cell(cell.name))
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
                answers=_answers(line),
            )
        )
    problem = CellError(f"{bad} lines are not generations", cell=cell.name, file=GENS) if bad else None
    return found, str(problem) if problem else None


def _answers(line: Json) -> list[tuple[int, float | None, str | None]]:
    forks = _list(line.get("fork_points"))
    # Each list may be shorter than the forks.
    columns = zip_longest(forks, *(_list(line.get(name))[: len(forks)] for name in ("p_true", "argmax_str")))
    return [
        (fork, finite(p), said if isinstance(said, str) else None)
        for at, p, said in columns
        if (fork := whole(at)) is not None
    ]


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
