"""The notebook can be run, is one that marimo takes, and finds what is in the data and not what was written down."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

NOTEBOOK = Path(__file__).resolve().parents[2] / "docs" / "notebook.py"


def test_marimo_finds_no_fault_with_the_notebook() -> None:
    command = [sys.executable, "-m", "marimo", "check", "--strict", str(NOTEBOOK)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_finding_follows_the_data_when_the_methods_change_names(cells: Path, tmp_path: Path) -> None:
    runs = cells.rename(tmp_path / "klsurv-demo")
    for calib in runs.glob("*/calib.json"):
        ours, theirs = ("pca", "mean_diff") if "_pca_" in calib.parent.name else ("mean_diff", "pca")
        text = calib.read_text()
        assert f'"{ours}"' in text
        calib.write_text(text.replace(f'"{ours}"', f'"{theirs}"'))
    done = subprocess.run(
        [sys.executable, str(NOTEBOOK)],
        cwd=tmp_path,
        env=os.environ | {"POLARS_MAX_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    (finding,) = done.stdout.splitlines()
    assert finding.startswith("At alpha 1, pca kept 8 of 8 prompts coherent to the end and mean_diff 3, ")
    assert "a difference of 60 of 96 tokens (95 % interval 24 to 96, " in finding
    assert "p = 0.062 " in finding and "at 9 of 9 thresholds" in finding
    assert finding.endswith("these data point to a real difference and do not settle it.")
