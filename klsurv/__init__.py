"""Survival analysis of steered language models: run cells in, tables and figures out.

`klsurv.scan` is the way in; `klsurv.CellWriter` writes what it reads. Names load when they are first used, so that
importing klsurv loads no library.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from klsurv.errors import (
        CellError,
        ClusterError,
        KlsurvError,
        KlsurvWarning,
        LayoutError,
        NothingUsableError,
        OutputError,
        ParameterError,
    )
    from klsurv.produce.convert import convert
    from klsurv.produce.writer import CellWriter
    from klsurv.runs import Runs, scan
    from klsurv.store.ingest import ingest

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
    "Runs",
    "__version__",
    "convert",
    "ingest",
    "scan",
]

_ELSEWHERE = {
    "CellWriter": "klsurv.produce.writer",
    "Runs": "klsurv.runs",
    "convert": "klsurv.produce.convert",
    "ingest": "klsurv.store.ingest",
    "scan": "klsurv.runs",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'klsurv' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_ELSEWHERE.get(name, "klsurv.errors")), name)


def __dir__() -> list[str]:
    return __all__
