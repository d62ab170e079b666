"""The report. In: `Runs`. Out: the HTML of the page."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from klsurv import __version__
from klsurv.charts.page import kl_title
from klsurv.crew import Crew
from klsurv.fanout import Progress
from klsurv.ingest.discover import CellDir
from klsurv.ingest.gens import Generation, generations
from klsurv.params import Scoring, ScoringOptions
from klsurv.plots.drawn import Drawn
from klsurv.plots.words import words
from klsurv.report.page import page
from klsurv.report.payload import Key, lines, payload
from klsurv.report.pictures import picture
from klsurv.report.sections import Section, sections
from klsurv.schema import USABLE
from klsurv.wording import trajectories

if TYPE_CHECKING:
    from klsurv.runs import Runs

# A report's ten sections, and their pictures.
_STEPS = 11
_LAST = pl.col("fork").list.max().max()
_SHOWN = ("cell", "status", "model", "method", "seed", "layer", "window", "c_star", "alphas", "reason")


def build(runs: Runs, *, progress: Progress | None = None, options: ScoringOptions) -> str:
    """The page of these runs.

    Raises:
        NothingUsableError: no cell can be used.
    """
    scoring = Scoring(**options)
    lives, cells = runs.judged(scoring), runs.cells()
    drawn = Drawn(runs, scoring=scoring)
    made: list[Section] = []
    # Another process draws one section while the next is computed: the drawing engine holds Python's lock.
    pen = Crew(1)
    try:
        drawings = []
        for section in sections(runs, options, drawn=drawn):
            made.append(section)
            drawings.append(pen.submit(picture, section.figure.spec()))
            if progress is not None:
                progress(len(made), _STEPS)
        pictures = [drawing.result() for drawing in drawings]
        if progress is not None:
            progress(_STEPS, _STEPS)
    finally:
        pen.shutdown(cancel_futures=True)
    usable = cells.filter(pl.col("status").is_in(USABLE))
    texts: dict[Key, Generation] = {}
    for cell, path in usable.select("cell", "path").drop_nulls().rows():
        found, problem = generations(CellDir.of_row(cell, path), metric=runs.metric)
        texts |= {(cell, one.alpha, one.prompt): one for one in found}
        if problem is not None:
            runs.say(problem)
    heading = words(runs, "", options, n=lives.height)
    facts = {
        "threshold": scoring.threshold,
        "kl_title": kl_title(scoring),
        "x_max": max(1, *(longest or 0 for longest in lives.select(pl.col("length").max(), _LAST).row(0))),
        "y_max": drawn.top(),
    }
    left_out = cells.height - usable.height
    used = f"{usable.height} of {cells.height} cells were used"
    doses = len(runs.alphas)
    of_them = f"{trajectories(lives.height)} at {doses} dose{'s' * (doses != 1)}"
    return page(
        {
            "title": ", ".join(cells.get_column("cell").head(3)),
            "subtitle": heading.subtitle,
            "kl_title": facts["kl_title"],
            "read": f"{used}, {of_them}"
            + (f"; {left_out} {'was' if left_out == 1 else 'were'} left out." if left_out else "."),
            "warnings": runs.warnings,
            "cells": [
                {name: _shown(value) for name, value in row.items()}
                for row in cells.select(_SHOWN).iter_rows(named=True)
            ],
            "sections": [vars(section) | {"picture": image} for section, image in zip(made, pictures, strict=True)],
            "made": f"Made by klsurv {__version__}. {scoring}",
        },
        payload=payload(lives, cells, alphas=runs.alphas, facts=facts, lines=lines(drawn), texts=texts),
    )


def _shown(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.4g}"
    return ", ".join(map(_shown, value)) if isinstance(value, list) else str(value)
