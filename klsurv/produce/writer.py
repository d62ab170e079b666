"""Run cells while a sweep runs. In: arrays, an alpha at a time. Out: the files of a cell, each always whole."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from klsurv.errors import CellError, OutputError, ParameterError
from klsurv.names import clean
from klsurv.params import Metric
from klsurv.produce.arrays import real
from klsurv.produce.dose import Measured, check_kl, check_measured
from klsurv.produce.facts import Facts, check_forks, few
from klsurv.produce.files import CellFiles
from klsurv.produce.generations import lines
from klsurv.produce.lock import Lock
from klsurv.produce.plain import steps
from klsurv.validate import check, check_on_disk, shown, truth


class CellWriter:
    """One run cell of a sweep, written an alpha at a time; `klsurv.scan` of its root reads it at any moment.

    Every file is replaced whole, by rename: one that is half written is never seen, not after a kill either. A cell
    that is there already is continued: `completed` says what it holds, and the facts given must be its facts.

    Args:
        path: the cell's directory, made if need be. Its name is the cell's, and must not begin with `_`.
        model: name of the model. Here and below, None says that a fact is not known; readers then tell of it.
        method: how the steering vector was found.
        seed: seed of the run.
        layer: layer that was steered; None where it is not one.
        window: the most tokens a rollout may have.
        target_kl: p95 of the per-token KL that alpha = 1 was calibrated to, in nats.
        c_star: the calibrated coefficient, the dose alpha = 1.
        fork_points: token offsets at which pmass is measured, ascending, shared by the cell.
        history: the bisection that found c_star: a mapping per step, `coeff` and what of `kl_mean`, `kl_p50`,
            `kl_p90`, `kl_p95`, `kl_max` (nats), `n_pos`, `per_t_mean`, `per_t_p95`, `per_t_max` is known.
        same_prompts: every alpha must have as many prompts as the first.

    Raises:
        ParameterError: a fact is out of its range, or the name begins with `_`.
        CellError: there is a cell already, and it cannot be read, or has other facts, forks or history.
        OutputError: the directory cannot be written, or another writer has it open.

    Examples:
        >>> import klsurv
        >>> with klsurv.CellWriter("outputs/pca_s0", model="m", method="pca", seed=0, layer=18, window=4,
        ...                        target_kl=1.0, c_star=55.9, fork_points=[0, 3]) as cell:
        ...     for alpha in (0.0, 1.0):
        ...         if alpha not in cell.completed:
        ...             cell.add(alpha, kl=[[0.0, 0.4, 0.2, 0.1]], pmass=[[0.9, 0.8]], gen_len=[4])
        >>> klsurv.scan("outputs").check()["status"].to_list()
        ['ok']
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        model: str | None,
        method: str | None,
        seed: int | None,
        layer: int | None,
        window: int,
        target_kl: float | None,
        c_star: float | None,
        fork_points: Sequence[int],
        history: Sequence[Mapping[str, object]] | None = None,
        same_prompts: bool = True,
    ) -> None:
        check_on_disk(path)
        self.path = Path(os.path.abspath(os.path.expanduser(path)))
        self.name = clean(self.path.name)
        check(not self.name.startswith("_"), f"{self.name}: readers pass over a directory whose name begins with _")
        check(self.name != "", f"{clean(str(self.path))} cannot be a run cell: it has no name")
        self._facts = Facts(
            c_star=c_star,
            target_kl=target_kl,
            window=window,
            method=method,
            model=model,
            seed=seed,
            layer=layer,
        )
        self._forks, self._same_prompts = check_forks(fork_points), truth(same_prompts, "same_prompts")
        self._closed = False
        bisection = None if history is None else steps(history)
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"{clean(str(self.path))} cannot be made: {error.strerror}") from error
        self._lock = Lock(self.path)
        try:
            self._files = CellFiles(self.path, facts=self._facts, forks=self._forks, history=bisection)
        except BaseException as error:
            self.close()
            if isinstance(error, CellError):
                raise error.of_cell(self.name) from None
            raise

    @property
    def completed(self) -> tuple[float, ...]:
        """The alphas that the cell holds whole, ascending."""
        return self._files.completed

    def add(
        self,
        alpha: float,
        *,
        kl: Any,
        pmass: Any,
        gen_len: Any,
        pmass_qa: Any = None,
        gen_len_qa: Any = None,
        generations: Sequence[Mapping[str, object]] | None = None,
        generations_qa: Sequence[Mapping[str, object]] | None = None,
        replace: bool = False,
    ) -> None:
        """Write what was measured at one alpha; it is on the disk when this returns.

        Arrays are lists, numpy arrays, tensors or whatever numpy can take, a row per prompt, in the same order
        everywhere. NaN and None say that a value is missing or was not finite.

        Args:
            alpha: the dose, in multiples of c_star.
            kl: KL(steered ‖ base) in nats at each generated token, (prompts, ≤ window). Rows may be of different
                lengths, or padded; they are kept as they are, and what lies past gen_len is not read.
            pmass: probability on true/false, (prompts, fork points); NaN at the forks past the end of a rollout.
            gen_len: tokens generated, (prompts,).
            pmass_qa: pmass of another, question-and-answer prompt set, which has no KL.
            gen_len_qa: its tokens generated.
            generations: a mapping per prompt with `prompt`, `gen_text` and, if known, `p_true` and `argmax_str`
                (parallel to the forks), or whatever else shall stand in `gens.jsonl`.
            generations_qa: the same for the question-and-answer prompts.
            replace: put it in the place of what the cell holds at this alpha.

        Raises:
            ParameterError: the cell has this alpha, or the values do not fit together, are out of their range or more
                than readers take (`klsurv.limits`).
            OutputError: a file cannot be written, or the writer was closed.
        """
        if self._closed:
            raise OutputError(f"{self.name}: this writer was closed")
        try:
            alpha = real(alpha, "alpha")
            check(
                truth(replace, "replace") or alpha not in self.completed,
                "is in the cell already: replace=True would put this in its place",
            )
            few("alphas", len({*self.completed, alpha}), "alphas with this one")
            rows = check_kl(kl, window=self._facts.window)
            few("prompts", len(rows), "prompts", field="kl")
            measured = self._measured(pmass, gen_len)
            self._check_prompts(alpha, len(rows), measured)
            asked = None
            if pmass_qa is not None or gen_len_qa is not None:
                check(pmass_qa is not None and gen_len_qa is not None, "pmass_qa and gen_len_qa belong together")
                asked = self._measured(pmass_qa, gen_len_qa, suffix="_qa")
                few("prompts", len(asked.pmass), "prompts", field="pmass_qa")
            lines = self._lines(alpha, generations, measured, metric="pmass_eval", name="generations")
            lines += self._lines(alpha, generations_qa, asked, metric="pmass", name="generations_qa")
        except ParameterError as error:
            raise ParameterError(f"{self.name}: alpha {shown(alpha)}: {error}") from None
        self._files.put(alpha, kl=rows, measured=measured, asked=asked, lines=lines)

    def close(self) -> None:
        """Let another writer continue the cell; nothing is left to be written."""
        self._closed = True
        self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _measured(self, pmass: object, gen_len: object, *, suffix: str = "") -> Measured:
        return check_measured(pmass, gen_len, forks=self._forks, window=self._facts.window, suffix=suffix)

    def _check_prompts(self, alpha: float, prompts: int, measured: Measured) -> None:
        check(prompts == len(measured.pmass), f"kl has {prompts} prompts, pmass has {len(measured.pmass)}")
        others = [other for other in self.completed if other != alpha]
        if self._same_prompts and others:
            first = self._files.prompts(others[0])
            check(
                prompts == first,
                f"{prompts} prompts, alpha {others[0]} has {first}: a cell has the same prompts at every alpha "
                "(same_prompts=False lets them differ)",
            )

    def _lines(
        self,
        alpha: float,
        generations: Sequence[Mapping[str, object]] | None,
        measured: Measured | None,
        *,
        metric: Metric,
        name: str,
    ) -> list[str]:
        if generations is None:
            return []
        check(measured is not None, f"{name} needs pmass_qa and gen_len_qa beside it")
        assert measured is not None
        return lines(generations, measured, alpha=alpha, metric=metric, forks=self._forks, name=name)
