"""The forest of differences. In: the table `compare`. Out: rmst_diff of each pair, with both of its intervals."""

from __future__ import annotations

from typing import Any

import altair as alt
import polars as pl

from klsurv.charts.figure import Datasets, Figure
from klsurv.charts.legend import Entry
from klsurv.charts.sheet import Page, Words, heading, note, sheet, short
from klsurv.charts.theme import ALIVE, DEAD, FAINT, INK

_ROW = 34


def compare_chart(compare: pl.DataFrame, *, words: Words) -> Figure:
    """A row per pair: the difference of restricted means, naive and resampled interval, the numbers beside it."""
    pairs = compare.filter(pl.col("group_b").is_not_null()).with_row_index("row")
    page = Page(n_panels=1)
    data = Datasets()
    bounds = ["ci_low", "ci_high", "boot_low", "boot_high", "rmst_diff"]
    far = pairs.select(pl.max_horizontal(pl.col(bounds).abs().max())).item() if pairs.height else None
    far = max(1e-9, 1.08 * (far or 1.0))
    height = _ROW * max(pairs.height, 1)
    width = 420
    x = alt.X("rmst_diff:Q", title="difference of mean tokens alive before τ, first − second").scale(
        domain=[-far, far], nice=False
    )
    named = data.add("pairs", pairs.select("row", *bounds, "p", "p_holm", "rmst_p"))
    base = alt.Chart(named)

    layers: list[Any] = [
        alt.Chart(alt.InlineData([{"x": 0}])).mark_rule(stroke=FAINT, strokeDash=[4, 3]).encode(x="x:Q")
    ]
    y = alt.Y("row:Q", axis=None).scale(domain=[-0.5, max(pairs.height, 1) - 0.5], reverse=True, nice=False)
    for low, high, colour, shift, weight in (
        ("ci_low", "ci_high", ALIVE, -5, 1.6),
        ("boot_low", "boot_high", DEAD, 5, 2.6),
    ):
        layers.append(
            base.mark_rule(stroke=colour, strokeWidth=weight, yOffset=shift, y2Offset=shift).encode(
                x=alt.X(f"{low}:Q"), x2=high, y=y
            )
        )
    tooltip = [alt.Tooltip(f"{name}:Q", format=".4g") for name in (*bounds, "p", "p_holm")]
    layers.append(
        base.mark_point(filled=True, fill=INK, shape="diamond", size=60, opacity=1).encode(x=x, y=y, tooltip=tooltip)
    )
    for i, row in enumerate(pairs.iter_rows(named=True)):
        middle = (i + 0.5) * height / max(pairs.height, 1) - 6
        label = short(f"{row['group_a']} − {row['group_b']}", 44)
        layers.append(note(label, -12, middle, align="right", colour=INK, size=11))
        layers.append(note(_numbers(row), width + 14, middle, colour=INK, size=11))
    words.entries = [
        Entry("line", ALIVE, "as if independent"),
        Entry("line", DEAD, "whole prompts resampled"),
    ]
    taus = [str(tau) for tau in pairs.get_column("tau").drop_nulls().unique()]
    panel = alt.layer(*layers, width=width, height=height, title=heading(f"τ = {taus[0]} tokens" if taus else ""))
    return sheet([panel], page=page, words=words, data=data)


def _numbers(row: dict[str, Any]) -> str:
    if row["rmst_diff"] is None:
        return "no difference can be given"
    text = f"{row['rmst_diff']:+.3g}"
    if row["boot_low"] is not None and row["boot_high"] is not None:
        text += f" ({row['boot_low']:.3g} to {row['boot_high']:.3g})"
    elif row["ci_low"] is not None:
        text += f" ({row['ci_low']:.3g} to {row['ci_high']:.3g})"
    return text + (f"   Holm p = {row['p_holm']:.2g}" if row["p_holm"] is not None else "")
