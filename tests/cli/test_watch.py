from __future__ import annotations

import csv
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import klsurv as package
from klsurv.cli import cli
from klsurv.errors import ParameterError
from klsurv.schema import CHANGES
from tests.cli.terminal import raw_terminal
from tests.conftest import Klsurv
from tests.ingest.handmade import write_cell, write_file
from tests.watch.growing import ALPHAS, Producer, summary

SCORING = ("--roll", "5")


@contextmanager
def watching(*arguments: object) -> Iterator[subprocess.Popen[str]]:
    """A process that watches, its output in pipes; it is gone at the end."""
    command = [sys.executable, "-m", "klsurv", "watch", *map(str, arguments)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def line(process: subprocess.Popen[str]) -> dict[str, str]:
    assert process.stdout is not None
    values = next(csv.reader([process.stdout.readline()]))
    return dict(zip(CHANGES.names, values, strict=True))


def test_one_look_is_one_line_per_cell(klsurv: Klsurv, tmp_path: Path) -> None:
    Producer(tmp_path, "a").begin().add(0.0).add(1.0)
    write_file(write_cell(tmp_path, "b") / "pmass.json", '{"a"')
    (write_cell(tmp_path, "c") / "pmass.json").unlink()
    result = klsurv("watch", tmp_path, *SCORING, "--count", "1")
    assert result.returncode == 0
    rows = list(csv.DictReader(result.stdout.splitlines()))
    assert [list(row) for row in rows] == [CHANGES.names] * 3
    assert [(row["cell"], row["state"], row["alphas"], row["trajectories"]) for row in rows] == [
        ("a", "ok", "2", "6"),
        ("b", "broken", "0", "0"),
        ("c", "in flight", "0", "0"),
    ]
    assert rows[0]["n_events"] == str(summary(tmp_path).get_column("n_events").sum())
    assert (rows[0]["reason"], rows[2]["reason"]) == ("", "pmass.json: not there (yet)")
    assert result.stderr.splitlines() == [f"warning: b is broken: {rows[1]['reason']}"]


def test_ndjson_holds_the_same(klsurv: Klsurv, real_cells: Path) -> None:
    result = klsurv("watch", real_cells, "--threshold", "0.3", "--count", "1", "--format", "ndjson")
    assert (result.returncode, result.stderr) == (0, "")
    rows = [json.loads(row) for row in result.stdout.splitlines()]
    want = package.scan(real_cells).summary("cell", threshold=0.3)
    assert [list(row) for row in rows] == [CHANGES.names] * want.height
    assert [(row["cell"], row["trajectories"], row["n_events"], row["kept"], row["reason"]) for row in rows] == [
        (cell, n, events, False, None) for cell, n, events in want.select("cell", "n", "n_events").rows()
    ]


def test_it_ends_when_no_file_has_changed_for_so_long(klsurv: Klsurv, real_cells: Path) -> None:
    result = klsurv("watch", real_cells, "--interval", "0.1", "--until-idle", "0.5")
    assert (result.returncode, result.stderr, len(result.stdout.splitlines())) == (0, "", 3)


def test_each_change_is_a_line_as_it_comes(tmp_path: Path) -> None:
    root = tmp_path / "runs"
    with watching(root, "--interval", "0.1") as process:
        assert list(line(process).values()) == CHANGES.names
        assert process.stderr is not None
        assert "warning: waiting: " in process.stderr.readline()
        producer = Producer(root, "a").begin()
        assert line(process)["state"] == "in flight"
        for done, alpha in enumerate(ALPHAS, 1):
            producer.add(alpha)
            while (change := line(process))["state"] != "ok":
                # It may come between the two files.
                assert change["state"] in ("in flight", "partial")
            assert (change["alphas"], change["trajectories"]) == (str(done), str(3 * done))
        producer.masses(part=0.5)
        while (change := line(process))["state"] != "broken":
            assert (change["state"], change["kept"]) == ("in flight", "true")
        assert (change["alphas"], change["kept"]) == ("4", "true")
        while "waiting" in (warning := process.stderr.readline()):
            pass
        assert warning.startswith("warning: a is broken: pmass.json: is ")
        assert warning.endswith("(its last good data are kept)\n")
        producer.path.rename(root / "_a")
        assert line(process)["state"] == "vanished"
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=60) == 130
        assert [text for text in process.stderr.read().split("\n") if text and "waiting" not in text] == ["interrupted"]


