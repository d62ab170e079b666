"""What tests share: the two real cells, the oracle in ../shared, and a way to run the command line."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from klsurv.data import unpack

SHARED = Path(__file__).resolve().parents[2] / "shared"

Klsurv = Callable[..., subprocess.CompletedProcess[str]]


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
    """Run the command line in a process of its own: `klsurv("summary", root)`."""

    def run(*arguments: object, **options: object) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "klsurv", *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, **options)  # type: ignore[call-overload, no-any-return]

    return run
