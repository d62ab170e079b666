"""A store made on a Dask cluster: started here, or from the command line; with workers that die."""

from __future__ import annotations

import logging
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import dask
import polars as pl
import pytest
from distributed import Client, LocalCluster

import klsurv
from benchmarks.cells import write_cells
from klsurv.cluster import cluster
from tests.conftest import Klsurv
from tests.store.asked import left, same, text

N_CELLS = 8
WAIT = 30


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("sweep") / "runs"
    write_cells(root, cells=N_CELLS, prompts=4, tokens=400)
    return root


@pytest.fixture(scope="module")
def made_here(runs: Path) -> Path:
    """A store that was made in one process."""
    store = runs.with_name("here")
    klsurv.update_store(runs, store)
    return store


def answers(store: Path, executor: Executor | None = None) -> dict[str, str]:
    """What is in a store, and what takes reading all of its KL."""
    asked = klsurv.scan(store, tell=lambda _: None, executor=executor)
    return {
        "trajectories": text(asked.trajectories()),
        "digests": text(asked.digests()),
        "summary": text(asked.summary(["cell", "alpha"])),
        "survival of kl": text(asked.survival("method", event="kl", kl_threshold=0.5)),
        "study": text(asked.study(lags=4, bootstrap=20)),
        "compare": text(asked.compare(bootstrap=20)),
    }


@pytest.fixture(scope="module")
def local() -> Iterator[LocalCluster]:
    """Two worker processes, which are started again when they die; a task may kill one of them, and not two."""
    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 1}),
        LocalCluster(  # type: ignore[no-untyped-call]
            n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address="127.0.0.1:0", silence_logs=50
        ) as started,
    ):
        yield started


@pytest.fixture
def client(local: LocalCluster) -> Iterator[Client]:
    with Client(local.scheduler_address, timeout=WAIT, set_as_default=False) as connected:  # type: ignore[no-untyped-call]
        connected.wait_for_workers(2, timeout=WAIT)
        yield connected


