"""The incidence figure. In: the table `incidence`. Out: stacked areas of died, finished and running, by token."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt
import polars as pl

from klsurv.charts.figure import Datasets, Figure
from klsurv.charts.legend import Entry
from klsurv.charts.page import Page, Words, headings, span
from klsurv.charts.series import series_of
from klsurv.charts.sheet import edge_of, note, panel, share, sheet, time
from klsurv.charts.theme import ALIVE, DEAD, FINISHED, PAPER
from klsurv.exprs.kaplan_meier import TOLERANCE
from klsurv.params import Layout

# From the bottom up.
STATES = (("p_died", "died", DEAD), ("p_finished", "finished (EOS)", FINISHED), ("p_running", "still running", ALIVE))


def incidence_chart(
    incidence: pl.DataFrame, *, by: Sequence[str], n: pl.DataFrame, words: Words, layout: Layout
) -> Figure:
    """A panel per group: the shares that have died, have finished and run on, which add to 1 at each token.

    `n` has the columns `by`, n, and `apart`: whether fork grids differ, so that the group is left out.
    """
    groups = series_of(n, by=by)
    page = Page(n_panels=len(groups), layout=layout)
    data = Datasets()
    last = float(incidence.get_column("fork").max() or 1)  # type: ignore[arg-type]
    ends = span(last, page=page, room=False)
    edge = edge_of(pl.col("p_running").last() > TOLERANCE, last=last, x_max=ends[1], page=page)
    sizes = [group.rows(n).get_column("n").sum() for group in groups]
    said = headings([group.name or "all" for group in groups], [f"n={size}" for size in sizes], width=page.size[0])
    panels = []
    for i, (group, size) in enumerate(zip(groups, sizes, strict=True)):
        rows = group.rows(incidence)
        x, x_max = time(ends, page=page), rows.select(edge).item()
        layers: list[Any] = []
        below = pl.lit(0.0)
        for name, _, colour in STATES:
            above = below + pl.col(name)
            steps = _steps(rows.select("fork", name, low=below, high=above), name=name, x_max=x_max)
            below = above
            layers.append(
                alt.Chart(data.add(f"{name} {i}", steps))
                .mark_area(interpolate="step-after", fill=colour, fillOpacity=0.85, stroke=PAPER, strokeWidth=1)
                .encode(
                    x=x,
                    y=share("low", title="share of trajectories" if i == 0 else None, labels=page.left(i), room=0),
                    y2=alt.Y2("high"),
                    tooltip=[alt.Tooltip("fork:Q"), alt.Tooltip(f"{name}:Q", format=".3f")],
                )
            )
        if rows.is_empty():
            text = "no trajectory was measured" if size else "no trajectory"
            if group.rows(n).get_column("apart").any():
                text = "left out: its fork grids differ"
            layers.append(note(text, page.size[0] / 2, page.size[1] / 2, align="center"))
        panels.append(panel(layers, text=said[i], size=page.size))
    entries = [Entry("band", colour, text, opacity=0.85) for _, text, colour in STATES]
    return sheet(panels, page=page, entries=entries, words=words, data=data)


def _steps(rows: pl.DataFrame, *, name: str, x_max: float) -> pl.DataFrame:
    """The rows, the last again at the edge, so that the last tread is drawn; all run before the first of them."""
    floats = rows.with_columns(pl.col("fork").cast(pl.Float64))
    first, last = floats.head(1), floats.tail(1).with_columns(fork=pl.lit(x_max))
    running = pl.lit(float(name == "p_running"))
    before = first.filter(pl.col("fork") > 0).with_columns(
        running.alias(name), fork=pl.lit(0.0), low=pl.lit(0.0), high=running
    )
    return pl.concat([before, floats, last])
