"""The numbers that matter, in words. In: finished tables. Out: one or two sentences each; nothing is computed here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import polars as pl

from klsurv.schema import BAND
from klsurv.stats.labels import labels

_MOST = 8
_NAIVE = "as if trajectories were independent"


def of_lifetimes(table: pl.DataFrame) -> list[str]:
    """One line per group, at alpha = 1 where there is that dose, else of all."""
    some = table.filter(pl.col("alpha") == 1.0) if 1.0 in table.get_column("alpha") else table
    return _first([_life(row) for row in some.iter_rows(named=True) if row["n"]])


def _group(row: dict[str, Any]) -> str:
    return f"α = {row['alpha']:g}" + (f", {row['method'] or 'unknown'}" if "method" in row else "")


def _life(row: dict[str, Any]) -> str:
    name = _group(row)
    if row["survival_end"] is None:
        return f"{name}: none of {row['n']} was measured at a fork."
    median = "more than half were never seen dead"
    if row["median"] is not None:
        median = f"half were dead by token {row['median']}"
    elif row["n_events"] == 0:
        return f"{name}: none of {row['n']} died."
    end = f"; S at the last fork is {row['survival_end']:.2f}{_interval(row['end_low'], row['end_high'], '.2f')}"
    return f"{name}: {row['n_events']} of {row['n']} died, {median}{end}."


def of_incidence(table: pl.DataFrame) -> list[str]:
    """Where each dose ends."""
    last = table.group_by("alpha", maintain_order=True).last()
    said = [
        f"α = {a:g}: {d:.0%} / {f:.0%} / {r:.0%}"
        for a, d, f, r in last.select("alpha", "p_died", "p_finished", "p_running").rows()
    ]
    return ["Died / finished / running at the end: " + _listed(said)] if said else []


def of_dose(table: pl.DataFrame) -> list[str]:
    """ED50 and trend of each group."""
    names = [name for name in table.columns if name == "method"]
    said = []
    several = table.partition_by(names, maintain_order=True) if names else [table] * (not table.is_empty())
    for one in several:
        row = one.row(0, named=True)
        name = f"{row['method'] or 'unknown'}: " if names else ""
        half = "between the doses tried there is none at which S is 0.5"
        if row["ed50"] is not None:
            band = _interval(row["ed50_low"], row["ed50_high"], ".2f")
            half = f"S at token {row['tau']} is 0.5 at α = {row['ed50']:.2f}{band}{_between(one, row['ed50'])}"
        trend = ""
        if row["trend_p"] is not None:
            trend = f"; trend of deaths with α: z = {row['trend_z']:.2f}, p = {row['trend_p']:.2g}, {_NAIVE}"
        said.append(f"{name}{half}{trend}.")
    return _first(said)


def _between(doses: pl.DataFrame, ed50: float) -> str:
    """The doses that were tried about an ED50 that is none of them."""
    tried = doses.get_column("alpha").to_list()
    below, above = (a for a in tried if a < ed50), (a for a in tried if a > ed50)
    if ed50 in tried:
        return ""
    return f", by a straight line: no dose was tried between {max(below):g} and {min(above):g}"


def of_doses(calibration: pl.DataFrame) -> list[str]:
    """The methods whose doses are not what they say, so that a comparison at one alpha is not one at one dose."""
    off = [
        f"{row['ratio']:.2f} for {name}"
        for name, row in zip(_runs(calibration), calibration.iter_rows(named=True), strict=True)
        if row["in_band"] is not None and not row["in_band"]
    ]
    if not off:
        return []
    return ["Doses may not be equal: held-out p95 KL at α = 1 over its target is " + _listed(off)]


def of_compare(table: pl.DataFrame, *, at_alpha: float | None) -> list[str]:
    """The difference of each pair."""
    said = []
    dose = "" if at_alpha is None else f"At α = {at_alpha:g} "
    for row in table.filter(pl.col("rmst_diff").is_not_null()).iter_rows(named=True):
        band = _interval(row["boot_low"], row["boot_high"], ".1f", " prompts resampled")
        known = row["boot_low"] is not None and row["boot_high"] is not None
        open_ = ", which leaves it open" if known and row["boot_low"] <= 0 <= row["boot_high"] else ""
        p = ""
        if row["p_holm"] is not None:
            p = f"; log-rank within prompts: p = {row['p_holm']:.2g} (Holm), as if independent within each"
        more = "longer" if row["rmst_diff"] > 0 else "shorter"
        lives = f"{dose}{row['group_a']} stays alive {abs(row['rmst_diff']):.1f} tokens {more} than {row['group_b']}"
        if row["rmst_diff"] == 0:
            lives = f"{dose}{row['group_a']} stays alive as long as {row['group_b']}"
        said.append(f"{lives}: difference {row['rmst_diff']:.1f}{band}{open_}{p}.")
    return _first(said)


def of_recovery(table: pl.DataFrame) -> list[str]:
    """How many deaths recover at the threshold that was chosen."""
    known = table.filter(pl.col("recovery").is_not_null())
    said = [f"{_group(row)}: {row['recovery']:.0%}" for row in known.iter_rows(named=True)]
    return ["Deaths with a later fork above the threshold: " + _listed(said)] if said else []


def of_study(table: pl.DataFrame, *, by: Sequence[str] = ()) -> list[str]:
    """The last token before death, relative KL."""
    last = table.filter((pl.col("measure") == "relative") & (pl.col("lag") == -1) & pl.col("difference").is_not_null())
    said = []
    of = [f"{name}: at" for name in labels(last, by)] if by else ["At"] * last.height
    for at, row in zip(of, last.iter_rows(named=True), strict=True):
        band = _interval(row["difference_low"], row["difference_high"], ".2f")
        both = f"the dying have {row['died']:.2f} of their own p95, those alive {row['alive']:.2f}"
        n = row["n_deaths"]
        deaths = f"{at} the last token before the fork ({n} death{'s' * (n != 1)})"
        said.append(f"{deaths} {both}; difference {row['difference']:+.2f}{band}.")
    return said


def of_calibration(table: pl.DataFrame) -> list[str]:
    """Held-out KL against the target, and how KL grows."""
    said = []
    for name, row in zip(_runs(table), table.iter_rows(named=True), strict=True):
        if row["ratio"] is None:
            continue
        within = "within" if row["in_band"] else "outside"
        grows = f"; KL grows as α^{row['exponent']:.2f}" if row["exponent"] is not None else ""
        spread = (
            f"; c_star varies by {row['c_star_cv']:.1%} over {row['n_seeds']} seeds"
            if row["c_star_cv"] is not None
            else ""
        )
        held = f"{name}: held-out p95 KL at α = 1 is {row['ratio']:.2f} of the target, {within} {BAND[0]}–{BAND[1]}"
        said.append(f"{held}{grows}{spread}.")
    return _first(said)


def _runs(calibration: pl.DataFrame) -> list[str]:
    """What each row of the table `calibration` is of: its method, and what else tells it from another."""
    differ = [name for name in ("model", "layer", "window") if calibration.get_column(name).n_unique() > 1]
    return labels(calibration, ["method", *differ])


def _listed(said: list[str]) -> str:
    """At most eight, and how many more there are."""
    more = f"; and {len(said) - _MOST} more" * (len(said) > _MOST)
    return "; ".join(said[:_MOST]) + more + "."


def _first(said: list[str]) -> list[str]:
    """At most eight sentences, and one of how many more there are."""
    return said[:_MOST] + [f"And {len(said) - _MOST} more."] * (len(said) > _MOST)


def _interval(low: float | None, high: float | None, form: str, note: str = "") -> str:
    if low is None and high is None:
        return ""
    text = " to ".join("?" if bound is None else format(bound, form) for bound in (low, high))
    return f" ({text}{',' + note if note else ''})"
