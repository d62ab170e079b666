"""The spaghetti figure. In: the tables of `frames.spaghetti`. Out: one panel per alpha, a thin line per trajectory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

import polars as pl

from klsurv.charts.figure import Datasets, Figure, features
from klsurv.charts.legend import Entry
from klsurv.charts.page import NO_SCALE, Page, Words, composed, doses, kl_axis, kl_title, short, time_axis
from klsurv.charts.theme import ALIVE, DEAD, FAINT, INK, PAPER
from klsurv.exprs.axes import Axes
from klsurv.params import Layout, Look, Scoring
from klsurv.wording import trajectories

# The height of a tick (pixels), how far from an edge its middle stays, or Vega would move the panel's title out of its
# way, and how many in a panel can all be black.
_TICK, _ROOM, _TICKS = 8, 6, 120
# Letters of the models' names that are shown.
_MODELS = 50


# A part of a Vega-Lite specification. Written out: altair would take longer to load and compose than Vega to draw.
Layer = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Panel:
    """One alpha: its counts (R6), its axes, and its tables from `frames.spaghetti`, or what makes them.

    Either `lines` (one by one) or a `picture` of them (its address).
    """

    alpha: float
    n: int
    n_died: int
    n_censored: int
    n_skipped: int
    n_unmeasured: int
    axes: Axes
    lines: pl.DataFrame | None
    picture: Callable[[], str] | None
    medians: Callable[[], pl.DataFrame]
    ends: pl.DataFrame


def spaghetti_chart(
    panels: list[Panel],
    *,
    scoring: Scoring,
    look: Look,
    models: list[str],
    windows: list[int],
    targets: list[float],
    layers: int,
    unsmoothed: int,
) -> Figure:
    """Draw the panels in rows, a legend and a title above them.

    Lines and medians come thinned and in pixels (GeoJSON, identity projection: one datum per stroke), crowded lines
    counted per pixel, ends in tokens and KL. `targets` (nats) are the calibration targets of the cells: the dashed line
    is a trajectory's own scale, 1, where KL is normalised, else target × alpha², of each target. The lines are of so
    many `layers`; `unsmoothed` of them are shorter than the rolling mean (R2).
    """
    data = Datasets()
    page = Page(n_panels=len(panels), layout=Layout(columns=look.columns))
    said = doses([panel.alpha for panel in panels])
    drawn = [
        _panel(panel, said[i], data, scoring=scoring, look=look, targets=targets, first=i == 0, left=page.left(i))
        for i, panel in enumerate(panels)
    ]
    target = "1 (own early p95)" if scoring.normalize_kl else "α² nats" if targets == [1.0] else "target × α² nats"
    entries = [
        Entry("line", ALIVE, f"alive (pmass ≥ {scoring.threshold:g})"),
        Entry("line", DEAD, f"dead (pmass < {scoring.threshold:g})"),
        *[Entry("line", INK, "median")] * any(panel.n - panel.n_skipped > 1 for panel in panels),
        *[Entry("tick", INK, "EOS (right-censored)")] * data.hold("EOS,"),
        *[Entry("dashed", INK, f"calibration target = {target}")] * (scoring.normalize_kl or bool(targets)),
    ]
    n = sum(panel.n for panel in panels)
    model = short(", ".join(models) or "unknown", _MODELS)
    window = f"window={short(', '.join(map(str, windows)), 40)}. " if windows else ""
    pooled = f"{layers} layers. " if layers > 1 else ""
    shorter = f" ({unsmoothed} shorter: not smoothed)" if unsmoothed else ""
    words = Words(
        f"KL trajectories coloured by survival (pmass < {scoring.threshold:g} = dead)",
        f"Model: {model}. {pooled}{window}n={trajectories(n)}. roll={scoring.roll}{shorter}.",
    )
    chart = composed(drawn, page=page, entries=entries, words=words)
    pictures = {_picture_name(panel): cache(panel.picture) for panel in panels if panel.picture is not None}
    strokes = {_median_name(panel): cache(panel.medians) for panel in panels if _has_median(panel)}
    return Figure(chart, data, pictures, strokes)


def _panel(
    panel: Panel,
    dose: str,
    data: Datasets,
    *,
    scoring: Scoring,
    look: Look,
    targets: list[float],
    first: bool,
    left: bool,
) -> Layer:
    axes = panel.axes
    x = time_axis(axes.x_domain, log_time=False, field="t")
    y = kl_axis(axes, field="y", title=kl_title(scoring) if first else None, labels=left)
    levels = [1.0] if scoring.normalize_kl else [target * panel.alpha**2 for target in targets]
    seen = [level for level in levels if level <= axes.y_max]
    name, n = f"alpha {panel.alpha}", panel.n

    layers: list[Layer] = []
    if panel.picture is not None:
        layers.append(_picture(panel))
    else:
        layers += _lines(panel, data, name, look)
    target = {"type": "rule", "stroke": INK, "strokeWidth": 1, "strokeDash": [4, 3]}
    layers.append({"data": {"values": [{"y": level} for level in seen]}, "mark": target, "encoding": {"y": y}})
    if _has_median(panel):
        # A mitre would stick out of the panel at its edges.
        layers.append(_strokes({"name": _median_name(panel)}, INK, width=1.3, opacity=1, strokeJoin="bevel"))
    # A stroke of fixed height in pixels at a point in data units, whole where its line ends at the edge of the panel or
    # beyond. Where many would cover the lines they fade. Not clipped: the rasteriser blends a layer for what is.
    tick = {
        "type": "point",
        "shape": "stroke",
        "angle": 90,
        "size": _TICK**2,
        "stroke": INK,
        "strokeWidth": 1.2,
        "strokeOpacity": min(1.0, max(0.12, _TICKS / max(panel.ends.height, 1))),
        "opacity": 1,
    }
    inside = axes.kl(axes.height - _ROOM), axes.kl(_ROOM)
    ends = panel.ends.filter(pl.col("t") <= axes.x_max).with_columns(pl.col("y").clip(*inside))
    layers.append({"data": data.name(f"EOS, {name}", ends), "mark": tick, "encoding": {"x": x, "y": y}})
    notes = [f"target {level:g} off-scale" for level in levels if level > axes.y_max]
    if panel.n_unmeasured:
        notes.append(f"{panel.n_unmeasured} not measured, drawn as alive")
    for i, text in enumerate(notes):
        layers += [_note(text, axes.width - 2, 3 + 13 * i, align="right", halo=halo) for halo in (3, 0)]
    if panel.n_skipped == panel.n:
        text = f"{n} {NO_SCALE}" if n else "no trajectory"
        # Where the dashed line is not.
        y_note = axes.height * (0.25 if axes.y_max > 2 and not axes.kl_log else 0.6)
        layers.append(_note(text, axes.width / 2, y_note, align="center"))
    title = f"α = {dose}   n={panel.n}  died={panel.n_died}  cens={panel.n_censored}"
    heading = {"text": title, "frame": "group", "offset": 5}
    return {"layer": layers, "width": axes.width, "height": axes.height, "title": heading}


def _lines(panel: Panel, data: Datasets, name: str, look: Look) -> list[Layer]:
    return [
        _strokes(
            data.name(f"{state}, {name}", features(lines.drop("state"))),
            colour,
            width=look.width(panel.n),
            opacity=look.opacity(panel.n),
        )
        for state, colour in (("dead", DEAD), ("alive", ALIVE))
        if panel.lines is not None and not (lines := panel.lines.filter(state=state)).is_empty()
    ]


def _picture(panel: Panel) -> Layer:
    size = {"width": panel.axes.width, "height": panel.axes.height}
    place = {"x": 0, "y": 0, **size, "align": "left", "baseline": "top"}
    return {
        "data": {"values": [{}]},
        "mark": {"type": "image", **place, "smooth": False, "aria": False},
        "encoding": {"url": {"value": _picture_name(panel)}},
    }


def _has_median(panel: Panel) -> bool:
    # Of one alone it would hide whether that is alive.
    return panel.n - panel.n_skipped != 1


def _median_name(panel: Panel) -> str:
    return f"median, alpha {panel.alpha}"


def _picture_name(panel: Panel) -> str:
    # An address, or Vega would take it for a file. Longer than what is shown of models, which may be called anything.
    return f"data:picture;alpha={panel.alpha};".ljust(_MODELS + 1, ";")


def _strokes(data: dict[str, Any], colour: str, *, width: float, opacity: float, **more: Any) -> Layer:
    stroke = {
        "type": "geoshape",
        "filled": False,
        "stroke": colour,
        "strokeWidth": width,
        # Not opacity: that would make the rasteriser blend a layer of its own for each line.
        "strokeOpacity": opacity,
        "clip": True,
        "aria": False,
        **more,
    }
    told = {"cell": "nominal", "prompt": "quantitative", "death_t": "quantitative"}
    return {
        "data": data,
        "mark": stroke,
        "encoding": {"tooltip": [{"field": field, "type": kind} for field, kind in told.items()]},
        "projection": {"type": "identity", "scale": 1, "translate": [0, 0]},
    }


def _note(text: str, x: float, y: float, *, align: Literal["right", "center"], halo: float = 0) -> Layer:
    """A line of text; with `halo` (pixels) only the paper about its letters, to be drawn between it and lines."""
    letters = {"type": "text", "align": align, "baseline": "top", "fontSize": 10.5, "color": FAINT, "x": x, "y": y}
    return {
        "data": {"values": [{}]},
        "mark": {**letters, "stroke": PAPER, "strokeWidth": halo},
        "encoding": {"text": {"value": text}},
    }
