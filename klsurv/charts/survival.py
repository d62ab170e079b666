"""The survival figure. In: tables `survival` and `lifetimes`. Out: Kaplan–Meier steps, bands, numbers at risk."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt
import polars as pl

from klsurv.charts.figure import Datasets, Figure
from klsurv.charts.legend import Entry
from klsurv.charts.page import Page, Words, headings, shorts, span
from klsurv.charts.series import CROWD, Series, panels_of, wider
from klsurv.charts.sheet import edge_of, note, share, sheet, time
from klsurv.charts.sheet import panel as framed
from klsurv.charts.theme import FAINT, INK, PAPER
from klsurv.exprs.axes import symlog
from klsurv.exprs.kaplan_meier import TOLERANCE
from klsurv.inference import Interval
from klsurv.params import Layout
from klsurv.wording import percent

# Pixels below a panel: of the first row of numbers at risk, and between rows; and between two numbers.
_BELOW, _ROW, _APART = 46, 13, 30
# Opacity of the interval of S, and of the gaps between forks, which lie upon it.
_BAND, _GAP = 0.16, 0.22
# About a gap, as it may reach beyond the interval and would look like it.
_EDGE = [2, 2]


def survival_chart(
    survival: pl.DataFrame,
    lifetimes: pl.DataFrame,
    *,
    by: Sequence[str],
    words: Words,
    layout: Layout,
    gaps: bool = True,
    level: float = Interval.level,
) -> Figure:
    """Panels, and a curve per group in each, as `panels_of` has them; where it is one, those of other panels in grey.

    The band is the interval of S, at `level`; the shaded steps are the forks between which deaths lie, where S is not
    identified; without `gaps` each token is known.
    A dot marks the median. Curves that coincide are seen as stripes: the first is drawn widest, the last thinnest. More
    than 4 in a panel are drawn without band and gaps, which would cover each other.
    """
    panels, series = panels_of(lifetimes, by=by)
    page = Page(n_panels=len(panels), layout=layout)
    data = Datasets()
    last = float(survival.get_column("fork").max() or 1)  # type: ignore[arg-type]
    ends = span(last, page=page)
    edge = edge_of(pl.col("survival").last() > TOLERANCE, last=last, x_max=ends[1], page=page)
    context = survival.select(*by, "fork", "survival") if len(series) == 1 and len(panels) > 1 else None
    lives = [panel.rows(lifetimes) for panel in panels]
    counts = [f"n={life.get_column('n').sum()}  events={life.get_column('n_events').sum()}" for life in lives]
    said = headings([panel.name or "all" for panel in panels], counts, width=page.size[0])
    drawn = [
        _panel(
            panel,
            said[i],
            survival,
            lives[i],
            series,
            context,
            data,
            by=by,
            i=i,
            page=page,
            ends=ends,
            edge=edge,
            gaps=gaps,
        )
        for i, panel in enumerate(panels)
    ]
    entries = [s.entry() for s in series if len(series) > 1]
    colour, band = (series[0].colour, _BAND) if len(series) == 1 else (FAINT, 0.25)
    if data.hold("band"):
        entries.append(Entry("band", colour, f"{percent(level)} interval of S", opacity=band))
    if data.hold("gaps"):
        gap = 1 - (1 - band) * (1 - _GAP) if data.hold("band") else _GAP
        entries.append(Entry("band", colour, "between two forks, S not known", opacity=gap, dash=_EDGE))
    if data.hold("median"):
        entries.append(Entry("dot", INK, "median"))
    if data.hold("others"):
        entries.append(Entry("line", FAINT, f"the other {'doses' if 'alpha' in by else 'groups'}", width=1))
    return sheet(drawn, page=page, entries=entries, words=words, data=data, row_gap=20)


def _panel(
    panel: Series,
    heading: str,
    survival: pl.DataFrame,
    lives: pl.DataFrame,
    series: list[Series],
    context: pl.DataFrame | None,
    data: Datasets,
    *,
    by: Sequence[str],
    i: int,
    page: Page,
    ends: tuple[float, float],
    edge: pl.Expr,
    gaps: bool,
) -> Any:
    width, height = page.size
    x, y = time(ends, page=page), share("survival", title="S(t)" if i == 0 else None, labels=page.left(i))
    own = panel.rows(survival)
    layers: list[Any] = []
    if context is not None:
        others = context.join(panel.key, on=panel.key.columns, how="anti", nulls_equal=True)
        steps = _steps(others, by=by, edge=edge)
        layers.append(
            alt.Chart(data.add(f"others {i}", steps))
            .mark_line(interpolate="step-after", stroke=FAINT, strokeWidth=0.8, strokeOpacity=0.45)
            .encode(x=x, y=y, detail=alt.Detail("curve:N"))
        )
    empty = True
    names = shorts([one.name for one in series], 24)
    for k, one in enumerate(series):
        rows, life = one.rows(own), one.rows(lives)
        below = height + _BELOW + _ROW * k
        if page.left(i) and len(series) > 1:
            layers.append(note(names[k], -14, below - 5, align="right", size=10, colour=one.colour))
        if rows.is_empty():
            continue
        empty = False
        layers += _curve(rows, life, one, data, f"{i}.{k}", by=by, x=x, y=y, edge=edge, k=k, of=len(series), gaps=gaps)
        layers.append(_at_risk(rows, one, x, page=page, ends=ends, y=below))
    if page.left(i):
        layers.append(note("at risk", -14, height + _BELOW - 5 - _ROW * (len(series) > 1), align="right", size=10))
    if empty:
        layers.append(note("no trajectory was measured at a fork", width / 2, height / 2, align="center"))
    return framed(layers, text=heading, size=page.size)


def _curve(
    rows: pl.DataFrame,
    life: pl.DataFrame,
    one: Series,
    data: Datasets,
    name: str,
    *,
    by: Sequence[str],
    x: alt.X,
    y: alt.Y,
    edge: pl.Expr,
    k: int,
    of: int,
    gaps: bool,
) -> list[Any]:
    steps = _steps(rows, by=by, edge=edge)
    between = rows.select(
        "survival",
        fork="fork",
        left=pl.col("fork").shift(1).fill_null(0),
        before=pl.col("survival").shift(1).fill_null(1.0),
    ).filter(pl.col("before") > pl.col("survival"), pl.col("fork") > pl.col("left"))
    medians = life.select(fork="median", survival=pl.lit(0.5)).drop_nulls()
    tooltip = [alt.Tooltip(f"{c}:Q", format=".4g") for c in ("fork", "survival", "ci_low", "ci_high", "n_risk")]
    more, crowd = wider(k, of), of > CROWD
    layers: list[Any] = []
    if not crowd and steps.get_column("ci_low").null_count() < steps.height:
        layers.append(
            alt.Chart(data.add(f"band {name}", steps))
            .mark_area(interpolate="step-after", fill=one.colour, fillOpacity=min(_BAND, 0.4 / of))
            .encode(x=x, y=alt.Y("ci_low:Q"), y2=alt.Y2("ci_high"))
        )
    if gaps and not crowd:
        layers.append(
            alt.Chart(data.add(f"gaps {name}", between))
            .mark_rect(fill=one.colour, fillOpacity=_GAP, stroke=one.colour, strokeWidth=0.7, strokeDash=_EDGE)
            .encode(x=alt.X("left:Q"), x2=alt.X2("fork"), y=alt.Y("survival:Q"), y2=alt.Y2("before"))
        )
    layers += [
        alt.Chart(data.add(f"curve {name}", steps))
        .mark_line(
            interpolate="step-after",
            stroke=one.colour,
            strokeWidth=1.8 + more,
            strokeDash=one.dash,
            strokeCap="butt",
        )
        .encode(x=x, y=y, tooltip=tooltip),
        alt.Chart(data.add(f"median {name}", medians))
        .mark_point(
            shape="circle", filled=True, fill=PAPER, stroke=one.colour, strokeWidth=1.8, size=46 + 40 * more, opacity=1
        )
        .encode(x=x, y=y),
    ]
    return layers


def _steps(rows: pl.DataFrame, *, by: Sequence[str], edge: pl.Expr) -> pl.DataFrame:
    """From (0, 1) over each fork to the edge, so that the last tread is drawn; `curve` numbers the groups."""
    kept = [name for name in ("survival", "ci_low", "ci_high", "n_risk") if name in rows.columns]
    numbered = rows.with_columns(curve=pl.struct(by).rank("dense")) if by else rows.with_columns(curve=pl.lit(1))
    numbered = numbered.select("curve", pl.col("fork").cast(pl.Float64), *kept)
    begin = numbered.select("curve").unique().with_columns(fork=0.0, survival=1.0)
    end = numbered.group_by("curve", maintain_order=True).agg(pl.col(kept).last(), fork=edge)
    return pl.concat([begin, numbered, end], how="diagonal_relaxed").sort("curve", "fork", maintain_order=True)


def _at_risk(
    rows: pl.DataFrame, one: Series, x: alt.X, *, page: Page, ends: tuple[float, float], y: float
) -> alt.Chart:
    """The number at risk under the first fork, the last, and as many between as there is room for."""

    def pixel(fork: float) -> float:
        at, low, high = (symlog(t, 1) if page.log_time else t for t in (fork, *ends))
        return (at - low) / (high - low) * page.size[0]

    shown: list[dict[str, int]] = []
    end = rows.item(-1, "fork")
    for fork, n in rows.select("fork", "n_risk").rows():
        free = not shown or pixel(fork) - pixel(shown[-1]["fork"]) >= _APART
        if free and (not shown or fork == end or pixel(end) - pixel(fork) >= _APART):
            shown.append({"fork": fork, "n_risk": n})
    chart: alt.Chart = (
        alt.Chart(alt.InlineData(shown))
        .mark_text(fontSize=10, color=one.colour, baseline="middle", y=y)
        .encode(x=x, text=alt.Text("n_risk:Q", format="d"))
    )
    return chart
