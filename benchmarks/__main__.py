"""Time klsurv's commands against `json.loads` of the same files: `python -m benchmarks [--cells 10] [--rounds 3]`.

Each command is a whole process; rounds take the commands in turn, so that a change in the machine's speed meets all.
Start-up is timed against what no command can do without, `import rich_click`; with polars it is the least that a
command which reads can take.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from pathlib import Path

from benchmarks.cells import write_cells
from benchmarks.process import KLSURV, measure, yardstick

YARDSTICK, LIBRARY, LIBRARIES = "json.loads (yardstick)", "import rich_click", "import rich_click, polars"
STARTS = {"--version": ["--version"], "completion bash": ["completion", "bash"], "--help": ["--help"]}
STARTS |= {"schema": ["schema", "--format", "csv"]}


def main() -> None:
    """Generate, ingest, time, print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("--cells", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--keep", type=Path, help="a directory for the cells, used again if it has them")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        root = options.keep or Path(scratch) / "cells"
        if not root.exists():
            write_cells(root, cells=options.cells)
        size = sum(path.stat().st_size for path in root.rglob("*.json")) / 1e6
        store, png = str(Path(scratch) / "store"), str(Path(scratch) / "x.png")
        measure([*KLSURV, "ingest", str(root), store])
        commands = {
            YARDSTICK: yardstick(root),
            "summary": [*KLSURV, "summary", str(root), "--format", "csv"],
            "plot spaghetti -o x.png": [*KLSURV, "plot", "spaghetti", str(root), "-o", png],
            "summary of the store": [*KLSURV, "summary", store, "--format", "csv"],
            "plot spaghetti of the store": [*KLSURV, "plot", "spaghetti", store, "-o", png],
            LIBRARIES: [sys.executable, "-c", LIBRARIES],
            LIBRARY: [sys.executable, "-c", LIBRARY],
            **{name: [*KLSURV, *words] for name, words in STARTS.items()},
        }
        runs: dict[str, list[tuple[float, float]]] = {name: [] for name in commands}
        for _ in range(options.rounds):
            for name, command in commands.items():
                runs[name].append(measure(command))
    print(json.dumps({"cells": options.cells, "MB": round(size), "rounds": options.rounds}))
    print("| command | seconds (median) | min – max | ratio | of | peak MB |\n| --- | --- | --- | --- | --- | --- |")
    for name, values in runs.items():
        floor = LIBRARY if name in STARTS else YARDSTICK
        seconds = [s for s, _ in values]
        ratio = statistics.median(s / y for s, (y, _) in zip(seconds, runs[floor], strict=True))
        print(
            f"| `{name}` | {statistics.median(seconds):.2f} | {min(seconds):.2f} – {max(seconds):.2f} "
            f"| {ratio:.2f} | {floor} | {max(mb for _, mb in values):.0f} |"
        )


if __name__ == "__main__":
    main()
