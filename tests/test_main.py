from __future__ import annotations

import os
import subprocess
import sys

import pytest

from klsurv.__main__ import JEMALLOC, MEMORY

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the allocator is told of large pages on Linux alone")


def ended(environment: dict[str, str], script: str) -> int:
    """How a process of Python ended."""
    unset = {name: value for name, value in os.environ.items() if name != JEMALLOC}
    run = subprocess.run(
        [sys.executable, "-c", script], env={**unset, **environment}, stderr=subprocess.DEVNULL, timeout=60, check=False
    )
    return run.returncode


def test_the_allocator_of_polars_reads_its_options_and_knows_them() -> None:
    # By the first it ends the process at an option that it does not know.
    use = "import polars; polars.zeros(10)"
    assert ended({JEMALLOC: f"abort_conf:true,{MEMORY}"}, use) == 0
    assert ended({JEMALLOC: f"abort_conf:true,{MEMORY},no_such_option:1"}, use) != 0


@pytest.mark.parametrize(
    ("set", "used"), [({}, MEMORY), ({JEMALLOC: ""}, ""), ({JEMALLOC: "tcache:true"}, "tcache:true")]
)
def test_the_command_line_sets_them_unless_the_user_did(set: dict[str, str], used: str) -> None:
    script = f"""
import os, klsurv.cli
from klsurv.__main__ import main
def run(_):
    raise SystemExit(7 if os.environ[{JEMALLOC!r}] == {used!r} else 1)
klsurv.cli.run = run
main()
"""
    assert ended(set, script) == 7