def test_sigterm_ends_it_quietly(tmp_path: Path) -> None:
    Producer(tmp_path, "a").begin().add(0.0)
    with watching(tmp_path, "--interval", "0.1") as process:
        line(process)
        line(process)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 143
        assert process.stderr is not None and process.stderr.read() == ""


def test_whoever_has_seen_enough_ends_it(tmp_path: Path) -> None:
    for i in range(3):
        Producer(tmp_path, f"c{i}").begin().add(0.0)
    with watching(tmp_path, "--interval", "0.1") as process:
        line(process)
        assert process.stdout is not None and process.stderr is not None
        process.stdout.close()
        Producer(tmp_path, "d").begin().add(0.0)
        assert process.wait(timeout=60) == 0
        assert process.stderr.read() == ""


def test_where_no_cell_has_the_alphas_it_says_so(klsurv: Klsurv, real_cells: Path) -> None:
    result = klsurv("watch", real_cells, "--count", "1", "--alphas", "77")
    assert (result.returncode, result.stderr) == (1, "error: no cell has a trajectory at the alphas asked for\n")
    assert ",ok,0,0,0,false," in result.stdout


def test_where_the_condition_leaves_no_cell_it_says_so(klsurv: Klsurv, real_cells: Path) -> None:
    result = klsurv("watch", real_cells, "--count", "1", "--where", "seed = 7")
    assert (result.returncode, result.stderr) == (1, "error: no cell is left by where 'seed = 7'\n")


@pytest.mark.parametrize("end", [["--count", "2"], ["--until-idle", "0.3"]], ids=" ".join)
def test_where_nothing_ever_comes_it_ends_with_1(klsurv: Klsurv, tmp_path: Path, end: list[str]) -> None:
    result = klsurv("watch", tmp_path / "runs", "--interval", "0.1", *end)
    assert (result.returncode, result.stdout) == (1, ",".join(CHANGES.names) + "\n")
    warning, error = result.stderr.splitlines()
    assert warning.startswith("warning: waiting: ") and "does not exist" in warning
    assert error.startswith("error: ") and "does not exist" in error


@pytest.mark.parametrize(
    "options",
    [
        ["--interval", "0"],
        ["--interval", "nan"],
        ["--until-idle", "-1"],
        ["--count", "0"],
        ["--cells", "0"],
        ["--threshold", "2"],
        ["--by", "nosuch"],
        ["--where", "nosuch = 1"],
        ["--strict"],
    ],
    ids=" ".join,
)
def test_wrong_usage_is_told_before_it_begins(tmp_path: Path, options: list[str]) -> None:
    result = CliRunner().invoke(cli, ["watch", str(tmp_path), "--count", "1", *options])
    assert isinstance(result.exception, ParameterError) or result.exit_code == 2
    assert result.stdout == ""


def test_a_file_and_a_store_are_not_watched(klsurv: Klsurv, real_cells: Path, tmp_path: Path) -> None:
    assert klsurv("ingest", real_cells, tmp_path / "store").returncode == 0
    (tmp_path / "a.parquet").write_bytes(b"PAR1")
    for path in (tmp_path / "store", tmp_path / "a.parquet"):
        result = klsurv("watch", path)
        assert (result.returncode, result.stdout) == (2, "")
        assert "no directory of run cells" in " ".join(re.sub("[│╭╰─╮╯]", " ", result.stderr).split())


