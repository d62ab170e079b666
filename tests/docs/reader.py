"""A reader who does what a page says. In: the blocks of a page, a folder. Out: what is wrong with them.

Blocks are followed in order, in one folder in which `klsurv demo` was run, with klsurv on the PATH. By their kind:

    sh          run by bash, which ends at the first command that fails; exports and cd hold for the blocks after it
    console     lines `$ command`, each followed by what it prints on a terminal 100 wide; stderr is not shown
    python      run, the blocks of a page in one namespace
    pycon       a doctest in that namespace
    json, toml  are such
    text        anything else: not followed

A word after the language asks for surroundings that are not there: `tests.docs.surroundings` has them. Whatever is not
named here or there is a mistake. `python -m tests.docs [PAGE …]` writes what the commands of `console` print.
"""

from __future__ import annotations

import doctest
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
import tomllib
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, chdir, contextmanager, suppress
from pathlib import Path
from typing import Any
from unittest import mock

import klsurv
from tests.cli.terminal import terminal
from tests.docs.pages import Block

WIDTH, HEIGHT, WAIT = 100, 40, 600
# What a reader has set besides what everybody has would change what is seen.
_OWN = ("AWS_", "DASK_", "KLSURV_", "POLARS_", "PYTHON", "SLURM_", "PYTEST_")


class Reader:
    """Someone who follows a page.

    Attributes:
        folder: where everything is.
        env: what commands find in their environment.
        names: what Python blocks have defined.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        self.folder = folder
        programs = folder.with_name(f"{folder.name}-bin")
        self.env = {name: value for name, value in os.environ.items() if not name.startswith(_OWN)} | {
            "COLUMNS": str(WIDTH),
            "LINES": str(HEIGHT),
            "NO_COLOR": "1",
            "TERM": "dumb",
            "LC_ALL": "C.UTF-8",
            "PATH": os.pathsep.join([str(programs), str(Path(sys.executable).parent), os.environ["PATH"]]),
            "PWD": str(folder),
        }
        self.names: dict[str, Any] = {"__name__": "__main__"}
        self.stack = ExitStack()
        self._programs = programs
        self.program("klsurv", f'exec {shlex.quote(sys.executable)} -m klsurv "$@"')

    def __enter__(self) -> Reader:
        return self

    def __exit__(self, *_: object) -> None:
        self.stack.close()

    def program(self, name: str, script: str) -> None:
        """Put a program on the PATH."""
        self._programs.mkdir(exist_ok=True)
        path = self._programs / name
        path.write_text(f"#!/bin/bash\n{script}\n")
        path.chmod(0o755)

    def shell(self, script: str, *, where: object = "", keep: bool = True) -> None:
        """Run a script; what it starts in the background runs until the reader leaves. `keep`s what it exports."""
        after, said = (self.folder.with_name(f"{self.folder.name}.{part}") for part in ("env", "said"))
        after.unlink(missing_ok=True)
        told = "trap 'echo \"at: $BASH_COMMAND\" >&2' ERR"
        text = f"set -Eeuo pipefail\n{told}\n{script}\nenv -0 >{shlex.quote(str(after))}\n"
        with said.open("w") as output:
            process = subprocess.Popen(
                ["bash", "-c", text],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=self.env,
                cwd=self.env["PWD"],
                start_new_session=True,
            )
            self.stack.callback(_end, process)
            try:
                code = process.wait(timeout=WAIT)
            except subprocess.TimeoutExpired:
                _end(process)
                raise AssertionError(f"{where}: has not ended after {WAIT} s\n{said.read_text()}") from None
        assert code == 0, f"{where}: exit code {code}\n{said.read_text()}"
        if keep:
            self.env = dict(part.split("=", 1) for part in after.read_text().split("\0") if part)

    def printed(self, block: Block, command: str) -> str:
        """What a command prints on a terminal, without the spaces at the ends of lines."""
        said = self.folder.with_name(f"{self.folder.name}.said")
        with said.open("w") as errors:
            code, text = terminal(
                ["bash", "-uo", "pipefail", "-c", command],
                width=WIDTH,
                height=HEIGHT,
                stderr=errors,
                env=self.env,
                cwd=self.env["PWD"],
            )
        assert code == 0, f"{block}: $ {command}: exit code {code}\n{said.read_text()}{text}"
        return stripped(text.replace("\r\n", "\n"))

    @contextmanager
    def here(self) -> Iterator[None]:
        """In the folder, with the environment, for what runs in this process."""
        with mock.patch.dict(os.environ, self.env, clear=True), chdir(self.env["PWD"]), warnings.catch_warnings():
            warnings.simplefilter("ignore", klsurv.KlsurvWarning)
            yield

    def python(self, block: Block) -> None:
        """Run a block, its lines where they are in the page, for the traceback."""
        code = compile("\n" * (block.line - 1) + block.text, str(block.page), "exec")
        with self.here():
            exec(code, self.names)


def stripped(text: str) -> str:
    """Text whose lines have no spaces at their ends, and which has no empty line at its end."""
    return re.sub(r"[ \t]+$", "", text, flags=re.MULTILINE).rstrip("\n")


def commands(block: Block) -> list[tuple[str, str]]:
    """The commands of a console block, and what each prints."""
    first, *parts = re.split(r"^\$ ", block.text, flags=re.MULTILINE)
    assert not first and parts, f"{block}: a console block starts with a line `$ command`"
    found = []
    for part in parts:
        command, _, said = part.partition("\n")
        while command.endswith("\\"):
            more, _, said = said.partition("\n")
            command += f"\n{more}"
        found.append((command, stripped(said)))
    return found


def follow(reader: Reader, block: Block) -> None:
    """Do what a block says; whatever is wrong raises, and says where."""
    from tests.docs.surroundings import SURROUNDINGS

    how = _PLAIN.get(block.kind) or SURROUNDINGS.get(block.kind)
    assert how, f"{block}: nobody runs ```{block.kind}; tests/docs/reader.py has the kinds there are"
    how(reader, block)


def _console(reader: Reader, block: Block) -> None:
    for command, said in commands(block):
        now = reader.printed(block, command)
        where = f"{block}: $ {command}\nprints something else; `python -m tests.docs {block.page.name}` writes it"
        assert now == said, f"{where}\n{now}"


def _pycon(reader: Reader, block: Block) -> None:
    test = doctest.DocTestParser().get_doctest(block.text, reader.names, str(block), str(block.page), block.line - 1)
    assert test.examples, f"{block}: no example"
    said: list[str] = []
    with reader.here():
        failed, _ = doctest.DocTestRunner(optionflags=doctest.REPORT_NDIFF).run(
            test, out=said.append, clear_globs=False
        )
    reader.names.update(test.globs)
    assert not failed, f"{block}:\n{''.join(said)}"


def _end(process: subprocess.Popen[Any]) -> None:
    """End a program and all that it started."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
        for _ in range(500):
            process.poll()
            os.killpg(process.pid, 0)
            time.sleep(0.01)
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


_PLAIN: dict[str, Callable[[Reader, Block], object]] = {
    "sh": lambda reader, block: reader.shell(block.text, where=block),
    "console": _console,
    "python": Reader.python,
    "pycon": _pycon,
    "json": lambda _, block: json.loads(block.text),
    "toml": lambda _, block: tomllib.loads(block.text),
    "text": lambda _, block: None,
}
