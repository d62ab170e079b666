"""The command line: one short module per command, loaded when it is called. In: arguments. Out: an exit code."""

from __future__ import annotations

import os
import sys
from typing import NoReturn

import rich_click as click
from click.exceptions import Exit

from klsurv import __version__
from klsurv.cli.lazy import LazyGroup
from klsurv.errors import KlsurvError, ParameterError


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
    ),
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(__version__, prog_name="klsurv")
def cli() -> None:
    """Survival analysis of steered language models.

    RUNS is everywhere a run root, one run cell, a store, or a parquet file that klsurv wrote.
    Data goes to stdout; progress, warnings and errors go to stderr.
    """


def main() -> NoReturn:
    """Run the command line and leave with its exit code: 0 done, 1 nothing usable, 2 wrong usage, 130 interrupted."""
    # A stream that was closed before the start is None in Python.
    sys.stdout, sys.stderr = (stream or open(os.devnull, "w") for stream in (sys.stdout, sys.stderr))
    code: object = 0
    try:
        code = cli(standalone_mode=False)
        sys.stdout.flush()
    except Exit as exit_:
        code = exit_.exit_code
    except SystemExit as exit_:
        # With 1, click leaves when whoever read the output has seen enough: nothing went wrong.
        code = 0 if exit_.code == 1 else exit_.code
        _silence()
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except KlsurvError as error:
        click.echo(f"error: {error}", err=True)
        code = 2 if isinstance(error, ParameterError) else 1
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        code = 130
    except BrokenPipeError:
        _silence()
    except OSError as error:
        _silence()
        click.echo(f"error: the output cannot be written: {error.strerror}", err=True)
        code = 1
    sys.exit(code if isinstance(code, int) else 0)


def _silence() -> None:
    """Let what is left in stdout go nowhere: it cannot be written, and Python would say so once more at the end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
