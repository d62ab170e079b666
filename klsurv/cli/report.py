"""`klsurv report`. In: RUNS and options. Out: one HTML file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import rich_click as click

from klsurv.cli.chosen import scoring_of
from klsurv.cli.options import runs_options, scoring_options
from klsurv.cli.running import opened, progress_bar, writable
from klsurv.ingest.remote import Place
from klsurv.names import clean
from klsurv.output.files import replacing


@click.command("report")
@runs_options
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="The page, .html.")
@scoring_options
def command(runs: Place, output: Path, **options: Any) -> None:
    """One HTML file to send around: what was read, a live threshold, all charts, the data. It needs no network."""
    writable([output], (".html",))
    scoring = scoring_of(options)
    with opened(runs, options) as read, progress_bar("drawing") as progress:
        from klsurv.report.build import build

        text = build(read, progress=progress, options=scoring)
    with replacing(output) as temporary:
        temporary.write_text(text, encoding="utf-8")
    click.echo(f"saved {clean(str(output))} ({output.stat().st_size / 1e6:.1f} MB)", err=True)
