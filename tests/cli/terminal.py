"""Run the command line, or another program, on a terminal of a given width."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from typing import IO, Any

_ANSI = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")


def on_terminal(*arguments: object, width: int = 80, interrupt: Callable[[str], bool] | None = None) -> tuple[int, str]:
    """The exit code, and what a terminal gets of stdout, without colours; `interrupt` as `raw_terminal` has it."""
    code, text = raw_terminal(*arguments, width=width, interrupt=interrupt)
    return code, _ANSI.sub("", text).replace("\r\n", "\n")


def raw_terminal(
    *arguments: object,
    width: int = 80,
    height: int = 40,
    interrupt: Callable[[str], bool] | None = None,
    by: signal.Signals = signal.SIGINT,
) -> tuple[int, str]:
    """The exit code of klsurv, and all that a terminal gets; as `terminal` has it, in colours."""
    environment = {name: os.environ[name] for name in os.environ if name not in ("COLUMNS", "LINES", "NO_COLOR")}
    command = [sys.executable, "-m", "klsurv", *map(str, arguments)]
    env = {**environment, "TERM": "xterm"}
    return terminal(command, width=width, height=height, interrupt=interrupt, by=by, env=env)


def terminal(
    command: Sequence[str],
    *,
    width: int = 80,
    height: int = 40,
    interrupt: Callable[[str], bool] | None = None,
    by: signal.Signals = signal.SIGINT,
    stderr: int | IO[str] = subprocess.DEVNULL,
    **options: Any,
) -> tuple[int, str]:
    """The exit code of a program, and all that a terminal gets of its stdout.

    Where `interrupt` is given, stderr is the terminal too, and Ctrl-C (or another signal) is sent to the whole process
    group once it says so of the text so far.
    """
    import fcntl
    import pty
    import struct
    import termios

    parent, child = pty.openpty()
    fcntl.ioctl(child, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=child,
        stderr=stderr if interrupt is None else child,
        start_new_session=True,
        **options,
    )
    os.close(child)
    data, sent, deadline = b"", False, time.monotonic() + 120
    while time.monotonic() < deadline:
        try:
            part = os.read(parent, 65536)
        except OSError:
            break
        if not part:
            break
        data += part
        if interrupt is not None and not sent and interrupt(data.decode(errors="replace")):
            os.killpg(process.pid, by)
            sent = True
    os.close(parent)
    code = process.wait(timeout=60)
    return code, data.decode(errors="replace")
