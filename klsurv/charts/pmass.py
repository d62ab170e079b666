"""The pmass figure. In: pmass at forks. Out: a thin line per trajectory, p10–p90 band and median, the threshold."""

from __future__ import annotations

from typing import Any

import altair as alt
import polars as pl

from klsurv.charts.figure import Datasets, Figure
from klsurv.charts.legend import Entry
from klsurv.charts.page import Page, Words, doses, span
from klsurv.charts.sheet import note, panel, share, sheet, time
from klsurv.charts.theme import ALIVE, DEAD, FAINT, INK
from klsurv.params import Layout, Look

# Through one fork alone goes no line and no area: pixels² of a dot in their place, and pixels that a band is wide.
_DOT, _WIDE = 28, 14


def pmass_chart(
    lines: pl.DataFrame,
    bands: pl.DataFrame,
    counts: pl.DataFrame,
    *,
    alphas: list[float],
    threshold: float,
    words: Words,
    layout: Layout,
) -> Figure:
    """A panel per alpha: lines of trajectories that die in orange, of others in blue; `frames.bands` has the tables.

    What was measured at one fork alone is a dot, and a band and median of one fork a bar.
    `counts` (alpha, n, n_died) are of all trajectories, of which `lines` may be some.
    """
    page = Page(n_panels=len(alphas), layout=layout)
    data = Datasets()
    ends = span(float(lines.get_column("t").max() or 1), page=page)  # type: ignore[arg-type]
    said = doses(alphas)
    panels = [
        _panel(alpha, said[i], i, lines, bands, counts, threshold, data, page, ends) for i, alpha in enumerate(alphas)
    ]
    entries = [
        *[Entry("line", ALIVE, "stays alive")] * data.hold("lives"),
        *[Entry("line", DEAD, "dies")] * data.hold("dies"),
        *[Entry("band", FAINT, "p10–p90")] * (bands["p10"] < bands["p90"]).any(),
        *[Entry("line", INK, "median")] * (lines.group_by("alpha").agg(pl.col("line").n_unique() > 1)["line"].any()),
        Entry("dashed", INK, f"threshold {threshold:g}"),
    ]
    return sheet(panels, page=page, entries=entries, words=words, data=data)


def _panel(
    alpha: float,
    dose: str,
    i: int,
    lines: pl.DataFrame,
    bands: pl.DataFrame,
    counts: pl.DataFrame,
    threshold: float,
    data: Datasets,
    page: Page,
    ends: tuple[float, float],
) -> Any:
    own, band = (table.filter(pl.col("alpha") == alpha) for table in (lines, bands))
    n = own.get_column("line").n_unique()
    look = Look()
    x, width, height = time(ends, page=page, field="t"), *page.size
    y = share("y", title="pmass" if i == 0 else None, labels=page.left(i))
    base = alt.Chart(data.add(f"band {alpha}", band))
    once = band.height == 1
    spread = base.mark_area(fill=FAINT, fillOpacity=0.28)
    if once:
        spread = base.mark_rule(stroke=FAINT, strokeOpacity=0.28, strokeWidth=_WIDE, clip=True)
    layers: list[Any] = [spread.encode(x=x, y=alt.Y("p10:Q"), y2=alt.Y2("p90"))]
    tooltip = [alt.Tooltip("cell:N"), alt.Tooltip("prompt:Q"), alt.Tooltip("t:Q"), alt.Tooltip("y:Q", format=".3f")]
    for dies, colour in ((False, ALIVE), (True, DEAD)):
        some = own.filter(pl.col("dies") == dies)
        name = f"{'dies' if dies else 'lives'} {alpha}"
        single = pl.len().over("line") == 1
        if not (lines := some.filter(~single)).is_empty():
            layers.append(
                alt.Chart(data.add(name, lines))
                .mark_line(stroke=colour, strokeWidth=look.width(n), strokeOpacity=look.opacity(n))
                .encode(x=x, y=y, detail=alt.Detail("line:Q"), tooltip=tooltip)
            )
        if not (dots := some.filter(single)).is_empty():
            layers.append(
                alt.Chart(data.add(f"{name}, one fork", dots))
                .mark_point(filled=True, fill=colour, size=_DOT, opacity=max(0.6, look.opacity(n)))
                .encode(x=x, y=y, tooltip=tooltip)
            )
    # Of one alone it would hide whether that dies.
    if n > 1:
        median = base.mark_line(stroke=INK, strokeWidth=1.8)
        if once:
            median = base.mark_tick(color=INK, thickness=1.8, size=_WIDE, opacity=1, orient="horizontal", clip=True)
        layers.append(median.encode(x=x, y=alt.Y("p50:Q")))
    layers.append(
        alt.Chart(alt.InlineData([{"y": threshold}]))
        .mark_rule(stroke=INK, strokeWidth=1, strokeDash=[4, 3])
        .encode(x=alt.XDatum(ends[0]), x2=alt.X2Datum(ends[1]), y=y)
    )
    if own.is_empty():
        layers.append(note("pmass was not measured", width / 2, height / 2, align="center"))
    found = counts.filter(pl.col("alpha") == alpha)
    all_of, died = (found.get_column(name).sum() for name in ("n", "n_died"))
    return panel(layers, text=f"α = {dose}   n={all_of}  events={died}", size=page.size)
