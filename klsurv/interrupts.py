"""Signals that end the program. In: SIGINT, SIGTERM, SIGHUP. Out: the end, at once or after what is open was put right.

Loads no library, so that the program can be ended while those load. A signal that was ignored from the start, as by
nohup, stays ignored.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

_ENDING = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
# Seconds: `timeout` and some shells send a signal twice, which must not cut short what the first one began.
_ONCE, _AGAIN = 1.0, 0.1


class Stopped(BaseException):
    """A signal asked for the end. No `Exception`, so that what handles those on the way lets it pass."""


class _Held:
    """What `uninterrupted` holds back: how many such blocks are open, and whether a signal came meanwhile."""

    blocks, came = 0, False


@contextmanager
def uninterrupted() -> Iterator[None]:
    """A few short steps of which all are done or none: `Stopped` is raised at the end of the block, not within."""
    if threading.current_thread() is not threading.main_thread():
        # Signals interrupt the main thread only.
        yield
        return
    _Held.blocks += 1
    try:
        yield
    finally:
        _Held.blocks -= 1
        if _Held.came and not _Held.blocks:
            _Held.came = False
            raise Stopped


class Interrupts:
    """What the signals do from now on; `received` is the number of the one that came, if one did."""

    def __init__(self) -> None:
        self.received: int | None = None
        self._came = -_ONCE

    def leave_at_once(self) -> None:
        """End the process: nothing is open that had to be put right."""
        for number in _heeded():
            signal.signal(number, lambda number, _: os._exit(128 + number))

    def raise_stopped(self) -> None:
        """Raise `Stopped` in the main thread, wherever that is."""
        for number in _heeded():
            signal.signal(number, self._raise)
        sys.unraisablehook = self._raise_again

    def leave(self) -> None:
        """Let nothing come between what was answered and the exit code."""
        for number in _heeded():
            signal.signal(number, signal.SIG_IGN if number == signal.SIGINT else signal.SIG_DFL)

    def _raise(self, number: int, frame: object) -> None:
        last, self._came, self.received = self._came, time.monotonic(), number
        if self._came - last > _ONCE:
            if _Held.blocks:
                _Held.came = True
                return
            raise Stopped

    def _raise_again(self, lost: sys.UnraisableHookArgs) -> None:
        """Python drops what is raised in a destructor or a callback, and would only print it."""
        if self.received is None or not issubclass(lost.exc_type, (Stopped, KeyboardInterrupt)):
            sys.__unraisablehook__(lost)
            return
        self._came = -_ONCE
        again = threading.Timer(_AGAIN, os.kill, (os.getpid(), self.received))
        again.daemon = True
        again.start()


def _heeded() -> list[signal.Signals]:
    return [number for number in _ENDING if signal.getsignal(number) not in (signal.SIG_IGN, None)]