@contextmanager
def asleep(pid: int) -> Iterator[None]:
    """A process that does not go on, so that what it was given is certainly under way."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        try:
            os.kill(pid, signal.SIGCONT)
        except ProcessLookupError:
            pass


@contextmanager
def started(*command: object, **options: object) -> Iterator[subprocess.Popen[str]]:
    """A program, which is killed at the end if it still runs."""
    process = subprocess.Popen(  # type: ignore[call-overload]
        [sys.executable, "-m", *map(str, command)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + WAIT
    while not condition():
        assert time.monotonic() < end, "waited for too long"
        time.sleep(0.01)


def files(store: Path) -> list[Path]:
    return list(store.glob("*.parquet"))


def complete(store: Path, runs: Path, made_here: Path) -> None:
    """All cells are in the store, once, as if it had been made in one process."""
    assert len(files(store)) == N_CELLS
    assert left(store) == []
    assert klsurv.scan(store).cells().get_column("cell").to_list() == sorted(path.name for path in runs.iterdir())
    same(answers(store), answers(made_here))


def test_a_worker_that_is_killed_loses_no_cell(
    runs: Path, made_here: Path, local: LocalCluster, client: Client, tmp_path: Path
) -> None:
    victim = next(iter(client.run(os.getpid).values()))
    told_of: list[tuple[int, int]] = []

    def progress(done: int, total: int) -> None:
        told_of.append((done, total))
        if done == 1:
            os.kill(victim, signal.SIGKILL)

    with asleep(victim), cluster(address=local.scheduler_address) as executor:
        report = klsurv.update_store(runs, tmp_path / "store", executor=executor, progress=progress)
    assert told_of == [(done, N_CELLS) for done in range(1, N_CELLS + 1)]
    assert report.new == sorted(path.name for path in runs.iterdir())
    assert str(report).startswith(f"{N_CELLS} new, 0 updated, 0 unchanged, 0 in flight, 0 broken")
    complete(tmp_path / "store", runs, made_here)
    client.wait_for_workers(2, timeout=WAIT)
    assert victim not in client.run(os.getpid).values()


def test_a_cluster_answers_as_one_process(
    made_here: Path, local: LocalCluster, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("klsurv.source._PIECE", 1)
    want = answers(made_here)
    with cluster(address=local.scheduler_address) as executor:
        same(answers(made_here, executor), want)
    # Dask's own executor does too, which has a `map` of its own.
    asked = klsurv.scan(made_here, executor=client.get_executor(pure=False), tell=lambda _: None)
    assert text(asked.summary(["cell", "alpha"])) == want["summary"]


def test_polars_keeps_to_one_thread_in_a_worker(local: LocalCluster, client: Client) -> None:
    with cluster(address=local.scheduler_address) as executor:
        assert executor.submit(pl.thread_pool_size).result(timeout=WAIT) == 1
        assert executor.submit(os.getenv, "POLARS_MAX_THREADS").result(timeout=WAIT) == "1"


def test_a_task_that_kills_its_workers_is_given_up_with_a_reason(local: LocalCluster, client: Client) -> None:
    with (
        pytest.raises(klsurv.ClusterError, match="workers died, most often of too little memory"),
        cluster(address=local.scheduler_address) as executor,
    ):
        executor.submit(os._exit, 1).result(timeout=WAIT)


def test_an_interrupted_ingest_ends_cleanly_and_is_finished_by_the_next(
    klsurv: Klsurv, runs: Path, made_here: Path, local: LocalCluster, client: Client, tmp_path: Path
) -> None:
    command = ["ingest", runs, tmp_path / "store", "--scheduler", local.scheduler_address]
    with asleep(next(iter(client.run(os.getpid).values()))), started("klsurv", *command) as ingest:
        until(lambda: files(tmp_path / "store"))
        ingest.send_signal(signal.SIGINT)
        _, said = ingest.communicate(timeout=WAIT)
    assert (ingest.returncode, said.strip()) == (130, "interrupted")
    assert len(files(tmp_path / "store")) < N_CELLS
    result = klsurv(*command)
    assert (result.returncode, result.stdout) == (0, "")
    assert "0 in flight, 0 broken" in result.stderr
    complete(tmp_path / "store", runs, made_here)


def test_workers_of_the_command_line_and_then_the_scheduler_are_killed(
    klsurv: Klsurv, runs: Path, made_here: Path, tmp_path: Path
) -> None:
    file, store = tmp_path / "scheduler.json", tmp_path / "store"
    here = ["--host", "127.0.0.1", "--no-dashboard", "--scheduler-file", file]
    command = ["ingest", os.path.relpath(runs, tmp_path), "store", "--scheduler-file", "scheduler.json"]
    with ExitStack() as stack:
        scheduler = stack.enter_context(
            started("dask", "scheduler", *here, "--port", 0, "--dashboard-address", "127.0.0.1:0")
        )
        one, other = (
            stack.enter_context(started("dask", "worker", *here, "--nthreads", 1, "--no-nanny")) for _ in range(2)
        )
        until(file.exists)
        with Client(scheduler_file=str(file), timeout=WAIT, set_as_default=False) as client:  # type: ignore[no-untyped-call]
            client.wait_for_workers(2, timeout=WAIT)
        with asleep(one.pid), started("klsurv", *command, cwd=tmp_path) as ingest:
            until(lambda: files(store))
            assert ingest.poll() is None
            one.kill()
            _, said = ingest.communicate(timeout=WAIT)
        assert ingest.returncode == 0
        assert said.startswith(f"store: {N_CELLS} new, 0 updated, 0 unchanged, 0 in flight, 0 broken")
        complete(store, runs, made_here)

        again = ["ingest", runs, tmp_path / "again", "--scheduler-file", file]
        with asleep(other.pid), started("klsurv", *again, env=impatient()) as ingest:
            until((tmp_path / "again").exists)
            scheduler.kill()
            _, said = ingest.communicate(timeout=WAIT)
        assert ingest.returncode == 1
        assert said.startswith("error: the scheduler of the Dask cluster was lost: what was done is kept")
        assert len(said.splitlines()) == 1
    assert left(tmp_path / "again") == []


def impatient() -> dict[str, str]:
    """Surroundings in which Dask waits for a second."""
    return {**os.environ, "DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT": "1s"}


@pytest.fixture(scope="module")
def closed() -> Iterator[str]:
    """An address at which nothing listens."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield f"tcp://127.0.0.1:{held.getsockname()[1]}"


