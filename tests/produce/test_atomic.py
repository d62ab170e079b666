from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

import klsurv
from klsurv.errors import OutputError
from tests.generated import quietly
from tests.produce.producing import SAID, add, tables, writer

# Per document that is replaced, two syncs: of the file before the rename, of its directory after.
SYNCS = 2 * (3 + 2 * 3)

# Reads `last` and a run root, writes a cell there in a process of its own, and says how that ended; and again.
SWEEP = f"""if True:
    import os, signal, sys
    from pathlib import Path
    from klsurv import CellWriter  # loaded once, and not by each process
    from tests.produce.producing import SAID, add, writer

    def sweep(root, last):
        done, sync = 0, os.fsync
        def fsync(descriptor):
            nonlocal done
            done += 1
            if done == last:
                os.kill(os.getpid(), signal.SIGKILL)
            sync(descriptor)
        os.fsync = fsync
        with writer(root / "a") as cell:
            for alpha in (0.0, 1.0):
                if alpha not in cell.completed:
                    add(cell, alpha, generations=SAID)
        assert done == {SYNCS} or last == 0, done

    for line in sys.stdin:
        last, root = line.rstrip().split(" ", 1)
        child = os.fork()
        if not child:
            signal.alarm(60)
            sweep(Path(root), int(last))
            os._exit(0)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""

Sweep = Callable[[Path, int], int]


@pytest.fixture(scope="module")
def sweep() -> Iterator[Sweep]:
    """Write the cell in another process, which is killed at its sync of this number; 0: it is not."""
    here = Path(__file__).resolve().parents[2]
    command = [sys.executable, "-c", SWEEP]
    with subprocess.Popen(command, cwd=here, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        stdin, stdout = process.stdin, process.stdout
        assert stdin is not None and stdout is not None

        def run(root: Path, last: int) -> int:
            print(last, root, file=stdin, flush=True)
            return int(stdout.readline())

        yield run
        stdin.close()
        assert process.wait(timeout=60) == 0


@pytest.mark.parametrize("last", range(1, SYNCS + 1))
def test_a_writer_that_is_killed_leaves_a_cell_that_can_be_read_and_continued(
    sweep: Sweep, tmp_path: Path, last: int
) -> None:
    assert sweep(tmp_path, last) == -signal.SIGKILL
    for file in (tmp_path / "a").glob("*.json"):
        json.loads(file.read_text())
    for line in (tmp_path / "a" / "gens.jsonl").read_text().splitlines() if last >= 10 else ():
        json.loads(line)
    if last > 1:
        (status,) = tables(tmp_path)[0].get_column("status")
        # The three files, then two doses of three files each.
        whole = sum(last >= end for end in (12, 18))
        ahead = any(start <= last < start + 4 for start in (8, 14))
        assert status == ("skipped" if whole == 0 else "partial" if ahead else "ok")
        assert tables(tmp_path)[1].height == 2 * whole
    assert sweep(tmp_path, 0) == 0
    with writer(tmp_path / "whole" / "a") as cell:
        for alpha in (0.0, 1.0):
            add(cell, alpha, generations=SAID)
    assert {file.name: file.read_text() for file in (tmp_path / "a").iterdir()} == {
        file.name: file.read_text() for file in cell.path.iterdir()
    }


def test_a_reader_never_sees_a_broken_cell_while_alphas_are_added(tmp_path: Path) -> None:
    alphas = [i / 4 for i in range(25)]
    window = 400
    failed: list[BaseException] = []

    def produce(cell: klsurv.CellWriter) -> None:
        try:
            for alpha in alphas:
                kl = [[alpha + prompt] * window for prompt in range(4)]
                cell.add(alpha, kl=kl, pmass=[[alpha / 10] * 3] * 4, gen_len=[window] * 4)
        except BaseException as error:
            failed.append(error)

    seen = set()
    with writer(tmp_path / "a", window=window, fork_points=[0, 10, window]) as cell:
        thread = Thread(target=produce, args=(cell,))
        thread.start()
        going = True
        while going:
            # Once more after the last was written.
            going = thread.is_alive()
            seen.add(check(tmp_path, alphas, window))
        thread.join()
    assert failed == []
    assert max(seen) == len(alphas)


def check(root: Path, alphas: list[float], window: int) -> int:
    """What a reader finds is a beginning of the sweep, as it was measured; returns how many doses."""
    cells, source = tables(root)
    (status, reason), *others = cells.select("status", "reason").rows()
    assert others == []
    assert status in ("ok", "partial", "skipped"), reason
    assert status != "partial" or "is not in pmass.json (yet)" in reason, reason
    found = source.select("alpha", "prompt", "kl", "pmass").rows()
    n = len(found) // 4
    want: list[Any] = [
        (alpha, prompt, [alpha + prompt] * window, [alpha / 10] * 3) for alpha in alphas[:n] for prompt in range(4)
    ]
    assert found == want
    return n


def test_a_disk_that_is_full_leaves_the_cell_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with writer(tmp_path / "a") as cell:
        add(cell, 0.0)
        before = {path: path.read_bytes() for path in cell.path.iterdir()}

        def full(descriptor: int) -> None:
            raise OSError(28, "No space left on device")

        with monkeypatch.context() as patch:
            patch.setattr("klsurv.durable.os.fsync", full)
            with pytest.raises(OutputError, match=r"trajectory\.json cannot be written: No space left on device"):
                add(cell, 1.0)
        assert cell.completed == (0.0,)
        assert {path: path.read_bytes() for path in cell.path.iterdir()} == before
        add(cell, 1.0)
    assert quietly(tmp_path).alphas == [0.0, 1.0]
