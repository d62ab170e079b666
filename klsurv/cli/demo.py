"""`klsurv demo`. In: a directory. Out: two real run cells in it, their summary and their figure."""

from __future__ import annotations

import os
from pathlib import Path

import rich_click as click

from klsurv.cli.running import warn
from klsurv.cli.values import DiskType
from klsurv.names import clean

WHY = (
    "Two real cells of SmolLM2-135M-Instruct, a small, quantised model: its pmass without steering is about 0.5,\n"
    "so the demo calls a trajectory dead below 0.3, not 0.8; its window is 96 tokens, so KL is smoothed over 9, not 65."
)


@click.command("demo")
@click.argument("directory", metavar="[DIR]", type=DiskType(), default=Path("klsurv-demo"))
def command(directory: Path) -> None:
    """Unpack two real run cells into DIR, show their summary and save their figure.

    DIR is klsurv-demo where none is given. Needs no network; what is in DIR by other names is left alone.
    """
    from klsurv.cli.summary import CAPTION
    from klsurv.data import unpack
    from klsurv.output.pen import Pen
    from klsurv.output.show import show
    from klsurv.params import Look, Scoring, ScoringOptions
    from klsurv.validate import check_on_disk

    check_on_disk(directory)
    there = next(path for path in (directory, *directory.parents) if os.path.lexists(path))
    if not os.path.isdir(there) or not os.access(there, os.W_OK):
        raise click.UsageError(f"{clean(str(directory))}: {clean(str(there))} is not a directory, or not writable")
    cells = unpack(directory)
    click.echo(f"unpacked {len(cells)} run cells into {clean(str(directory))}\n{WHY}\n", err=True)

    paths = [directory / "spaghetti.png", directory / "spaghetti.html"]
    scoring: ScoringOptions = {"threshold": 0.3, "roll": 9}
    with Pen(paths) as pen:
        from klsurv.loading import scan
        from klsurv.plots.spaghetti import draw_spaghetti

        runs = scan(directory, tell=warn)
        show(runs.summary(**scoring), format="table", caption=CAPTION)
        pen.save(draw_spaghetti(runs, look=Look(), scoring=Scoring(**scoring)), title="klsurv demo")
    for path in paths:
        click.echo(f"saved {clean(str(path))}", err=True)
    click.echo(f"\nnext: klsurv summary {clean(str(directory))} --threshold 0.3 --roll 9 --by method,alpha", err=True)
