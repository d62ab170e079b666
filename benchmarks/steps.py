"""Where the time goes: `python -m benchmarks.steps DIR`, each step of a summary and a figure beside its floor.

DIR holds run cells, as `python -m benchmarks --keep DIR` leaves them. A floor is the least that a step could be made
of with the same libraries: bytes read, JSON scanned, values looked at once, pixels drawn.
"""

from __future__ import annotations

import io
import subprocess
import sys
import time
from array import array
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jiter
import polars as pl
import vl_convert
from PIL import Image

import klsurv
from klsurv.analysis.spread import kl_quantiles
from klsurv.analysis.survival import outcomes
from klsurv.charts.figure import Figure
from klsurv.ingest.cell import load_cell
from klsurv.ingest.discover import NEEDED, discover
from klsurv.ingest.trajectories import trajectories
from klsurv.output.images import bytes_of, svg_of, warm_up
from klsurv.params import Look, Scoring
from klsurv.plots.drawn import Drawn
from klsurv.plots.spaghetti import draw_spaghetti

_KL = pl.col("kl")


def timed(fn: Callable[[], Any]) -> tuple[float, Any]:
    """The best of three, in seconds, and what came out."""
    best, found = float("inf"), None
    for _ in range(3):
        start = time.perf_counter()
        found = fn()
        best = min(best, time.perf_counter() - start)
    return best, found


def started(code: str) -> float:
    """Seconds of a process that runs this."""
    return timed(lambda: subprocess.run([sys.executable, "-c", code], check=True))[0]


def main() -> None:
    """Time and print."""
    root = Path(sys.argv[1])
    found = discover(root)
    rows: list[tuple[str, float, str, float]] = []
    nothing = started("pass")
    for step, module, floor in (
        ("load the command line", "klsurv.cli.summary", "rich_click"),
        ("load what reads and scores", "klsurv.loading", "polars"),
    ):
        both = (started(f"import {name}") - nothing for name in (module, floor))
        rows.append((step, next(both), f"import {floor}", next(both)))

    read, texts = timed(lambda: [(cell.path / name).read_bytes() for cell in found for name in NEEDED])
    scan, values = timed(lambda: [jiter.from_json(x, allow_inf_nan=True, cache_mode="none") for x in texts])
    series = [value.get("per_prompt_per_t_kl", {}).values() for value in values]
    typed, _ = timed(lambda kl=series: [array("d", row) for doses in kl for rows in doses for row in rows])
    del values, series
    load, cells = timed(lambda: [load_cell(cell, metric="pmass_eval") for cell in found])
    rows.append(("read and check run cells, one process", load, "read, scan, type", read + scan + typed))
    rows.append(("… of it", load, "bytes read", read))
    rows.append(("… of it", load, "JSON scanned", scan))
    table, source = timed(lambda: pl.concat(trajectories(cell) for cell in cells))
    copied, _ = timed(lambda: source.select(_KL.list.eval(pl.element() + 0.0)))
    rows.append(("values into a frame", table, "copied once", copied))

    scoring = Scoring()
    runs = klsurv.scan(source, tell=lambda _: None)
    runs.rollouts()
    looked, _ = timed(lambda: source.select(_KL.list.sum()))
    judged, _ = timed(lambda: klsurv.scan(source).judged(scoring))
    rows.append(("check a frame, measure and score", judged, "every value looked at", looked))
    lives = runs.judged(scoring)
    survival, _ = timed(lambda: outcomes(lives, ["alpha"]))
    rows.append(("counts, survival, medians", survival, "", 0.0))
    quantiles, _ = timed(lambda: kl_quantiles(runs, ["alpha"], (50, 95, 99), scoring))
    ordered, _ = timed(lambda: source.select(_KL.explode().quantile(0.5, "linear")))
    rows.append(("quantiles of KL by alpha", quantiles, "one quantile of all", ordered))

    smoothed, drawn = timed(lambda: Drawn(runs, scoring=scoring))
    rolled, _ = timed(lambda: source.select(_KL.explode().rolling_mean(65)))
    rows.append(("smoothed KL over its scale", smoothed, "running mean, inexact", rolled))
    top, _ = timed(drawn.top)
    rows.append(("limit of the y axis", top, "", 0.0))

    def figure_of() -> Figure:
        figure = draw_spaghetti(runs, look=Look(), scoring=scoring)
        # Lines are counted while medians are computed, so that the two cannot be told apart.
        figure.make()
        return figure

    placed, figure = timed(figure_of)
    exploded, _ = timed(lambda: source.select(_KL.explode().min()))
    rows.append(("medians, lines that cross each pixel", placed - smoothed - top, "every value looked at", exploded))
    warm_up()
    vega, svg = timed(lambda: svg_of(figure.outline()))
    bare, _ = timed(lambda: svg_of('{"mark": "point"}'))
    rows.append(("Vega places everything", vega, "Vega places one point", bare))
    svg = figure.filled(svg)
    painted, png = timed(lambda: bytes_of(svg, ".png", scale=2))
    image = Image.open(io.BytesIO(png))
    blank = f'<svg xmlns="http://www.w3.org/2000/svg" width="{image.width / 2}" height="{image.height / 2}"/>'
    empty, _ = timed(lambda: vl_convert.svg_to_png(blank, scale=2))
    rows.append((f"PNG of {image.width} × {image.height} pixels", painted, "the same, empty", empty))

    print("| step | seconds | floor | seconds |\n| :-- | --: | :-- | --: |")
    for step, seconds, floor, least in rows:
        print(f"| {step} | {seconds:.2f} | {floor} | {f'{least:.2f}' if floor else ''} |")


if __name__ == "__main__":
    main()
