"""`klsurv plot spaghetti`. In: RUNS and options. Out: the spaghetti figure, saved, and its summary beside it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import rich_click as click

from klsurv.cli.chosen import scoring_of
from klsurv.cli.options import runs_options, scoring_options
from klsurv.cli.plot.drawing import columns_option, draw, output_options
from klsurv.cli.running import writable
from klsurv.ingest.remote import Place
from klsurv.output.files import replacing
from klsurv.params import Look, Scoring

if TYPE_CHECKING:
    from klsurv.charts.figure import Figure
    from klsurv.runs import Runs


@click.command("spaghetti")
@runs_options
@output_options
@scoring_options
@columns_option
@click.option("--kl-log", is_flag=True, help="Logarithmic y axis, linear below 0.1.")
@click.option("--line-lw", type=float, help="Width of a line, pixels; default: thinner with more lines.")
@click.option("--line-alpha", type=float, help="Opacity of a line; default: 8/n clipped to 0.2…0.7 per panel.")
@click.option("--summary", "summary", type=click.Path(path_type=Path), help="Also save the summary table as Markdown.")
def command(runs: Place, outputs: tuple[Path, ...], scale: float, summary: Path | None, **options: Any) -> None:
    """KL of each trajectory over tokens, a panel per alpha, coloured by whether it is still alive."""
    if summary is not None:
        writable([summary], (".md",))
    look = Look(**{name: options[name] for name in ("columns", "kl_log", "line_lw", "line_alpha")})
    scoring = scoring_of(options)

    def make(read: Runs, _: Any) -> Figure:
        from klsurv.plots.spaghetti import draw_spaghetti

        figure = draw_spaghetti(read, look=look, scoring=Scoring(**scoring))
        if summary is not None:
            from klsurv.output.show import text

            with replacing(summary) as temporary:
                temporary.write_text(text(read.summary(**scoring), "md"), encoding="utf-8")
        return figure

    draw(runs, outputs, scale, options, make, title="KL trajectories")
