"""The program in a process of its own, to which something happens at a moment. In: arguments. Out: how it ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# Says in fd 3 when klsurv has taken the signals in hand: what comes before is Python's own start.
_PROGRAM = """if True:
    import os, signal, sys
    heed = signal.signal
    def heeded(number, handler):
        before = heed(number, handler)
        if number == signal.SIGHUP and signal.signal is heeded:
            signal.signal = heed
            os.write({descriptor}, b".")
        return before
    signal.signal = heeded
    from klsurv.__main__ import main
    main()
"""


@dataclass(frozen=True)
class End:
    """How a program ended, and after how many seconds."""

    code: int
    stdout: str
    stderr: str
    seconds: float


def klsurv(*arguments: object, sent: signal.Signals | None = None, after: float = 0.0, **options: Any) -> End:
    """Run the command line; send it a signal so many seconds after it has begun to heed it."""
    options.setdefault("preexec_fn", heeding)
    heard, told = os.pipe()
    command = [sys.executable, "-c", _PROGRAM.format(descriptor=told), *map(str, arguments)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, pass_fds=[told], **options
    ) as process:
        os.close(told)
        os.read(heard, 1)
        os.close(heard)
        began = time.monotonic()
        if sent is not None:
            time.sleep(after)
            process.send_signal(sent)
        stdout, stderr = process.communicate(timeout=120)
    return End(process.returncode, stdout, stderr, time.monotonic() - began)


def heeding() -> None:
    """Whoever runs the tests may ignore some signals, as nohup does, and what is started would too."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


def left(folder: Path) -> dict[str, bytes | None]:
    """Everything in a folder: the bytes of each file."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in sorted(folder.rglob("*"))
    }
