"""The program `klsurv`, and `python -m klsurv`. In: arguments and signals. Out: an exit code."""

import atexit
import gc
import os
import sys
from contextlib import suppress
from typing import NoReturn

from klsurv.interrupts import Interrupts

# How polars' allocator goes about memory: in large pages where the kernel has them, kept for some seconds, two threads
# to an arena. Small pages that come and go take a tenth of a command's time.
JEMALLOC = "_RJEM_MALLOC_CONF"
MEMORY = f"narenas:{((os.cpu_count() or 1) + 1) // 2},thp:always,dirty_decay_ms:10000"


def main() -> NoReturn:
    """Run the command line, which Ctrl-C ends without a trace even while it loads, and end the process.

    Nearly all that a command makes are modules that stay, so the collector looks seldom; and Python need not take them
    apart one by one when it ends, which costs as long as loading half of them.
    """
    interrupts = Interrupts()
    interrupts.leave_at_once()
    # Elsewhere there are no large pages to be asked for, and jemalloc says so.
    if sys.platform == "linux":
        os.environ.setdefault(JEMALLOC, MEMORY)
    gc.set_threshold(200_000, 20, 100)
    from klsurv.cli import run

    try:
        run(interrupts)
    except SystemExit as left:
        code = left.code if isinstance(left.code, int) else 0
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)


if __name__ == "__main__":
    main()
