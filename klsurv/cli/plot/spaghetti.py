"""`klsurv plot spaghetti`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import rich_click as click

from klsurv.cli.options import runs_options, scoring_of, scoring_options
from klsurv.cli.running import opened, writable
from klsurv.names import clean
from klsurv.output.files import PICTURES, replacing
from klsurv.params import Look, Scoring


@click.command("spaghetti")
@runs_options
@click.option(
    "-o",
    "--output",
    "outputs",
    type=click.Path(path_type=Path),
    multiple=True,
    required=True,
    help="File to save; may be given again.",
)
@scoring_options
@click.option("--columns", type=int, help="Panels per row; default: rows of equal length, at most four wide.")
@click.option("--kl-log", is_flag=True, help="Logarithmic y axis, linear below 0.1.")
@click.option("--line-lw", type=float, help="Width of a line, pixels; default: thinner with more lines.")
@click.option("--line-alpha", type=float, help="Opacity of a line; default: 8/n clipped to 0.2…0.7 per panel.")
@click.option("--scale", type=float, default=2.0, show_default=True, help="Pixels of a png to one of the page.")
@click.option("--summary", "summary", type=click.Path(path_type=Path), help="Also save the summary table as Markdown.")
def command(runs: Path, outputs: tuple[Path, ...], scale: float, summary: Path | None, **options: Any) -> None:
    """KL of each trajectory over tokens, a panel per alpha, coloured by whether it is still alive."""
    paths = writable(outputs, PICTURES)
    if summary is not None:
        writable([summary], (".md",))
    if not 0.1 <= scale <= 20:
        raise click.BadParameter(f"{scale} is not between 0.1 and 20", param_hint="--scale")
    look = Look(**{name: options[name] for name in ("columns", "kl_log", "line_lw", "line_alpha")})
    scoring = scoring_of(options)
    with opened(runs, options) as read:
        from klsurv.output.images import save, warm_up

        engine = warm_up()
        from klsurv.plots import draw_spaghetti

        figure = draw_spaghetti(read, look=look, scoring=Scoring(**scoring))
        if summary is not None:
            from klsurv.output.show import text

            with replacing(summary) as temporary:
                temporary.write_text(text(read.summary(**scoring), "md"), encoding="utf-8")
        engine.join()
        save(figure, paths, title="klsurv: KL trajectories", scale=scale)
    for path in paths:
        click.echo(f"saved {clean(str(path))}", err=True)
