"""One process of a crew. In: functions and their arguments on stdin. Out: what they return or raise, on stdout.

It loads nothing but what a task asks for, so that it starts at once.
"""

from __future__ import annotations

import gc
import os
import pickle
import sys
from typing import Any


def serve() -> None:
    """Be a worker: do what stdin says and write the results to stdout, until stdin ends."""
    # Nearly all that a task makes are numbers, in lists that the collector would look through again and again.
    gc.set_threshold(50_000, 20, 100)
    requests, nowhere = sys.stdin.buffer, os.open(os.devnull, os.O_WRONLY)
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    # What a library prints is no answer.
    os.dup2(nowhere, sys.stdout.fileno())
    while True:
        try:
            fn, args, kwargs = pickle.load(requests)
        except EOFError:
            return
        try:
            answer: tuple[Exception | None, Any] = None, fn(*args, **kwargs)
        except Exception as error:
            answer = error, None
        try:
            pickle.dump(answer, answers, protocol=pickle.HIGHEST_PROTOCOL)
            answers.flush()
        except BrokenPipeError:
            # Who asked was killed. What is left in the buffer is not to be written at exit.
            os._exit(1)
