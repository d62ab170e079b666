"""Signals at any moment: nothing half-written, no trace, the right exit code.

KLSURV_FAULT_MOMENTS=40 sends so many of each signal to each command.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from concurrent.futures import CancelledError
from pathlib import Path

import pytest

import klsurv as package
from klsurv.crew import Crew
from tests.faults.running import End, heeding, klsurv, left
from tests.ingest.handmade import write_cell
from tests.store.asked import summary

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs the signals of POSIX")

MOMENTS = int(os.environ.get("KLSURV_FAULT_MOMENTS", "2"))
CODES = {signal.SIGINT: 130, signal.SIGTERM: 143}
COMMANDS = {
    "summary": ["summary", "RUNS"],
    "plot": ["plot", "spaghetti", "RUNS", "-o", "OUT/a.png", "-o", "OUT/a.html", "--summary", "OUT/a.md"],
    "report": ["report", "RUNS", "-o", "OUT/a.html"],
    "ingest": ["ingest", "RUNS", "OUT/store", "--workers", "2"],
    "export": ["export", "RUNS", "OUT/a.parquet"],
    "partitions": ["export", "RUNS", "OUT/a", "--partition-by", "cell"],
    "convert": ["convert", "RUNS", "OUT/a.parquet"],
    "demo": ["demo", "OUT/demo"],
}
# All end in the same way: the others are left to the long form.
SHORT = ("ingest", "partitions")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("signals") / "runs"
    for i in range(6):
        write_cell(root, f"cell_{i}", calib={"seed": i})
    return root


def words(command: str, root: Path, out: Path) -> list[str]:
    out.mkdir()
    return [word.replace("RUNS", str(root)).replace("OUT", str(out)) for word in COMMANDS[command]]


@pytest.mark.parametrize("command", COMMANDS if MOMENTS > 2 else SHORT)
def test_a_signal_at_any_moment_leaves_all_or_nothing(root: Path, tmp_path: Path, command: str) -> None:
    whole = klsurv(*words(command, root, tmp_path / "whole"))
    assert whole.code == 0, whole.stderr
    names = left(tmp_path / "whole").keys()
    ended = []
    for number in CODES:
        for i in range(MOMENTS):
            out = tmp_path / f"{number}_{i}"
            after = whole.seconds * (i + 0.5 * (number == signal.SIGTERM)) / MOMENTS
            end = klsurv(*words(command, root, out), sent=number, after=after)
            well_ended(end, number, whole)
            ended.append(end.code)
            there = left(out)
            # What one ingest leaves is half a store only in that cells are not in it yet.
            assert there.keys() <= names, (after, end, there.keys() - names)
            if command == "ingest" and there:
                package.update_store(root, out / "store")
                assert summary(out / "store") == summary(root)
            elif command in ("export", "convert", "partitions"):
                assert not there or there.keys() == names
    assert set(ended) & {130, 143}


def well_ended(end: End, number: signal.Signals, whole: End) -> None:
    said = "interrupted\n" if number == signal.SIGINT else ""
    # A signal that finds the work done changes nothing; and Python itself is at its end then.
    if end.code in (0, -signal.SIGTERM):
        assert len(end.stderr.splitlines()) == len(whole.stderr.splitlines()), end
        return
    assert end.code == CODES[number], end
    # Before the libraries are loaded it ends without a word.
    lines = end.stderr.splitlines(keepends=True)
    assert end.stderr == "" or lines[-1] == said or said == "", end
    assert "Traceback" not in end.stderr and "Exception" not in end.stderr, end.stderr


def test_no_worker_outlives_an_ingest_that_is_ended(tmp_path: Path) -> None:
    root = tmp_path / "runs"
    cell = write_cell(root, "cell")
    for i in range(400):
        (root / f"cell_{i}").symlink_to(cell)
    marked = {**os.environ, "KLSURV_TEST_MARK": str(tmp_path)}
    end = klsurv("ingest", root, tmp_path / "store", "--workers", "3", sent=signal.SIGTERM, after=2.0, env=marked)
    assert end.code in (0, 143), end
    deadline = time.monotonic() + 30
    while marked_processes(str(tmp_path)):
        assert time.monotonic() < deadline
        time.sleep(0.1)


def marked_processes(mark: str) -> list[str]:
    """The processes that have a mark in their environment."""
    if not os.path.isdir("/proc"):
        pytest.skip("needs /proc to see the processes")
    found = []
    for entry in os.listdir("/proc"):
        try:
            if entry.isdigit() and f"KLSURV_TEST_MARK={mark}".encode() in Path("/proc", entry, "environ").read_bytes():
                found.append(entry)
        except OSError:
            continue
    return found


def test_what_is_ignored_from_the_start_stays_ignored(root: Path) -> None:
    end = klsurv(
        "summary", root, sent=signal.SIGINT, after=0.05, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN)
    )
    assert (end.code, end.stderr) == (0, "")
    assert end.stdout.startswith("alpha,n,")


def test_two_signals_at_once_are_one(root: Path, tmp_path: Path) -> None:
    """As `timeout` sends them."""
    out = tmp_path / "out"
    program = [sys.executable, "-m", "klsurv", *words("report", root, out)]
    with subprocess.Popen(program, stderr=subprocess.PIPE, text=True, start_new_session=True) as process:
        deadline = time.monotonic() + 60
        while not Path(f"/proc/{process.pid}/task").is_dir() or len(os.listdir(f"/proc/{process.pid}/task")) < 4:
            assert time.monotonic() < deadline and process.poll() is None
            time.sleep(0.005)
        process.send_signal(signal.SIGINT)
        os.killpg(process.pid, signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert (process.returncode, said) == (130, "interrupted\n")
    assert left(out) == {}


def ran(script: str, *arguments: object) -> str:
    """What a script prints that heeds signals as the program does; it knows `Stopped`, and `here` sends it one."""
    known = """
