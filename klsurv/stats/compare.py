"""Is A really better than B? In: counts and curves. Out: the table `compare`: tests, differences of means."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import NormalDist
from typing import Any

import numpy as np
import polars as pl

from klsurv.inference import Interval, LogRank
from klsurv.schema import COMPARE
from klsurv.stats.counted import Counted
from klsurv.stats.labels import labels
from klsurv.stats.logrank import Result, holm, logrank
from klsurv.stats.resample import Draws, band


@dataclass(frozen=True)
class Trend:
    """What to test for trend: groups made by `by` and `column`, in the order of `column`, within each value of `by`."""

    counted: Counted
    by: Sequence[str]
    column: str


def compare(
    counted: Counted,
    lifetimes: pl.DataFrame,
    *,
    by: Sequence[str],
    test: LogRank,
    interval: Interval,
    draws: Draws | None,
    trend: Trend | None = None,
) -> pl.DataFrame:
    """The table `compare`: the overall test, the trend tests, then every pair of groups, in order.

    Args:
        counted: the groups' counts, in the strata within which they are compared.
        lifetimes: their restricted means, in the same order (`stats.survival.lifetimes`).
        by: the columns that make the groups.
        test: the member of the log-rank family.
        interval: its level is that of the intervals of the difference.
        draws: resampled restricted means; None leaves boot_low and boot_high null.
        trend: what to test for trend.
    """
    names = labels(counted.groups, by)
    rows = [{"test": test.name, **_result(logrank(counted.n_risk, counted.n_events, test=test))}]
    if trend is not None:
        rows += _trends(trend, test=test)
    pairs: list[dict[str, Any]] = []
    means = lifetimes.select("rmst", "rmst_error").rows()
    for a, b in combinations(range(len(names)), 2):
        both = [a, b]
        pairs.append(
            {
                "test": test.name,
                "group_a": names[a],
                "group_b": names[b],
                **_result(logrank(counted.n_risk[:, both], counted.n_events[:, both], test=test)),
                **_difference(means[a], means[b], interval=interval),
            }
        )
        if draws is not None:
            fewest = int(draws.prompts[both].min())
            low, high = band(draws.rmst[a] - draws.rmst[b], interval=interval, prompts=fewest)
            pairs[-1] |= {"boot_low": low, "boot_high": high}
    for row, adjusted in zip(pairs, holm([row["p"] for row in pairs]), strict=True):
        row["p_holm"] = adjusted
    return pl.DataFrame([*rows, *pairs], schema=COMPARE.schema)


def _trends(trend: Trend, *, test: LogRank) -> list[dict[str, object]]:
    """One row per group of `trend.by` (one row overall if that is empty)."""
    rows: list[dict[str, object]] = []
    groups = trend.counted.groups.with_row_index("index")
    parts = groups.partition_by(trend.by, maintain_order=True) if trend.by else [groups]
    for part in parts:
        index = part.get_column("index").to_list()
        scores = part.get_column(trend.column).cast(pl.Float64).to_numpy()
        name = labels(part.head(1), trend.by)[0] if trend.by else None
        if np.isnan(scores).any():
            result: dict[str, object] = {"df": 0}
        else:
            counts = trend.counted
            result = _result(logrank(counts.n_risk[:, index], counts.n_events[:, index], test=test, scores=scores))
        rows.append({"test": f"trend in {trend.column}", "group_a": name, **result})
    return rows


def _result(result: Result) -> dict[str, object]:
    return {"statistic": result.statistic, "df": result.df, "p": result.p}


def _difference(
    a: tuple[float | None, float | None], b: tuple[float | None, float | None], *, interval: Interval
) -> dict[str, float | None]:
    """Means of two groups, a − b, its normal interval and two-sided p, as survRM2 has them."""
    found: dict[str, float | None] = {"rmst_a": a[0], "rmst_b": b[0]}
    if a[0] is None or b[0] is None:
        return found
    difference = a[0] - b[0]
    found["rmst_diff"] = difference
    if a[1] is None or b[1] is None or a[1] + b[1] == 0:
        return found
    normal = NormalDist()
    error = float(np.hypot(a[1], b[1]))
    width = -normal.inv_cdf((1 - interval.level) / 2) * error
    return found | {
        "ci_low": difference - width,
        "ci_high": difference + width,
        "rmst_p": 2 * normal.cdf(-abs(difference) / error),
    }
