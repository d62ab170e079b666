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
    commands_in=("demo", "check", "summary", "export", "plot", "schema"),
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(__version__, prog_name="klsurv")
def cli() -> None:
    """Survival analysis of steered language models.

    RUNS is everywhere a run root, one run cell, or a parquet file that klsurv wrote.
    Data goes to stdout; progress, warnings and errors go to stderr.
    """


def main() -> NoReturn:
    """Run the command line and leave with its exit code: 0 done, 1 nothing usable, 2 wrong usage, 130 interrupted."""
    try:
        code = cli(standalone_mode=False)
        sys.stdout.flush()
    except Exit as exit_:
        code = exit_.exit_code
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except ParameterError as error:
        click.echo(f"error: {error}", err=True)
        code = 2
    except KlsurvError as error:
        click.echo(f"error: {error}", err=True)
        code = 1
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        code = 130
    except BrokenPipeError:
        # Whoever read the output has seen enough; without this, closing stdout would complain once more.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    sys.exit(code if isinstance(code, int) else 0)
