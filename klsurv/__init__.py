"""Survival analysis of steered language models: run cells in, tables and figures out.

`klsurv.scan` is the way in; `klsurv.CellWriter` writes what it reads. Names load when they are first used, so that
importing klsurv loads no library.
"""

from __future__ import annotations

# As in `typing`, which takes a while to load.
TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import Any

    from klsurv.errors import (
        CellError,
        ClusterError,
        KlsurvError,
        KlsurvWarning,
        LayoutError,
        NothingUsableError,
        OutputError,
        ParameterError,
        RemoteError,
    )
    from klsurv.loading import scan
    from klsurv.produce.convert import convert
    from klsurv.produce.writer import CellWriter
    from klsurv.runs import Runs
    from klsurv.store.ingest import ingest as update_store

__version__ = "0.1.0"

__all__ = [
    "CellError",
    "CellWriter",
    "ClusterError",
    "KlsurvError",
    "KlsurvWarning",
    "LayoutError",
    "NothingUsableError",
    "OutputError",
    "ParameterError",
    "RemoteError",
    "Runs",
    "__version__",
    "convert",
    "scan",
    "update_store",
]

_ELSEWHERE = {
    "CellWriter": "klsurv.produce.writer",
    "Runs": "klsurv.runs",
    "convert": "klsurv.produce.convert",
    "scan": "klsurv.loading",
    # Not by the name that it has there, which is that of a folder.
    "update_store": "klsurv.store.ingest:ingest",
}


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name == "params":
        # Docstrings name what is in it.
        return import_module("klsurv.params")
    if name not in __all__:
        raise AttributeError(f"module 'klsurv' has no attribute {name!r}")
    module, _, there = _ELSEWHERE.get(name, "klsurv.errors").partition(":")
    return getattr(import_module(module), there or name)


def __dir__() -> list[str]:
    return __all__
