"""What tests share: the two real cells, the oracle in ../shared, and a way to run the command line."""

from __future__ import annotations

import gc
import importlib.util
import io
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import chdir, contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest import mock

import pytest

from klsurv.cli import cli, code_of
from klsurv.data import unpack
from tests.effort import choose_inputs

WAIT = 120  # seconds
# A file is one worker's. Begun last, one of these would leave the other worker nothing to do.
LONG = (
    "docs/test_pages.py",
    "store/test_same.py",
    "store/test_killed.py",
    "stats/test_references.py",
    "test_oracle.py",
    "produce/test_convert.py",
    "charts/test_pictures.py",
    "store/test_cluster.py",
    "cli/test_watch.py",
    "faults/test_root.py",
    "report/test_browser.py",
    "test_rules.py",
    "store/test_executors.py",
)
SHARED = Path(__file__).resolve().parents[2] / "shared"

# Nothing that is loaded to collect tests goes away, and the collector would look through it again and again.
gc.disable()
choose_inputs()

Klsurv = Callable[..., subprocess.CompletedProcess[str]]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first."""
    items.sort(key=lambda item: not item.path.as_posix().endswith(LONG))
    gc.freeze()
    gc.enable()


def load_oracle() -> ModuleType:
    """The module ../shared/reference/oracle.py."""
    spec = importlib.util.spec_from_file_location("oracle", SHARED / "reference" / "oracle.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def shared() -> Path:
    """The directory ../shared; a test that needs it is skipped without it, but fails in CI."""
    if not SHARED.is_dir():
        if os.environ.get("CI"):
            pytest.fail("CI is set, and ../shared is not there")
        pytest.skip("../shared is not there")
    return SHARED


@pytest.fixture(scope="session")
def oracle(shared: Path) -> ModuleType:
    """The rules as plain loops: `oracle.run(root, alphas, threshold, roll, calib_tokens, window, model_contains)`."""
    return load_oracle()


@pytest.fixture(scope="session")
def real_cells(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run root with the two real cells that ship with klsurv; not to be changed by a test."""
    root = tmp_path_factory.mktemp("real")
    unpack(root)
    return root


@pytest.fixture
def cells(tmp_path: Path) -> Path:
    """A run root with the two real cells, of the test's own."""
    root = tmp_path / "runs"
    unpack(root)
    return root


@pytest.fixture
def klsurv() -> Klsurv:
    """Run the command line: `klsurv("summary", root)`; in a process of its own where one is described."""
    return lambda *words, **options: (here if set(options) <= {"cwd"} else apart)(*map(str, words), **options)


def apart(*words: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """The command line as a program."""
    command = [sys.executable, "-m", "klsurv", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=WAIT, check=False, **options)


def here(*words: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """What the program does once it runs, in this process, which takes a second less."""
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True) for _ in range(2))
    code = 0
    with redirect_stdout(out), redirect_stderr(err), chdir(cwd or "."), mock.patch("klsurv.cli.silence"), _in_time():
        try:
            code = cli(list(words), prog_name="klsurv", standalone_mode=False) or 0
        except (Exception, SystemExit) as error:
            # What is no error that a user can make is raised on.
            code = code_of(error, code)
    said, told = (stream.buffer.getvalue().decode() for stream in (out, err))
    return subprocess.CompletedProcess(words, code, said, told)


@contextmanager
def _in_time() -> Iterator[None]:
    """Raise where something takes too long."""

    def stop(*_: object) -> None:
        raise TimeoutError(f"klsurv has not ended after {WAIT} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(WAIT)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
