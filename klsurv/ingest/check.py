"""`trajectory.json` and `pmass.json`. In: the parsed files. Out: what can be scored at each dose, typed."""

from __future__ import annotations

import contextlib
import math
import struct
from array import array
from collections.abc import Iterable
from dataclasses import dataclass

from klsurv.errors import CellError
from klsurv.ingest.discover import PMASS, TRAJECTORY
from klsurv.ingest.parse import Parsed
from klsurv.ingest.values import ROUNDING, Json, Numbers, by_alpha, get, numbers, rows, show, tokens
from klsurv.limits import within
from klsurv.params import Metric

_KL = "per_prompt_per_t_kl"


@dataclass(frozen=True)
class Dose:
    """One alpha of one cell, one entry per prompt: KL (nats, to its length), pmass (parallel to the forks), tokens."""

    alpha: float
    kl: list[array[float]]
    pmass: list[Numbers]
    gen_len: list[int]


def check_forks(pmass: Json) -> list[int]:
    """`fork_points`: token offsets, strictly ascending.

    Raises:
        CellError: it is missing, not a list of whole numbers ≥ 0, does not ascend, or is too long.
    """
    forks: list[int] = []
    points = rows(get(pmass, "fork_points", PMASS), PMASS, "fork_points")
    within("forks", len(points), "forks", file=PMASS, field="fork_points")
    for i, value in enumerate(points):
        fork = tokens(value, PMASS, f"fork_points[{i}]")
        if forks and fork <= forks[-1]:
            raise CellError(f"{fork} does not ascend from {forks[-1]}", file=PMASS, field=f"fork_points[{i}]")
        forks.append(fork)
    return forks


def check_doses(trajectory: Parsed, pmass: Json, *, forks: list[int], metric: Metric) -> tuple[list[Dose], list[str]]:
    """The doses that both files hold, ascending, and notes on what was left out.

    While a sweep is running one file can be an alpha ahead of the other, and one can hold fewer prompts: what both
    have is used. Rows of pmass shorter than the forks are filled with None. The question-and-answer prompts (metric
    `pmass`) have no KL: their rows are empty.

    Raises:
        CellError: a field is missing, of the wrong kind, or holds a value out of its range, or too many.
    """
    masses = by_alpha(get(pmass, metric, PMASS), PMASS, metric)
    prompts = sum(len(value) for _, value in masses.values() if isinstance(value, list))
    within("values", prompts * len(forks), "values (prompts at all alphas × forks)", file=PMASS, field=metric)
    if metric == "pmass":
        lengths = by_alpha(get(pmass, "gen_lens_qa", PMASS), PMASS, "gen_lens_qa")
        return [_question_dose(alpha, masses[alpha], lengths, forks) for alpha in sorted(masses)], []

    kls = by_alpha(get(trajectory, _KL, TRAJECTORY), TRAJECTORY, _KL)
    lengths = by_alpha(pmass.get("gen_lens_eval", {}), PMASS, "gen_lens_eval")
    notes = [
        *_ahead(kls.keys() - masses.keys(), TRAJECTORY, PMASS),
        *_ahead(masses.keys() - kls.keys(), PMASS, TRAJECTORY),
    ]
    doses = []
    for alpha in sorted(kls.keys() & masses.keys()):
        key, value = kls[alpha]
        kl_rows = _per_prompt(value, TRAJECTORY, f"{_KL}[{show(key)}]")
        kl = [_kl_row(row, f"{_KL}[{show(key)}][{i}]", trajectory.booleans) for i, row in enumerate(kl_rows)]
        mass = _pmass_rows(masses[alpha], metric, forks)
        used = min(len(kl), len(mass))
        if len(kl) != len(mass):
            notes.append(
                f"{PMASS}: alpha {alpha}: {len(mass)} prompts, {TRAJECTORY} has {len(kl)}: the first {used} are used"
            )
        gen_len = _gen_lens(lengths.get(alpha), "gen_lens_eval")
        gen_len += [_last_finite(row) + 1 for row in kl[len(gen_len) : used]]
        # KL past gen_len is padding and does not exist (R1), so it is not kept.
        for row, length in zip(kl, gen_len, strict=False):
            del row[length:]
        doses.append(Dose(alpha, kl[:used], mass[:used], gen_len[:used]))
    series = [len(row) for dose in doses for row in dose.kl]
    padded = len(series) * max(series, default=0)
    within("values", padded, "values (prompts at all alphas × the longest KL)", file=TRAJECTORY, field=_KL)
    return doses, notes


def _question_dose(
    alpha: float, masses: tuple[str, object], lengths: dict[float, tuple[str, object]], forks: list[int]
) -> Dose:
    mass = _pmass_rows(masses, "pmass", forks)
    gen_len = _gen_lens(lengths.get(alpha), "gen_lens_qa")
    if len(gen_len) < len(mass):
        field = f"gen_lens_qa[{show(masses[0])}]"
        raise CellError(
            f"{len(gen_len)} lengths for {len(mass)} prompts, and no KL to tell the rest", file=PMASS, field=field
        )
    return Dose(alpha, [array("d") for _ in mass], mass, gen_len[: len(mass)])


def _per_prompt(value: object, file: str, field: str) -> list[object]:
    found = rows(value, file, field)
    within("prompts", len(found), "prompts", file=file, field=field)
    return found


def _pmass_rows(masses: tuple[str, object], metric: Metric, forks: list[int]) -> list[Numbers]:
    key, value = masses
    field = f"{metric}[{show(key)}]"
    return [_pmass_row(row, f"{field}[{i}]", forks) for i, row in enumerate(_per_prompt(value, PMASS, field))]


def _pmass_row(value: object, field: str, forks: list[int]) -> Numbers:
    row = numbers(value, PMASS, field)
    if len(row) > len(forks):
        raise CellError(f"{len(row)} values for {len(forks)} fork points", file=PMASS, field=field)
    measured = [None if mass is None or math.isnan(mass) else mass for mass in row]
    for i, mass in enumerate(measured):
        if mass is not None and not -ROUNDING <= mass <= 1 + ROUNDING:
            raise CellError(f"{show(mass)} is not a probability", file=PMASS, field=f"{field}[{i}]")
    return measured + [None] * (len(forks) - len(row))


def _gen_lens(lengths: tuple[str, object] | None, name: str) -> list[int]:
    if lengths is None:
        return []
    key, value = lengths
    field = f"{name}[{show(key)}]"
    return [tokens(length, PMASS, f"{field}[{i}]") for i, length in enumerate(_per_prompt(value, PMASS, field))]


def _kl_row(value: object, field: str, booleans: bool) -> array[float]:
    if not booleans and isinstance(value, list):
        # This takes a boolean for a number, and nothing else that is none; twice as fast as an array of the list.
        with contextlib.suppress(struct.error):
            return array("d", struct.pack(f"{len(value)}d", *value))
    return array("d", [math.nan if x is None else x for x in numbers(value, TRAJECTORY, field)])


def _last_finite(row: array[float]) -> int:
    return next((i for i in range(len(row) - 1, -1, -1) if math.isfinite(row[i])), -1)


def _ahead(alphas: Iterable[float], file: str, other: str) -> list[str]:
    return [f"{file}: alpha {alpha} is not in {other} (yet), and left out" for alpha in sorted(alphas)]
