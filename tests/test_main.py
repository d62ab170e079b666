from __future__ import annotations

import os
import subprocess
import sys

from klsurv.__main__ import JEMALLOC


def test_the_allocator_of_polars_reads_its_options_and_knows_them() -> None:
    name, options = JEMALLOC
    ended = {}
    for asked in (options, f"{options},no_such_option:1"):
        # By this it ends the process at an option that it does not know.
        environment = {**os.environ, name: f"abort_conf:true,{asked}"}
        script = "import polars; polars.zeros(10)"
        ended[asked] = subprocess.run([sys.executable, "-c", script], env=environment, stderr=subprocess.DEVNULL)
    assert [run.returncode == 0 for run in ended.values()] == [True, False]