def test_a_scheduler_that_does_not_answer_is_not_waited_for_long(
    klsurv: Klsurv, runs: Path, closed: str, tmp_path: Path
) -> None:
    result = klsurv("ingest", runs, tmp_path / "store", "--scheduler", closed, env=impatient())
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.startswith(f"error: no Dask scheduler answers at {closed} within 1 s: ")
    assert len(result.stderr.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def hasty() -> Iterator[None]:
    """Dask waits for a fifth of a second here."""
    with dask.config.set({"distributed.comm.timeouts.connect": "200ms"}):
        yield


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize("content", [None, "", "{", '{"id": 1}', "[]", "\xff"], ids=repr)
def test_a_scheduler_file_that_does_not_come_is_not_waited_for_long(tmp_path: Path, content: str | None) -> None:
    file = tmp_path / "file"
    if content is not None:
        file.write_text(content, "latin-1")
    with pytest.raises(klsurv.ClusterError, match=r"file is no scheduler file, after 0\.2 s$"), cluster(file=file):
        pass


@pytest.mark.usefixtures("hasty")
def test_a_cluster_without_workers_is_not_waited_for_long() -> None:
    with (
        LocalCluster(n_workers=0, host="127.0.0.1", dashboard_address="127.0.0.1:0") as empty,  # type: ignore[no-untyped-call]
        pytest.raises(klsurv.ClusterError, match=r"has no worker after 0\.2 s$"),
        cluster(address=empty.scheduler_address),
    ):
        pass


@pytest.mark.parametrize(
    ("address", "cause"),
    [
        ("", "no address of a scheduler"),
        ("localhost", "missing port number"),
        ("tcp://localhost:x", "no address of a scheduler"),
        ("tcp://localhost:70000", "there is no port 70000"),
        ("http://localhost:1", "unknown address scheme"),
        ("tls://localhost:1", "set up TLS for Dask"),
    ],
)
def test_what_is_no_address_is_refused(address: str, cause: str) -> None:
    with pytest.raises(klsurv.ParameterError, match=cause), cluster(address=address):
        pass


def test_certificates_that_are_not_there_are_refused(tmp_path: Path) -> None:
    missing = str(tmp_path / "cert.pem")
    tls = {f"distributed.comm.tls.{name}": missing for name in ("ca-file", "client.cert", "client.key")}
    with (
        dask.config.set(tls),
        pytest.raises(klsurv.ParameterError, match="certificates that Dask is set up with cannot be read"),
        cluster(address="tls://127.0.0.1:1"),
    ):
        pass


def test_a_library_logs_as_before_when_the_cluster_was_left(local: LocalCluster, client: Client) -> None:
    with cluster(address=local.scheduler_address):
        assert not logging.getLogger("distributed").isEnabledFor(logging.CRITICAL)
    assert logging.getLogger("distributed").isEnabledFor(logging.CRITICAL)


@pytest.mark.parametrize(
    ("options", "cause"),
    [
        (["--scheduler", "localhost"], "'localhost' is no address of a scheduler, such as tcp://host:8786"),
        (["--scheduler", "a:1", "--scheduler-file", "f"], "exclude each other"),
        (["--scheduler", "a:1", "--workers", "1"], "exclude each other"),
        (["--scheduler-file", "f", "--workers", "1"], "exclude each other"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_usage_exits_with_2(klsurv: Klsurv, runs: Path, tmp_path: Path, options: list[str], cause: str) -> None:
    result = klsurv("ingest", runs, tmp_path / "store", *options)
    assert (result.returncode, result.stdout) == (2, "")
    assert cause in " ".join(result.stderr.replace("│", "").split())
    assert "Traceback" not in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_without_the_extra_it_says_how_to_install_it(klsurv: Klsurv, runs: Path, tmp_path: Path) -> None:
    (tmp_path / "distributed.py").write_text("raise ImportError('not installed')")
    env = {**os.environ, "PYTHONPATH": str(tmp_path)}
    result = klsurv("ingest", runs, tmp_path / "store", "--scheduler", "tcp://127.0.0.1:1", env=env)
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr == "error: a Dask cluster needs an extra: pip install 'klsurv[dask]'\n"
    # Nothing else needs it.
    assert klsurv("ingest", runs, tmp_path / "store", "--workers", "1", env=env).returncode == 0
