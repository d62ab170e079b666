"""A file of a store. In: a cell's name, what was read of it. Out: where its file is, its columns, its footer.

A store is a directory that holds `klsurv-store.json` and one parquet file per cell, named by a hash of the cell's name.
Whatever has a name of another form is not the store's, and left alone.
A file has a row per prompt set, alpha and prompt, KL as a list; its footer has the cell's rows of the table `cells` and
the stamps of the JSON files that were read, so that data and what is known of them are replaced in one rename.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from klsurv.errors import LayoutError, first_line
from klsurv.ingest.remote import Place
from klsurv.ingest.stamp import Stamp
from klsurv.names import clean
from klsurv.params import METRICS, Metric
from klsurv.schema import CELLS, SOURCE, USABLE
from klsurv.source import EARLY
from klsurv.store.marker import VERSION

_BYTES = 12
_NAME = re.compile(rf"[0-9a-f]{{{2 * _BYTES}}}\.parquet")
# What polars raises at a file that is damaged: it panics at some.
DAMAGED = (pl.exceptions.PolarsError, pl.exceptions.PanicException)
_FOOTER = "klsurv.store"
# The footer is most often in the last so many bytes.
_TAIL = 64 * 1024

# Of every trajectory, beside `source` (KL last, as it is long and often not wanted): its prompt set and what is
# measured once. `early` holds the first EARLY values of KL.
SCHEMA = pl.Schema(
    {
        "metric": pl.String(),
        **{name: dtype for name, dtype in SOURCE.schema.items() if name != "kl"},
        "length": pl.Int64(),
        "n_kl_failed": pl.Int64(),
        "n_kl_negative": pl.Int64(),
        "early": pl.List(pl.Float64),
        "kl_digest": pl.UInt64(),
        "kl": pl.List(pl.Float64),
    }
)


@dataclass(frozen=True)
class Footer:
    """What a file says of itself: its cell's row of `cells` by prompt set, its sources, when they were read (ns).

    `kept`: the rows that prompt sets would have, had they not kept their last good data.
    """

    cells: dict[Metric, dict[str, Any]]
    stamps: dict[str, Stamp]
    read_ns: int
    version: int = VERSION
    early: int = EARLY
    kept: dict[Metric, dict[str, Any]] = field(default_factory=dict)

    @property
    def cell(self) -> str:
        """The cell's name."""
        return str(self.cells[METRICS[0]]["cell"])

    @property
    def usable(self) -> set[Metric]:
        """The prompt sets that have trajectories."""
        return {metric for metric, row in self.cells.items() if row["status"] in USABLE}

    def written(self) -> dict[str, str]:
        """As the metadata of a parquet file."""
        return {_FOOTER: json.dumps(asdict(self), ensure_ascii=False)}

    @classmethod
    def of(cls, metadata: dict[str, str]) -> Footer | None:
        """From the metadata of a parquet file; None where it is not that of a store, or of another version."""
        try:
            told = json.loads(metadata[_FOOTER])
            if told["version"] != VERSION or told["early"] != EARLY or set(told["cells"]) != set(METRICS):
                return None
            if any(row.keys() != set(CELLS.names) for row in told["cells"].values()):
                return None
            stamps = {name: Stamp(**seen) for name, seen in told["stamps"].items()}
            # Files that were written before it was told are good as they are.
            return cls(told["cells"], stamps, told["read_ns"], kept=told.get("kept", {}))
        except (AttributeError, KeyError, TypeError, ValueError):
            return None

    @classmethod
    def read(cls, path: str | Path) -> Footer | None:
        """Of a file on disk; None where it is not one of a store, or of another version.

        Raises:
            OSError: it is not there, or cannot be read, so that nothing is known of it.
        """
        # Not by polars, which tells of a disk that fails as of a file that is damaged.
        with open(path, "rb") as file:

            def fetch(start: int, end: int) -> bytes:
                file.seek(start)
                return file.read(end - start)

            return cls.fetched(file.seek(0, io.SEEK_END), fetch)

    @classmethod
    def fetched(cls, size: int, fetch: Callable[[int, int], bytes]) -> Footer | None:
        """Of a file of so many bytes, as far as they are needed: `fetch` gives those from here to there."""
        tail = fetch(max(0, size - _TAIL), size)
        wanted = int.from_bytes(tail[-8:-4], "little") + 8
        if len(tail) < wanted <= size:
            tail = fetch(size - wanted, size)
        try:
            return cls.of(pl.read_parquet_metadata(io.BytesIO(tail)))
        except DAMAGED:
            return None


def file_of(store: Place, cell: str) -> Place:
    """Where a cell's file is."""
    return store / f"{hashlib.blake2b(cell.encode(), digest_size=_BYTES).hexdigest()}.parquet"


def is_name(name: str) -> bool:
    """Whether a file of this name is a store's."""
    return _NAME.fullmatch(name) is not None


def damaged(path: Place, error: BaseException, *, cell: str) -> LayoutError:
    """What to raise where a file has a good footer, by which an ingest takes it for good, and other parts are not."""
    return LayoutError(
        f"the store is damaged: {clean(str(path))}, the file of {cell}, cannot be read ({first_line(error)}): "
        f"delete it, and `klsurv ingest RUNS {clean(str(path.parent))}` writes it anew"
    )
