"""A store, and those who read it, beside a producer that never stops."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import klsurv
from tests.store.asked import left, same, told

SECONDS = float(os.environ.get("KLSURV_TORTURE_SECONDS", "8"))
CELLS, ALPHAS = ("a", "b", "c"), (0.0, 0.5, 1.0, 2.0)

# Writes each cell anew all the time, alpha by alpha, in place and in parts, as a producer does; all that it writes of
# an alpha is told by that alpha. Stops, with all cells complete, once there is a file called `stop`.
PRODUCER = """if True:
    import json, sys, time
    from pathlib import Path
    root, cells, alphas = Path(sys.argv[1]), sys.argv[2].split(","), [float(x) for x in sys.argv[3].split(",")]
    TOKENS, PROMPTS, FORKS = 600, 4, [0, 100, 200, 400, 600]

    def write(path, content):
        text = json.dumps(content, indent=2)
        with open(path, "w") as file:
            for start in range(0, len(text), 20_000):
                file.write(text[start : start + 20_000])
                file.flush()
                time.sleep(0.001)

    def grow(path, number):
        path.mkdir(exist_ok=True)
        facts = {"c_star": 5.0, "target_kl": 1.0, "window": TOKENS, "method": "pca", "model": "m", "layer": 1}
        write(path / "calib.json", {**facts, "seed": number})
        for k in range(1, len(alphas) + 1):
            there = alphas[:k]
            kl = {str(a): [[a + p / 8] * TOKENS for p in range(PROMPTS)] for a in there}
            write(path / "trajectory.json", {"fork_points_full": FORKS, "per_prompt_per_t_kl": kl})
            pmass = {str(a): [[1 - a * p / 10 for _ in FORKS] for p in range(PROMPTS)] for a in there}
            lens = {str(a): [TOKENS - 50 * p for p in range(PROMPTS)] for a in there}
            content = {"fork_points": FORKS, "pmass_eval": pmass, "gen_lens_eval": lens, "computed": True}
            write(path / "pmass.json", content)

    while True:
        last = (root.parent / "stop").exists()
        for number, cell in enumerate(cells):
            grow(root / cell, number)
        if last:
            break
"""


def producer(root: Path) -> subprocess.Popen[str]:
    root.mkdir()
    words = [sys.executable, "-c", PRODUCER, str(root), ",".join(CELLS), ",".join(map(str, ALPHAS))]
    return subprocess.Popen(words, stderr=subprocess.PIPE, text=True)


def cli(*words: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "klsurv", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def until(deadline: float, ask: Callable[[], None], problems: list[str]) -> threading.Thread:
    """Ask again and again; what goes wrong is kept."""

    def run() -> None:
        try:
            while time.monotonic() < deadline and not problems:
                ask()
        except BaseException as error:
            problems.append(repr(error))

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def test_a_producer_that_never_stops_crashes_nothing_and_leads_to_no_wrong_row(tmp_path: Path) -> None:
    with producer(tmp_path / "once") as once:
        (tmp_path / "stop").touch()
        assert once.wait(timeout=60) == 0
    (tmp_path / "stop").unlink()
    right = set(klsurv.scan(tmp_path / "once").summary(["cell", "alpha"]).write_csv().splitlines())
    assert len(right) == 1 + len(CELLS) * len(ALPHAS)

    root, store = tmp_path / "runs", tmp_path / "store"
    problems: list[str] = []
    asked = {"ingest": 0, "runs": 0, "store": 0}
    rows = {"runs": 0, "store": 0}
    kept: set[str] = set()

    def well(result: subprocess.CompletedProcess[str]) -> bool:
        """Whether there is an answer; if not, one line must say why."""
        said = result.stderr.splitlines()
        if "Traceback" in result.stderr or result.returncode not in (0, 1):
            problems.append(result.stderr)
        if result.returncode == 1 and not (said and said[-1].startswith("error: ")):
            problems.append(f"exit 1 without a reason: {result.stderr!r}")
        return result.returncode == 0

    def update() -> None:
        asked["ingest"] += 1
        result = cli("ingest", root, store, "--workers", "1")
        if not well(result) and "no run cell" not in result.stderr:
            problems.append(result.stderr)

    def read(source: Path, name: str) -> None:
        asked[name] += 1
        result = cli("summary", source, "--by", "cell,alpha", "--format", "csv")
        lines = result.stdout.splitlines() if well(result) else []
        problems.extend(f"{name}: {line}" for line in lines if line not in right)
        rows[name] += len(lines[1:])
        if name == "store":
            there = {line.split(",")[0] for line in lines[1:]}
            problems.extend(f"{cell} was lost" for cell in kept - there)
            kept.update(there)

    process = producer(root)
    deadline = time.monotonic() + SECONDS
    threads = [
        until(deadline, update, problems),
        until(deadline, lambda: read(root, "runs"), problems),
        until(deadline, lambda: read(store, "store"), problems),
    ]
    for thread in threads:
        thread.join()
    (tmp_path / "stop").touch()
    _, said = process.communicate(timeout=120)
    assert (process.returncode, said, problems) == (0, "", [])
    assert all(asked.values()) and all(rows.values()), (asked, rows)
    klsurv.update_store(root, store)
    assert set(klsurv.scan(store).summary(["cell", "alpha"]).write_csv().splitlines()) == right
    same(told(store), told(root))
    assert left(store) == []
