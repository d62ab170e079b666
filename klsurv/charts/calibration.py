"""The calibration figure. In: bisection, heldout and cells. Out: the path to c_star, held-out KL, c_star by seed."""

from __future__ import annotations

from typing import Any

import altair as alt
import polars as pl

from klsurv.charts.figure import Datasets, Figure
from klsurv.charts.legend import Entry
from klsurv.charts.series import series_of
from klsurv.charts.sheet import Page, Words, heading, note, sheet
from klsurv.charts.theme import FAINT, INK, PAPER


def calibration_chart(
    bisection: pl.DataFrame,
    heldout: pl.DataFrame,
    calibration: pl.DataFrame,
    cells: pl.DataFrame,
    *,
    words: Words,
    view: dict[str, Any],
) -> Figure:
    """Three panels, a series per method: coefficient and p95 KL in the bisection, held-out p95 by dose, c_star by seed.

    `bisection` has the column method too. The grey band is 0.7 to 1.4 of the target.
    """
    methods = cells.select(pl.col("method").fill_null("unknown"), "cell", "c_star", "seed")
    series = series_of(methods, by=["method"])
    page = Page(n_panels=3, **view)
    width, height = page.size
    data = Datasets()
    target = heldout.filter(pl.col("alpha") == 1).get_column("target_kl").drop_nulls().unique().to_list() or [1.0]
    path: list[Any] = [_band(target[0], "kl_p95")]
    doses: list[Any] = [_band(target[0], "kl_p95")]
    dots: list[Any] = []
    logs: dict[str, Any] = {"type": "log", "nice": False}
    for i, one in enumerate(series):
        steps = one.rows(bisection.with_columns(pl.col("method").fill_null("unknown")))
        steps = steps.filter((pl.col("kl_p95") > 0) & (pl.col("coeff") > 0))
        base = alt.Chart(data.add(f"bisection {i}", steps.select("cell", "step", "coeff", "kl_p95")))
        x = alt.X("coeff:Q", title="coefficient").scale(**logs, padding=8).axis(tickCount=5, format="~g")
        y = alt.Y("kl_p95:Q", title="p95 KL (nats)").scale(**logs, padding=8).axis(tickCount=5, format="~g")
        path += [
            base.mark_line(stroke=one.colour, strokeWidth=1, strokeOpacity=0.6).encode(
                x=x, y=y, order="step:Q", detail="cell:N"
            ),
            base.mark_point(filled=True, fill=one.colour, size=34, opacity=0.9).encode(
                x=x, y=y, tooltip=[alt.Tooltip(f"{c}:Q", format=".4g") for c in ("step", "coeff", "kl_p95")]
            ),
        ]
        held = one.rows(heldout.with_columns(pl.col("method").fill_null("unknown")))
        held = held.filter((pl.col("alpha") > 0) & (pl.col("kl_p95") > 0))
        base = alt.Chart(data.add(f"heldout {i}", held.select("model", "window", "alpha", "kl_p95", "target_kl")))
        x = alt.X("alpha:Q", title="α (dose)").scale(**logs, padding=8).axis(tickCount=5, format="~g")
        doses += [
            base.mark_line(stroke=FAINT, strokeDash=[4, 3], strokeWidth=1).encode(
                x=x, y=alt.Y("target_kl:Q").scale(**logs), detail=["model:N", "window:N"]
            ),
            base.mark_line(stroke=one.colour, strokeWidth=1.8, strokeDash=one.dash).encode(
                x=x, y=y, detail=["model:N", "window:N"]
            ),
            base.mark_point(filled=True, fill=one.colour, size=34, opacity=1).encode(
                x=x, y=y, tooltip=[alt.Tooltip(f"{c}:Q", format=".4g") for c in ("alpha", "kl_p95", "target_kl")]
            ),
        ]
        means = one.rows(calibration.with_columns(pl.col("method").fill_null("unknown")))
        dots += _dots(one.rows(methods), means, one.colour, data, str(i))
    words.entries = [one.entry() for one in series]
    words.entries += [Entry("band", FAINT, "0.7–1.4 of the target"), Entry("dashed", FAINT, "target × α²")]
    if bisection.is_empty():
        path.append(note("no history.json", width / 2, height / 2, align="center"))
    panels = [
        alt.layer(*path, width=width, height=height, title=heading("bisection, calibration prompts")),
        alt.layer(*doses, width=width, height=height, title=heading("held-out prompts")),
        alt.layer(*dots, width=width, height=height, title=heading("c_star by seed, mean and 95 % interval")),
    ]
    return sheet(panels, page=page, words=words, data=data)


def _band(target: float, field: str) -> Any:
    band = alt.InlineData([{"low": 0.7 * target, "high": 1.4 * target}])
    return (
        alt.Chart(band)
        .mark_rect(fill=FAINT, fillOpacity=0.2)
        .encode(y=alt.Y("low:Q", title="p95 KL (nats)"), y2="high")
    )


def _dots(cells: pl.DataFrame, means: pl.DataFrame, colour: str, data: Datasets, name: str) -> list[Any]:
    x = alt.X("c_star:Q", title="c_star").scale(zero=False, padding=14).axis(tickCount=5)
    y = alt.Y("method:N", title=None)
    base = alt.Chart(data.add(f"c_star {name}", cells.filter(pl.col("c_star").is_not_null())))
    known = means.select("method", "c_star_mean", "c_star_low", "c_star_high").drop_nulls()
    bars = alt.Chart(data.add(f"c_star mean {name}", known))
    return [
        bars.mark_rule(stroke=INK, strokeWidth=1.6).encode(x=alt.X("c_star_low:Q"), x2="c_star_high", y=y),
        bars.mark_tick(color=INK, thickness=2, size=16).encode(x="c_star_mean:Q", y=y),
        base.mark_point(filled=True, fill=colour, stroke=PAPER, size=60, opacity=0.9).encode(
            x=x, y=y, tooltip=["cell:N", "seed:Q", "c_star:Q"]
        ),
    ]
