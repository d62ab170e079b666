from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from klsurv import crew as crew_module
from klsurv.crew import Crew
from klsurv.ingest import workers
from klsurv.ingest.cell import Cell, load_cell
from klsurv.ingest.discover import discover
from klsurv.ingest.workers import load_cells
from tests.ingest.handmade import write_cell, write_file


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for i in range(9):
        write_cell(tmp_path, f"cell_{i}", calib={"seed": i})
    write_file(tmp_path / "cell_3" / "pmass.json", "{")
    write_cell(tmp_path, b"odd_\xff[red]\n")
    return tmp_path


@pytest.fixture
def crew(monkeypatch: pytest.MonkeyPatch) -> list[crew_module._Worker]:
    """The workers that were started, where every cell is worth one."""
    started: list[crew_module._Worker] = []

    class Watched(crew_module._Worker):
        def __init__(self) -> None:
            super().__init__()
            started.append(self)

    monkeypatch.setattr(workers, "_WORTH", 0)
    monkeypatch.setattr(crew_module, "_Worker", Watched)
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    return started


def in_this_process(root: Path) -> list[Cell]:
    return [load_cell(cell, metric="pmass_eval") for cell in discover(root)]


def test_workers_read_the_same_cells_in_the_same_order(root: Path, crew: list[crew_module._Worker]) -> None:
    assert list(load_cells(discover(root), metric="pmass_eval")) == in_this_process(root)
    assert len(crew) == 2
    assert all(worker._process.poll() is not None for worker in crew), "a worker was left running"


def test_a_worker_that_is_killed_costs_no_cell(root: Path, crew: list[crew_module._Worker]) -> None:
    read = load_cells(discover(root), metric="pmass_eval")
    first = next(read)
    for worker in crew:
        worker._process.send_signal(signal.SIGKILL)
    assert [first, *read] == in_this_process(root)


def test_workers_stop_when_no_more_cells_are_wanted(root: Path, crew: list[crew_module._Worker]) -> None:
    read = load_cells(discover(root), metric="pmass_eval")
    next(read)
    read.close()
    assert crew and all(worker._process.poll() is not None for worker in crew)


def test_few_small_cells_start_no_worker(
    root: Path, crew: list[crew_module._Worker], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "_WORTH", 10**9)
    assert list(load_cells(discover(root), metric="pmass_eval")) == in_this_process(root)
    assert crew == []


def test_ctrl_c_reaches_no_worker_even_while_it_starts(root: Path) -> None:
    # A worker that is interrupted before it can ignore it writes a traceback to the terminal.
    script = """if True:
        import os, signal, sys
        from pathlib import Path
        from klsurv.ingest.discover import discover
        from klsurv.ingest.cell import load_cell
        from klsurv.crew import _Worker
        signal.signal(signal.SIGINT, lambda *_: None)
        workers = [_Worker() for _ in range(4)]
        os.killpg(0, signal.SIGINT)
        for worker in workers:
            worker.do(load_cell, discover(Path(sys.argv[1]))[:1], {"metric": "pmass_eval"})
        print([worker._process.poll() for worker in workers])
        for worker in workers:
            worker.stop()
    """
    result = subprocess.run(
        [sys.executable, "-c", script, str(root)], capture_output=True, text=True, timeout=60, start_new_session=True
    )
    assert (result.stdout, result.stderr) == ("[None, None, None, None]\n", "")


def test_what_a_task_prints_is_no_answer(capfd: pytest.CaptureFixture[str]) -> None:
    with Crew(1) as crew:
        assert crew.submit(os.write, 1, b"a line\n").result(timeout=60) == 7
        assert crew.submit(os.getpid).result(timeout=60) != os.getpid()
    assert capfd.readouterr().out == ""


def test_a_worker_that_is_out_of_step_is_not_asked_again() -> None:
    with Crew(1) as crew:
        assert crew.submit(_spoil, os.getpid()).result(timeout=60) == "done again, here"
        assert crew.submit(os.getpid).result(timeout=60) == os.getpid()


def _spoil(asker: int) -> str:
    """What a worker answers comes after a byte that is no answer."""
    if os.getpid() == asker:
        return "done again, here"
    for descriptor in range(3, 20):
        with suppress(OSError):
            os.write(descriptor, b"x")
    return "the answer to another task"


def test_a_worker_is_told_to_keep_memory_unless_the_user_said_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = crew_module._MEMORY
    monkeypatch.delenv(first, raising=False)
    monkeypatch.setenv(second, "77")
    with Crew(1) as crew:
        told = [crew.submit(os.getenv, name).result() for name in (first, second)]
    assert told == [crew_module._MEMORY[first], "77"]
