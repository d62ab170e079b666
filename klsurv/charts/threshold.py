"""The threshold figure. In: the table `threshold`. Out: deaths, survival and recovery against the threshold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt
import polars as pl

from klsurv.charts.figure import Datasets, Figure
from klsurv.charts.legend import Entry
from klsurv.charts.page import Page, Words
from klsurv.charts.series import series_of
from klsurv.charts.sheet import note, panel, share, sheet
from klsurv.charts.theme import INK
from klsurv.params import Layout

PANELS = (("died", "share that died"), ("survival_end", "S at the end"), ("recovery", "share of deaths that recover"))


def threshold_chart(
    table: pl.DataFrame, *, by: Sequence[str], threshold: float, words: Words, layout: Layout, empty: str
) -> Figure:
    """Three panels with a line per group: the share that died, survival at the end, the share of deaths that recover.

    The dashed line is the threshold that the other figures use. `empty`: why, where the table has no row.
    """
    rows = table.with_columns(died=pl.col("n_events") / pl.col("n"))
    series = series_of(table, by=by)
    page = Page(n_panels=len(PANELS), layout=layout)
    data = Datasets()
    rule = (
        alt.Chart(alt.InlineData([{"threshold": threshold}]))
        .mark_rule(stroke=INK, strokeDash=[4, 3])
        .encode(x=alt.X("threshold:Q"))
    )
    x = alt.X("threshold:Q", title="threshold of pmass").scale(domain=[0, 1], nice=False).axis(tickCount=5, zindex=1)
    panels = []
    for i, (column, text) in enumerate(PANELS):
        y = share(column, title="share" if i == 0 else None, labels=page.left(i))
        # With the axes: where no group was measured no line brings them.
        layers: list[Any] = [rule.mark_point(opacity=0).encode(x=x, y=y)]
        if table.is_empty():
            layers.append(note(empty, page.size[0] / 2, page.size[1] / 2, align="center"))
        else:
            layers.append(rule.encode(x=x, y=alt.YDatum(0), y2=alt.Y2Datum(1)))
        for k, one in enumerate(series):
            named = data.add(f"{column} {k}", one.rows(rows).select("threshold", column, "n", "n_events"))
            layers.append(
                alt.Chart(named)
                .mark_line(interpolate="step-after", stroke=one.colour, strokeWidth=1.8, strokeDash=one.dash)
                .encode(
                    x=x,
                    y=y,
                    tooltip=[alt.Tooltip(f"{c}:Q", format=".3g") for c in ("threshold", column, "n_events", "n")],
                )
            )
        panels.append(panel(layers, text=text, size=page.size))
    entries = [one.entry() for one in series if one.name]
    entries.append(Entry("dashed", INK, f"threshold {threshold:g}"))
    return sheet(panels, page=page, entries=entries, words=words, data=data)
