"""The files of one cell. In: its facts, then one alpha after the other. Out: files that are whole at any moment."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from klsurv.errors import CellError
from klsurv.ingest.calib import check_calib
from klsurv.ingest.check import check_doses, check_forks
from klsurv.ingest.discover import CALIB, GENS, HISTORY, PMASS, TRAJECTORY
from klsurv.ingest.parse import Parsed, read_json, read_object
from klsurv.limits import limits
from klsurv.produce import generations
from klsurv.produce.arrays import Vector, listed
from klsurv.produce.document import Document, write_text
from klsurv.produce.dose import Measured, p95
from klsurv.produce.facts import Facts

KL_FIELDS = ("per_prompt_per_t_kl", "per_t_p95_kl")
PMASS_FIELDS = ("pmass_eval", "gen_lens_eval", "pmass", "gen_lens_qa")


class CellFiles:
    """A cell's files as they are on the disk, each replaced whole.

    `pmass.json` is written last, and an alpha that it lacks is not complete: a cell whose writer was killed is a cell
    without that alpha.

    Raises:
        CellError: there is a cell already, and a file cannot be read, or facts, forks or history differ.
        OutputError: a file cannot be written.
    """

    def __init__(
        self, path: Path, *, facts: Facts, forks: Sequence[int], history: Sequence[dict[str, Any]] | None
    ) -> None:
        self.path = path
        self._clear()
        if self._has(CALIB):
            facts.agree(check_calib(read_object(path / CALIB)))
        trajectory, pmass = self._read(TRAJECTORY, KL_FIELDS), self._read(PMASS, PMASS_FIELDS)
        if pmass is not None:
            found = check_forks(pmass)
            if found != list(forks):
                raise CellError(
                    f"are {found} in the cell, and {list(forks)} were given", file=PMASS, field="fork_points"
                )
            if pmass[PMASS_FIELDS[0]] and not pmass.get("computed", True):
                # With an alpha more, the file would say of all that they were measured.
                raise CellError("is not true: the pmass that is there was not measured", file=PMASS, field="computed")
            if trajectory is not None:
                # What readers take for broken stays so, whatever is added to it.
                check_doses(trajectory, pmass, forks=found, metric="pmass_eval")
        if history is not None and self._has(HISTORY) and json.dumps(read_json(path / HISTORY)) != json.dumps(history):
            raise CellError("is another one in the cell than was given", file=HISTORY)
        # No one reads it, and where the window is a bound and no length it would be all of the file.
        every_token = {"fork_points_full": list(range(facts.window))} if facts.window <= limits().forks else {}
        measured = {"fork_points": list(forks), "computed": True, "completed_alphas": []}
        self._trajectory = _document(trajectory, TRAJECTORY, KL_FIELDS, every_token)
        self._pmass = _document(pmass, PMASS, PMASS_FIELDS, measured)
        self._generations = generations.read(path / GENS)
        # Nothing is written before everything was found to agree.
        if not self._has(CALIB):
            write_text(path / CALIB, json.dumps(facts.known(), indent=2))
        if history is not None and not self._has(HISTORY):
            write_text(path / HISTORY, json.dumps(history))
        for name, document in ((TRAJECTORY, self._trajectory), (PMASS, self._pmass)):
            if not self._has(name):
                document.write(path / name)

    @property
    def completed(self) -> tuple[float, ...]:
        """The alphas that both files hold, ascending."""
        return tuple(sorted(self._trajectory.alphas(KL_FIELDS[0]) & self._pmass.alphas(PMASS_FIELDS[0])))

    def prompts(self, alpha: float) -> int:
        """How many prompts a completed alpha has."""
        return len(json.loads(self._pmass.by_alpha[PMASS_FIELDS[0]][alpha]))

    def put(
        self, alpha: float, *, kl: Sequence[Vector], measured: Measured, asked: Measured | None, lines: list[str]
    ) -> None:
        """Write one alpha, in the place of what there was of it.

        Raises:
            OutputError: a file cannot be written; the alpha is then not complete.
        """
        if alpha in self.completed:
            # Where it ends here, the old pmass shall not stand beside the new KL.
            self._save_pmass(self._pmass.without(alpha))
        values = {"per_prompt_per_t_kl": listed(kl), "per_t_p95_kl": p95(kl, measured.gen_len)}
        trajectory = self._trajectory.with_alpha(alpha, values)
        trajectory.write(self.path / TRAJECTORY)
        self._trajectory = trajectory
        if lines or alpha in self._generations:
            kept = {dose: said for dose, said in self._generations.items() if dose != alpha}
            said = {**kept, alpha: lines} if lines else kept
            write_text(self.path / GENS, "".join(f"{line}\n" for dose in sorted(said) for line in said[dose]))
            self._generations = said
        fields = {"pmass_eval": listed(measured.pmass), "gen_lens_eval": measured.gen_len}
        if asked is not None:
            fields |= {"pmass": listed(asked.pmass), "gen_lens_qa": asked.gen_len}
        self._save_pmass(self._pmass.with_alpha(alpha, fields))

    def _save_pmass(self, pmass: Document) -> None:
        completed = [str(alpha) for alpha in sorted(pmass.alphas(PMASS_FIELDS[0]))]
        pmass = pmass.with_other(computed=True, completed_alphas=completed)
        pmass.write(self.path / PMASS)
        self._pmass = pmass

    def _read(self, name: str, fields: Sequence[str]) -> Parsed | None:
        """What a file holds, without an alpha in those of `fields` that it lacks; None where there is no file."""
        if not self._has(name):
            return None
        content = read_object(self.path / name)
        for field in fields:
            content.setdefault(field, {})
        return content

    def _has(self, name: str) -> bool:
        return os.path.lexists(self.path / name)

    def _clear(self) -> None:
        """Remove what a writer that was killed had not yet put in its place."""
        for name in (CALIB, TRAJECTORY, PMASS, HISTORY, GENS):
            for leftover in self.path.glob(f".{name}.*.part"):
                # Where it must not be removed nothing can be written either, which writing will tell.
                with suppress(OSError):
                    leftover.unlink()


def _document(content: Parsed | None, file: str, fields: Sequence[str], other: dict[str, Any]) -> Document:
    return Document.new(fields, other) if content is None else Document.of(content, file, fields)
