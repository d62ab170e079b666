"""Run the mutants of klsurv's rules and statistics, and list those that no test finds.

python -m tests.mutation [stats exprs frames/risk.py …]: all three folders by default, some hours of one core. What ran
is kept in `.mutation/`, and is not run again; to try a mutant that a new test should find: `--again`.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

from tests.mutation.mutate import PACKAGE
from tests.mutation.near import near
from tests.mutation.page import page, table, tally

ROOT = PACKAGE.parent
KEPT = ROOT / ".mutation"
PAGE = ROOT / "docs" / "mutants.md"
# What survives the tests near it meets all tests that may call it in their own process.
WIDE = (
    "stats exprs frames analysis charts plots test_oracle.py test_rules.py test_by_hand.py test_by_hand_statistics.py"
)
# Of silence, after which a mutant hangs where Python cannot interrupt it.
SILENCE = 300


def main() -> int:
    """Exit code 1: a mutant survives that the page does not explain."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    parser.add_argument("paths", nargs="*", default=["stats", "exprs", "frames"])
    parser.add_argument("--again", action="store_true", help="try again those that survived")
    parser.add_argument("--write", action="store_true", help=f"write {PAGE.relative_to(ROOT)}")
    asked = parser.parse_args()
    KEPT.mkdir(exist_ok=True)
    paths = [path for part in asked.paths for path in _files(part)]
    status: dict[str, dict[str, object]] = {}
    close = sorted({file for path in paths for file in near(path) if (ROOT / file).exists()})
    for stage, (budget, tests) in enumerate(((3.0, close), (60.0, [f"tests/{name}" for name in WIDE.split()]))):
        only = _survivors(status) if stage else None
        if only == []:
            continue
        results = KEPT / f"stage{stage}.jsonl"
        if asked.again:
            _forget(results)
        _run(results, paths=paths, tests=tests, budget=budget, only=only)
        status |= {name: line for name, line in _read(results).items() if only is None or name in only}
    found = tally(paths, {name: str(line["status"]) for name, line in status.items()})
    if asked.write:
        PAGE.write_text(page(found))
    print(table(found), *found.unexplained, sep="\n")
    return 1 if found.unexplained else 0


def _files(part: str) -> list[str]:
    found = [PACKAGE / part] if part.endswith(".py") else sorted((PACKAGE / part).glob("*.py"))
    return [str(path.relative_to(PACKAGE)) for path in found if path.name != "__init__.py"]


def _run(results: Path, *, paths: list[str], tests: list[str], budget: float, only: list[str] | None) -> None:
    """Run a worker, and another where a mutant took it down."""
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "POLARS_MAX_THREADS": "1"}
    chosen = KEPT / "only.json"
    chosen.write_text(json.dumps(only))
    files = [str(KEPT / "trace.json"), str(results), str(chosen)]
    command = [sys.executable, "-m", "tests.mutation.run", *files, str(budget), *paths]
    while True:
        worker = subprocess.Popen([*command, "--", *tests], cwd=ROOT, env=environment, stdout=sys.stderr)
        code, before = None, -1
        while code is None:
            now = results.stat().st_mtime_ns if results.exists() else 0
            if now == before > 0:
                worker.kill()
            before = now
            try:
                code = worker.wait(SILENCE)
            except subprocess.TimeoutExpired:
                continue
        started = [json.loads(line) for line in results.read_text().splitlines()] if results.exists() else []
        if code == 0 or not started or started[-1]["status"] != "started":
            if code:
                raise SystemExit("the tests fail without a mutant")
            return
        with results.open("a") as out:
            out.write(json.dumps({**started[-1], "status": "timeout"}, ensure_ascii=False) + "\n")


def _read(results: Path) -> dict[str, dict[str, object]]:
    lines = [json.loads(line) for line in results.read_text().splitlines()] if results.exists() else []
    return {line["name"]: line for line in lines if line["status"] != "started"}


def _survivors(status: dict[str, dict[str, object]]) -> list[str]:
    return [name for name, line in status.items() if line["status"] == "survived"]


def _forget(results: Path) -> None:
    kept = [line for line in _read(results).values() if line["status"] != "survived"]
    results.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in kept))


if __name__ == "__main__":
    sys.exit(main())
