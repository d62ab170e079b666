"""What happened to one trajectory? In: its cell, alpha and prompt. Out: the table `story`, and what was generated."""

from __future__ import annotations

from typing import Unpack

import polars as pl

from klsurv.analysis.base import Analysis
from klsurv.analysis.lives import arranged
from klsurv.errors import NothingUsableError
from klsurv.frames.score import score
from klsurv.frames.story import story
from klsurv.ingest.discover import CellDir
from klsurv.ingest.gens import Generation, generations
from klsurv.names import some
from klsurv.params import Scoring, ScoringOptions
from klsurv.schema import KEY, STORY
from klsurv.validate import check, number, whole


class Stories(Analysis):
    """Single trajectories."""

    def story(self, cell: str, alpha: float, prompt: int, **scoring: Unpack[ScoringOptions]) -> pl.DataFrame:
        """The table `story`: one row per fork that the trajectory reached.

        Raises:
            NothingUsableError: there is no such trajectory.
            ParameterError: a parameter is out of its range, or a key of the wrong type.
        """
        chosen = Scoring(**scoring)
        cell, alpha, prompt = key = _checked(cell, alpha, prompt)
        one = self._one(*key).lazy().select(KEY)
        pieces = [piece.read() for piece in self.pieces(alphas=[alpha]) if cell in piece.cells]
        rows = score(pl.concat(pieces).join(one, on=KEY, how="semi"), scoring=chosen)
        said = self.generation(*key)
        answers = pl.DataFrame(
            [] if said is None else said.answers,
            schema={name: STORY.schema[name] for name in ("fork", "p_true", "argmax")},
            orient="row",
        )
        table = story(rows, scoring=chosen).collect()
        return arranged(table.join(answers.unique("fork"), on="fork", how="left", maintain_order="left"), (), STORY)

    def generation(self, cell: str, alpha: float, prompt: int) -> Generation | None:
        """What was asked, generated and answered at forks, from the cell's `gens.jsonl`; None where it is not there.

        Raises:
            NothingUsableError: there is no such trajectory.
        """
        cell, alpha, prompt = key = _checked(cell, alpha, prompt)
        self._one(*key)
        path = self.cells().filter(pl.col("cell") == cell).get_column("path").drop_nulls().to_list()
        found, problem = generations(CellDir.of_row(cell, path[0]), metric=self.metric) if path else ([], None)
        if problem is not None:
            self.say(problem)
        return next((one for one in found if (one.alpha, one.prompt) == (alpha, prompt)), None)

    def _one(self, cell: str, alpha: float, prompt: int) -> pl.DataFrame:
        rows = self.rollouts()
        for name, value in (("cell", cell), ("alpha", alpha), ("prompt", prompt)):
            held = rows.get_column(name).unique().sort().to_list()
            rows = rows.filter(pl.col(name) == value)
            if rows.is_empty():
                raise NothingUsableError(f"no trajectory has {name} {value}: there are {some(held, 12)}")
        return rows


def _checked(cell: str, alpha: float, prompt: int) -> tuple[str, float, int]:
    check(isinstance(cell, str), f"cell must be a name, not {cell!r}")
    return cell, number(alpha, "alpha"), whole(prompt, "prompt")