def restored(raw: str) -> None:
    """Assert that the terminal is as it was: its own screen, the cursor shown, and no traceback on it."""
    assert raw.count("\x1b[?1049h") == raw.count("\x1b[?1049l") == 1
    assert raw.index("\x1b[?1049h") < raw.index("\x1b[?1049l")
    assert raw.rindex("\x1b[?25l") < raw.rindex("\x1b[?25h")
    assert "Traceback" not in raw


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
@pytest.mark.parametrize("width", [80, 140])
def test_ctrl_c_leaves_the_terminal_as_it_was_and_the_table_on_it(tmp_path: Path, width: int) -> None:
    for i in range(30):
        producer = Producer(tmp_path, f"[red]model_{i}").begin()
        for alpha in ALPHAS:
            producer.add(alpha)
    write_file(write_cell(tmp_path, "[bold]bad") / "pmass.json", '{"a"')
    code, raw = raw_terminal(
        "watch", tmp_path, *SCORING, width=width, height=24, interrupt=lambda text: "n_events" in text
    )
    assert code == 130
    restored(raw)
    left = raw[raw.index("\x1b[?1049l") :]
    assert "31 cells" in left and "120 of 124 alphas" in left and "[bold]bad" in left and "interrupted" in left
    assert len(left.splitlines()) <= 26


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_ctrl_c_while_it_waits_for_runs(tmp_path: Path) -> None:
    code, raw = raw_terminal("watch", tmp_path / "runs", interrupt=lambda text: "waiting" in text)
    assert code == 130
    restored(raw)


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_sigterm_leaves_the_terminal_as_it_was(tmp_path: Path) -> None:
    Producer(tmp_path, "a").begin().add(0.0)
    code, raw = raw_terminal("watch", tmp_path, interrupt=lambda text: "n_events" in text, by=signal.SIGTERM)
    assert code == 143
    restored(raw)


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_on_a_terminal_it_ends_by_itself_too(tmp_path: Path) -> None:
    Producer(tmp_path, "a").begin().add(0.0)
    code, raw = raw_terminal("watch", tmp_path, "--count", "1")
    assert code == 0
    restored(raw)
    assert "n_events" in raw[raw.index("\x1b[?1049l") :]


def test_beside_producers_that_rewrite_in_place_nothing_is_lost(tmp_path: Path) -> None:
    def produce(i: int) -> None:
        producer = Producer(tmp_path, f"c{i}", seed=i, old=False).begin()
        for alpha in ALPHAS:
            producer.measure(alpha)
            for _ in range(40):
                producer.trajectory()
                time.sleep(0.005)
                producer.masses()
                time.sleep(0.005)

    last: dict[str, dict[str, Any]] = {}

    def listen(lines: Iterable[str]) -> None:
        for row in map(json.loads, lines):
            last[row["cell"]] = row

    with watching(tmp_path, *SCORING, "--interval", "0.1", "--format", "ndjson") as process:
        assert process.stdout is not None and process.stderr is not None
        threads = [threading.Thread(target=produce, args=(i,)) for i in range(3)]
        listener = threading.Thread(target=listen, args=(process.stdout,))
        for thread in (*threads, listener):
            thread.start()
        for thread in threads:
            thread.join()
        want = {(cell, "ok", 4, n) for cell, n in summary(tmp_path, by="cell").select("cell", "n_events").rows()}
        until(lambda: {(row["cell"], row["state"], row["alphas"], row["n_events"]) for row in last.values()} == want)
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=60) == 130
        listener.join()
        assert "Traceback" not in process.stderr.read()


def until(true: Callable[[], bool]) -> None:
    """Wait, but not for ever."""
    deadline = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_when_the_terminal_goes_it_does_not_watch_on_for_no_one(tmp_path: Path) -> None:
    import pty

    parent, child = pty.openpty()
    command = [sys.executable, "-m", "klsurv", "watch", str(tmp_path), "--interval", "0.1"]
    environment = {**os.environ, "TERM": "xterm"}
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=child, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        os.close(child)
        seen = b""
        while b"waiting" not in seen:
            seen += os.read(parent, 65536)
        os.close(parent)
        assert process.wait(timeout=60) == 1
        assert process.stderr is not None and process.stderr.read().startswith("error: the ")
