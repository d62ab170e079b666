"""Time and memory of a whole process. In: a command. Out: seconds and peak MB, its children's included."""

from __future__ import annotations

import os
import sys
import time

# What is installed is compiled; so is klsurv in a clone, once it has run.
_ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
KLSURV = [sys.executable, "-m", "klsurv"]
_JSON = "import json, pathlib, sys; [json.loads(p.read_bytes()) for p in pathlib.Path(sys.argv[1]).glob('*/*.json')]"


def yardstick(root: object) -> list[str]:
    """The floor of any Python tool that reads such files: `json.loads` of each, once."""
    return [sys.executable, "-c", _JSON, str(root)]


def measure(command: list[str]) -> tuple[float, float]:
    """Seconds and peak MB of one run of a command.

    Raises:
        SystemExit: the command failed.
    """
    start = time.perf_counter()
    silence = [(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]
    pid = os.posix_spawn(command[0], command, _ENVIRONMENT, file_actions=silence)
    _, status, usage = os.wait4(pid, 0)
    seconds = time.perf_counter() - start
    if status:
        raise SystemExit(f"{' '.join(command)} failed with {os.waitstatus_to_exitcode(status)}")
    return seconds, usage.ru_maxrss / 1024
