"""Streams that take nothing, are closed or are left, and Ctrl-C."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.terminal import on_terminal
from tests.ingest.handmade import write_cell, write_file

pytestmark = pytest.mark.skipif(os.name != "posix", reason="needs a shell and signals")


@pytest.fixture
def good(tmp_path: Path) -> Path:
    """A root with one small cell."""
    root = tmp_path / "runs"
    write_cell(root, "good")
    return root


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
@pytest.mark.parametrize("command", [["summary"], ["check"], ["compare"], ["schema"]])
def test_an_output_that_takes_nothing_is_an_error_without_a_traceback(good: Path, command: list[str]) -> None:
    arguments = command if command == ["schema"] else [*command, str(good)]
    with open("/dev/full", "w") as full:
        result = subprocess.run(
            [sys.executable, "-m", "klsurv", *arguments], stdout=full, stderr=subprocess.PIPE, text=True, timeout=60
        )
    assert result.returncode not in (0, 130)
    assert "No space left" in result.stderr
    assert "Traceback" not in result.stderr and "Exception ignored" not in result.stderr


@pytest.mark.parametrize("redirection", [">&-", "2>&-", ">&- 2>&-", "<&-"])
def test_a_stream_that_is_closed_from_the_start_is_no_traceback(good: Path, redirection: str) -> None:
    result = subprocess.run(
        ["sh", "-c", f'"$0" -m klsurv summary "$1" --roll 1 {redirection}', sys.executable, str(good)],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert "Traceback" not in result.stderr
    if redirection in ("2>&-", "<&-"):
        assert result.returncode == 0
        assert result.stdout.startswith("alpha,n,")


@pytest.mark.parametrize(
    "arguments",
    [
        ["schema"],
        ["summary", "RUNS", "--roll", "1", "--by", "cell,alpha,prompt"],
        ["calibration", "RUNS", "--roll", "1"],
    ],
)
def test_a_reader_that_has_seen_enough_is_no_error(good: Path, arguments: list[str]) -> None:
    words = [str(good) if word == "RUNS" else word for word in arguments]
    process = subprocess.Popen(
        [sys.executable, "-m", "klsurv", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None and process.stderr is not None
    process.stdout.close()
    stderr = process.stderr.read()
    process.stderr.close()
    assert process.wait(timeout=60) in (0, 141)
    assert stderr == ""


@pytest.mark.parametrize("large", [False, True], ids=["in one process", "with workers"])
def test_ctrl_c_while_cells_are_read_exits_with_130_and_no_traceback(tmp_path: Path, large: bool) -> None:
    cell = write_cell(tmp_path / "elsewhere", "cell")
    tokens = 40_000 if large else 8
    write_file(
        cell / "trajectory.json",
        f'{{"per_prompt_per_t_kl": {{"1.0": [[{", ".join(["0.123456789"] * tokens)}]]}}}}',
    )
    root = tmp_path / "runs"
    root.mkdir()
    for i in range(400 if large else 20_000):
        (root / f"cell_{i}").symlink_to(cell, target_is_directory=True)
    # The bar is drawn once reading has begun, and reading takes many times longer than a signal.
    code, text = on_terminal("summary", root, interrupt=lambda text: "reading cells" in text)
    assert code == 130, text[-500:]
    assert "interrupted" in text
    assert "Traceback" not in text
    assert "alpha" not in text
