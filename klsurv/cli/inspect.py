"""`klsurv inspect`. In: RUNS and one trajectory's key. Out: the table `story`, and what was generated."""

from __future__ import annotations

from typing import Any

import rich_click as click

from klsurv.cli.chosen import scoring_of
from klsurv.cli.options import format_option, runs_options, scoring_options
from klsurv.cli.running import opened
from klsurv.cli.values import cells_of_runs
from klsurv.errors import NothingUsableError
from klsurv.ingest.remote import Place
from klsurv.names import some


@click.command("inspect")
@runs_options
@click.option(
    "--cell",
    required=True,
    shell_complete=cells_of_runs,
    help="Name of the cell, or a part of it that only one has.",
)
@click.option("--alpha", type=float, required=True, help="Its dose.")
@click.option("--prompt", type=int, required=True, help="Its index, from 0.")
@scoring_options
@format_option
def command(runs: Place, cell: str, alpha: float, prompt: int, format: Any, **options: Any) -> None:
    """One trajectory: pmass and KL at each fork, its death, and what it said until then and after.

    The text comes from the cell's gens.jsonl, and is printed with the formats table and md only.
    """
    scoring = scoring_of(options)
    with opened(runs, options) as read:
        cell = _named(cell, read.cells().get_column("cell").to_list())
        table = read.story(cell, alpha, prompt, **scoring)
        said = read.generation(cell, alpha, prompt)
    from klsurv.output.rows import resolved
    from klsurv.output.show import show
    from klsurv.output.story import story_text

    shown = resolved(format)
    if shown not in ("table", "md"):
        show(table, format=shown)
        return
    click.echo(f"{cell}, alpha {alpha}, prompt {prompt}\n")
    show(table, format=shown)
    click.echo(story_text(table, said))


def _named(part: str, cells: list[str]) -> str:
    """The cell of that name, or the only one whose name holds it."""
    holding = [name for name in cells if part in name]
    if part not in cells and len(holding) > 1:
        raise NothingUsableError(f"{part} is part of the names of {len(holding)} cells: {some(holding, 12)}")
    return holding[0] if part not in cells and len(holding) == 1 else part
