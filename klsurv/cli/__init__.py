"""The command line: one short module per command, loaded when it is called. In: arguments. Out: an exit code."""

from __future__ import annotations

import os
import signal
import sys
from typing import NoReturn

import rich_click as click
from click.exceptions import Exit

from klsurv import __version__
from klsurv.cli.lazy import LazyGroup
from klsurv.cli.streams import open_streams, silence
from klsurv.errors import KlsurvError, ParameterError
from klsurv.interrupts import Interrupts, Stopped
from klsurv.names import clean


@click.group(
    cls=LazyGroup,
    package="klsurv.cli",
    commands_in=(
        "demo",
        "check",
        "summary",
        "survival",
        "incidence",
        "compare",
        "dose",
        "threshold",
        "precursor",
        "calibration",
        "inspect",
        "plot",
        "report",
        "export",
        "ingest",
        "watch",
        "convert",
        "schema",
        "completion",
    ),
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(__version__, prog_name="klsurv")
def cli() -> None:
    """Survival analysis of steered language models.

    RUNS is everywhere a run root, one run cell, a store, or a parquet file that klsurv wrote.
    Data goes to stdout; progress, warnings and errors go to stderr.
    """


def run(interrupts: Interrupts) -> NoReturn:
    """Run the command line and leave with its exit code: 0 done, 1 nothing usable, 2 wrong usage, 130 interrupted."""
    open_streams()
    interrupts.raise_stopped()
    code = 0
    error: BaseException | None = None
    try:
        try:
            code = cli(standalone_mode=False) or 0
            sys.stdout.flush()
        except Stopped:
            # Another, without the frames of the first: where that fell between the end of a block and its clean-up, the
            # block is closed with them.
            error = Stopped()
        except BaseException as raised:
            error = raised
        # All was put right that had to be.
        interrupts.leave_at_once()
    except Stopped as raised:
        error = raised
    # Whatever a library made of it on the way.
    if interrupts.received is not None or isinstance(error, (click.Abort, KeyboardInterrupt)):
        number = interrupts.received or signal.SIGINT
        if number == signal.SIGINT:
            click.echo("interrupted", err=True)
        # Threads that read on are not waited for.
        os._exit(128 + number)
    interrupts.leave()
    sys.exit(code if error is None else code_of(error, code))


def code_of(error: BaseException, code: int) -> int:
    """The exit code of a command that failed, after the reason was told; `code` where only its output did."""
    if isinstance(error, Exit):
        return error.exit_code
    if isinstance(error, SystemExit):
        # With 1, click leaves when whoever read the output has seen enough: nothing went wrong.
        silence()
        return code if error.code == 1 else int(error.code or 0)
    if isinstance(error, click.ClickException):
        error.show()
        return error.exit_code
    if isinstance(error, KlsurvError):
        click.echo(f"error: {error}", err=True)
        return 2 if isinstance(error, ParameterError) else 1
    if isinstance(error, BrokenPipeError):
        silence()
        return code
    if isinstance(error, OSError):
        silence()
        what = "the output cannot be written" if error.filename is None else clean(str(error.filename))
        click.echo(f"error: {what}: {error.strerror or error}", err=True)
        return 1
    raise error
