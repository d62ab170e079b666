"""The forest of differences. In: the table `compare`. Out: rmst_diff of each pair, with both of its intervals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt
import polars as pl

from klsurv.charts.figure import Datasets, Figure
from klsurv.charts.legend import Entry
from klsurv.charts.page import Page, Words, shorts
from klsurv.charts.sheet import note, panel, sheet
from klsurv.charts.theme import ALIVE, DEAD, FAINT, INK
from klsurv.inference import Interval
from klsurv.wording import percent

# More pairs than these make a figure that no page holds; the table has them all.
MOST = 40
_BOUNDS = ("ci_low", "ci_high", "boot_low", "boot_high", "rmst_diff")
_WIDTH = 420


def compare_chart(
    compare: pl.DataFrame,
    *,
    kind: str = "",
    within: Sequence[str] = (),
    words: Words,
    level: float = Interval.level,
) -> Figure:
    """A row per pair: the difference of restricted means, naive and resampled interval, the numbers beside it.

    Both are at `level`. `kind` is said before each group; `within` are the columns by which tests are stratified. Of
    more than 40 pairs those with the largest differences are drawn, in the order of the table; the heading says so.
    """
    pairs = compare.filter(pl.col("group_b").is_not_null())
    n = pairs.height
    largest = pl.col("rmst_diff").abs().rank("ordinal", descending=True)
    pairs = pairs.filter(largest.fill_null(n) <= MOST) if n > MOST else pairs
    rows = max(pairs.height, 1)
    pairs = pairs.with_row_index("row")
    data = Datasets()
    step = 34 if rows <= 12 else 22
    height = step * rows
    far = pairs.select(pl.max_horizontal(pl.col(_BOUNDS).abs().max())).item() if pairs.height else None
    far = max(1e-9, 1.08 * (far or 1.0))
    x = alt.X("rmst_diff:Q", title="difference of mean tokens alive before τ, first − second")
    x = x.scale(domain=[-far, far], nice=False).axis(tickCount=7, zindex=1, labels=n > 0, ticks=n > 0)
    y = alt.Y("row:Q", axis=None).scale(domain=[-0.5, rows - 0.5], reverse=True, nice=False)
    base = alt.Chart(data.add("pairs", pairs.select("row", *_BOUNDS, "p", "p_holm", "rmst_p")))
    layers: list[Any] = [
        alt.Chart(alt.InlineData([{"x": 0}] if n else []))
        .mark_rule(stroke=FAINT, strokeDash=[4, 3])
        .encode(x=alt.X("x:Q"))
    ]
    for low, high, colour, shift, weight in (
        ("ci_low", "ci_high", ALIVE, -step / 7, 1.6),
        ("boot_low", "boot_high", DEAD, step / 7, 2.6),
    ):
        known = alt.Chart(data.add(low, pairs.select("row", low, high).drop_nulls()))
        rule = known.mark_rule(stroke=colour, strokeWidth=weight, yOffset=shift, y2Offset=shift)
        layers.append(rule.encode(x=alt.X(f"{low}:Q"), x2=alt.X2(high), y=y))
    tooltip = [alt.Tooltip(f"{name}:Q", format=".4g") for name in (*_BOUNDS, "p", "p_holm")]
    layers.append(
        base.mark_point(filled=True, fill=INK, shape="diamond", size=60, opacity=1).encode(x=x, y=y, tooltip=tooltip)
    )
    inside = f" within {', '.join(within)}" if within else ""
    groups = pl.concat([pairs.get_column("group_a"), pairs.get_column("group_b")]).unique().sort().to_list()
    names = dict(zip(groups, shorts(groups, 34), strict=True))
    for i, row in enumerate(pairs.iter_rows(named=True)):
        middle = (i + 0.5) * step - 6
        label = f"{kind}{names[row['group_a']]} − {kind}{names[row['group_b']]}"
        layers.append(note(label, -12, middle, align="right", colour=INK, size=11))
        layers.append(note(_numbers(row), _WIDTH + 14, middle, colour=INK, size=11))
    if pairs.is_empty():
        layers.append(note("no pair to compare", _WIDTH / 2, height / 2 - 6, align="center"))
    else:
        interval = " (thick interval)" if data.hold("boot_low") else " (interval)" if data.hold("ci_low") else ""
        said = f"difference{interval}, p{inside} after Holm, as if independent"
        layers.append(note(said, _WIDTH + 14, -18, size=11))
    entries = []
    if data.hold("ci_low"):
        entries.append(Entry("line", ALIVE, f"{percent(level)} interval, as if independent", width=1.6))
    if data.hold("boot_low"):
        entries.append(Entry("line", DEAD, f"{percent(level)} interval, whole prompts resampled", width=2.6))
    taus = [str(tau) for tau in pairs.get_column("tau").drop_nulls().unique()]
    parts = [f"τ = {taus[0]} tokens"] if taus else []
    parts.append(f"{n} pair{'s' * (n != 1)}" if n <= MOST else f"the {MOST} largest differences of {n} pairs")
    framed = panel(layers, text="   ".join(parts), size=(_WIDTH, height))
    return sheet([framed], page=Page(n_panels=1), entries=entries, words=words, data=data)


def _numbers(row: dict[str, Any]) -> str:
    if row["rmst_diff"] is None:
        return "no difference can be given"
    text = _number(row["rmst_diff"], sign="+")
    for low, high in (("boot_low", "boot_high"), ("ci_low", "ci_high")):
        if row[low] is not None and row[high] is not None:
            text += f" ({_number(row[low])} to {_number(row[high])})"
            break
    return text + (f"   p = {row['p_holm']:.2g}" if row["p_holm"] is not None else "")


def _number(value: float, *, sign: str = "") -> str:
    text = f"{value:{sign},.0f}" if abs(value) >= 1000 else f"{value:{sign}.3g}"
    return text.replace("-", "−")