import os, signal, sys, threading, time
from klsurv.interrupts import Interrupts, Stopped, uninterrupted
interrupts = Interrupts()
interrupts.raise_stopped()
def here(number=signal.SIGTERM):
    os.kill(os.getpid(), number)
    time.sleep(0.01)
"""
    command = [sys.executable, "-c", known + textwrap.dedent(script), *map(str, arguments)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, preexec_fn=heeding)
    assert result.stderr == ""
    return result.stdout


def test_a_signal_that_python_drops_comes_again() -> None:
    script = """
        class Lost:
            def __del__(self):
                os.kill(os.getpid(), signal.SIGINT)
        try:
            Lost()
            time.sleep(30)
        except Stopped:
            print("stopped by", interrupts.received)
    """
    assert ran(script) == "stopped by 2\n"


def test_short_steps_are_done_to_their_end_before_a_signal_is_heeded() -> None:
    script = """
        try:
            with uninterrupted():
                with uninterrupted():
                    here(signal.SIGTERM)
                    here(signal.SIGINT)
                print("done")
            print("never")
        except Stopped:
            print("stopped by", interrupts.received)
        with uninterrupted():
            print("and no more")
    """
    assert ran(script) == "done\nstopped by 2\nand no more\n"


def test_short_steps_in_another_thread_hold_nothing_back() -> None:
    script = """
        begun, ended = threading.Event(), threading.Event()
        def steps():
            with uninterrupted():
                begun.set()
                ended.wait(30)
        thread = threading.Thread(target=steps)
        thread.start()
        begun.wait(30)
        try:
            here()
        except Stopped:
            print("stopped")
        ended.set()
        thread.join()
    """
    assert ran(script) == "stopped\n"


@pytest.mark.parametrize("at", ["_begin", "_remove"])
def test_a_signal_while_an_ingest_begins_or_ends_leaves_no_lock(tmp_path: Path, at: str) -> None:
    script = """
        from pathlib import Path
        import klsurv.store.scratch as scratching
        store, at = Path(sys.argv[1]), sys.argv[2]
        done = getattr(scratching, at)
        def interrupted(*arguments):
            if at == "_remove":
                here()
            found = done(*arguments)
            if at == "_begin":
                here()
            return found
        setattr(scratching, at, interrupted)
        try:
            with scratching.scratch(store):
                print("begun")
        except Stopped:
            print("stopped")
    """
    assert ran(script, tmp_path, at) == ("begun\nstopped\n" if at == "_remove" else "stopped\n")
    assert left(tmp_path) == {}


def test_a_task_under_way_is_not_done_here_when_its_worker_is_stopped() -> None:
    crew = Crew(1)
    future = crew.submit(time.sleep, 120)
    while not future.running():
        time.sleep(0.01)
    crew.shutdown(cancel_futures=True)
    with pytest.raises(CancelledError):
        future.result()
