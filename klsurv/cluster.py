"""An existing Dask cluster. In: where its scheduler is. Out: an executor, whose work the cluster's workers do.

The only place that knows of Dask, which is loaded when a cluster is asked for.
"""

from __future__ import annotations

import json
import logging
import os
import pickle
import time
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Executor, Future
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from klsurv.errors import ClusterError, ParameterError, first_line
from klsurv.names import clean

if TYPE_CHECKING:
    from distributed import Client

T = TypeVar("T")
P = ParamSpec("P")

_AGAIN = "what was done is kept, run it again"


@contextmanager
def cluster(*, address: str | None = None, file: str | os.PathLike[str] | None = None) -> Iterator[Executor]:
    """The cluster whose scheduler is at an address, or wrote a scheduler file.

    The scheduler, its file and a first worker are waited for as long as Dask's own setting
    `distributed.comm.timeouts.connect` says (30 s). TLS is as Dask is configured.

    Raises:
        ParameterError: Dask is not installed, or `address` is none.
        ClusterError: there is no scheduler, or no worker; or the cluster was lost while it was used.
    """
    try:
        from distributed import KilledWorker
    except ImportError:
        raise ParameterError("a Dask cluster needs an extra: pip install 'klsurv[dask]'") from None
    # Libraries log a lost connection with every traceback; the errors below tell it.
    disabled = logging.root.manager.disable
    logging.disable()
    client = None
    try:
        client = _client(address, None if file is None else Path(file))
        yield _Cluster(client.get_executor(pure=False, retries=2))
    except CancelledError:
        raise ClusterError(f"the scheduler of the Dask cluster was lost: {_AGAIN}") from None
    except KilledWorker as error:
        raise ClusterError(
            f"workers died, most often of too little memory ({clean(first_line(error))}): {_AGAIN}"
        ) from None
    finally:
        if client is not None:
            client.close(timeout=2)
        logging.disable(disabled)


def _client(address: str | None, file: Path | None) -> Client:
    """Connected to a scheduler that has a worker."""
    import dask
    from dask.utils import parse_timedelta
    from distributed import Client, Security
    from distributed.comm.addressing import get_address_host_port

    patience = float(parse_timedelta(dask.config.get("distributed.comm.timeouts.connect")))
    found = _read(file, patience) if file is not None else address or ""
    where, security = clean(found), Security()
    # Before there is a client, as one that could not be made leaves threads behind.
    try:
        _, port = get_address_host_port(found)
        encrypted = security.get_connection_args("client")["ssl_context"] is not None
    except ValueError as error:
        raise ParameterError(f"{where!r} is no address of a scheduler, such as tcp://host:8786: {error}") from None
    except OSError as error:
        raise ParameterError(
            f"the certificates that Dask is set up with cannot be read: {clean(first_line(error))}"
        ) from None
    if not 0 < port < 2**16:
        raise ParameterError(f"{where!r} is no address of a scheduler: there is no port {port}")
    if found.startswith("tls:") and not encrypted:
        raise ParameterError(f"{where}: set up TLS for Dask, its settings distributed.comm.tls.*")
    try:
        client = Client(found, timeout=patience, security=security, set_as_default=False)
    except OSError as error:
        raise ClusterError(
            f"no Dask scheduler answers at {where} within {patience:g} s: {clean(first_line(error))}"
        ) from None
    try:
        client.wait_for_workers(1, timeout=patience)
    except BaseException as error:
        client.close(timeout=2)
        if isinstance(error, TimeoutError):
            raise ClusterError(f"the Dask scheduler at {where} has no worker after {patience:g} s") from None
        raise
    return client


class _Cluster(Executor):
    """As Dask's own executor, but that polars keeps to one thread in a worker, unless that was set."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Have it done by a worker; if that is lost, by another."""
        # Pickled here, so that polars is not loaded before `_do` is called: it looks at its setting then.
        return self._executor.submit(_do, pickle.dumps((fn, args, kwargs)))

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more work; `cancel_futures` drops what has not begun."""
        self._executor.shutdown(wait=wait and not cancel_futures)


def _do(task: bytes) -> Any:
    # A worker is one of many on its machine.
    os.environ.setdefault("POLARS_MAX_THREADS", "1")
    fn, args, kwargs = pickle.loads(task)
    return fn(*args, **kwargs)


def _read(file: Path, patience: float) -> str:
    """The address in a scheduler file, which may not be there yet, or not whole."""
    end = time.monotonic() + patience
    while True:
        try:
            return str(json.loads(file.read_text())["address"])
        except (OSError, ValueError, KeyError, TypeError):
            if time.monotonic() > end:
                raise ClusterError(f"{clean(str(file))} is no scheduler file, after {patience:g} s") from None
            time.sleep(min(0.1, patience))
