"""Time a store against the JSON it was made of: `python -m benchmarks.store [--cells 1,10,100,200] [--keep DIR]`.

Each line is a whole process, in turn, so that a change in the machine's speed meets all; read the ratios.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from pathlib import Path

from benchmarks.cells import write_cells
from benchmarks.process import KLSURV, measure, yardstick

# Every command that looks at all trajectories, with options that ask most of it.
COMMANDS = {
    "summary": ["summary"],
    "survival": ["survival", "--by", "method,alpha"],
    "survival --event kl": ["survival", "--event", "kl"],
    "incidence": ["incidence"],
    "compare": ["compare", "--at-alpha", "1"],
    "dose": ["dose", "--by", "method"],
    "threshold": ["threshold"],
    "precursor": ["precursor"],
    "calibration": ["calibration"],
    "check": ["check"],
}
CHARTS = ("spaghetti", "quantiles", "survival", "pmass", "deaths")


def subset(root: Path, folder: Path, n: int) -> Path:
    """A run root with links to the first cells of another."""
    folder.mkdir()
    for cell in sorted(path for path in root.iterdir() if path.is_dir())[:n]:
        (folder / cell.name).symlink_to(cell.resolve())
    return folder


def line(what: str, n: int, seconds: float, peak: float, floor: float) -> None:
    """One row of the table."""
    print(f"| {what} | {n} | {seconds:.2f} | {seconds / floor:.2f} | {peak:.0f} |", flush=True)


def main() -> None:
    """Generate, ingest, ask, print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.store")
    parser.add_argument("--cells", default="1,10,100,200")
    parser.add_argument("--keep", type=Path, help="a directory for the cells, used again if it has them")
    options = parser.parse_args()
    counts = [int(n) for n in options.cells.split(",")]
    with tempfile.TemporaryDirectory() as scratch:
        here = Path(scratch)
        root = options.keep or here / "cells"
        if not root.exists():
            write_cells(root, cells=max(counts))
        print("| command | cells | seconds | ratio to json.loads | peak MB |\n| :-- | --: | --: | --: | --: |")
        for n in counts:
            runs, store = subset(root, here / f"runs{n}", n), here / f"store{n}"
            floor, peak = measure(yardstick(runs))
            mb = sum(path.stat().st_size for path in runs.glob("*/*.json")) / 1e6
            line(f"json.loads of {mb:.0f} MB", n, floor, peak, floor)
            for workers in (1, 2):
                shutil.rmtree(store, ignore_errors=True)
                seconds, peak = measure([*KLSURV, "ingest", str(runs), str(store), "--workers", str(workers)])
                line(f"ingest, {workers} workers: {mb / seconds:.0f} MB/s", n, seconds, peak, floor)
            line("ingest again", n, *measure([*KLSURV, "ingest", str(runs), str(store)]), floor)
            if n <= 10:
                line("summary of the JSON", n, *measure([*KLSURV, "summary", str(runs), "--format", "csv"]), floor)
                png = [*KLSURV, "plot", "spaghetti", str(runs), "-o", str(here / "x.png")]
                line("spaghetti.png of the JSON", n, *measure(png), floor)
            for name, command in COMMANDS.items():
                line(name, n, *measure([*KLSURV, *command, str(store), "--format", "csv"]), floor)
            for chart in CHARTS:
                png = [*KLSURV, "plot", chart, str(store), "-o", str(here / "x.png")]
                line(f"{chart}.png", n, *measure(png), floor)
            line("report", n, *measure([*KLSURV, "report", str(store), "-o", str(here / "x.html")]), floor)
            table = [*KLSURV, "export", str(store), str(here / "x.parquet"), "--table", "scored"]
            line("export --table scored", n, *measure(table), floor)
            (here / "x.parquet").unlink()
            disk = sum(path.stat().st_size for path in store.glob("*.parquet")) / 1e6
            print(f"\n{n} cells: {mb:.0f} MB of JSON, {disk:.0f} MB in the store\n", flush=True)


if __name__ == "__main__":
    main()
