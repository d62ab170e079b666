"""A reader that goes, and streams that are closed: no trace, and the exit code that the work deserves.

Whoever has seen enough is no error: `klsurv summary RUNS | head -1` exits with 0, under `set -o pipefail` too. What the
exit code says of the runs, as that of `check` does, it says without a reader as well.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.ingest.handmade import write_cell, write_file

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs a shell")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Enough cells that a table of them fills a pipe, the first of them broken."""
    root = tmp_path_factory.mktemp("pipes") / "runs"
    write_file(write_cell(root, "a" * 100) / "pmass.json", "{")
    cell = write_cell(root, "b" * 100)
    for i in range(250):
        (root / f"{'c' * 200}_{i}").symlink_to(cell)
    return root


def shell(line: str, *words: object) -> subprocess.CompletedProcess[str]:
    """A line of sh, in which K is klsurv; stdout tells the exit code of klsurv last."""
    script = f'K() {{ "$PYTHON" -m klsurv "$@"; echo "code $?" >&9; }}; {line}'
    return subprocess.run(
        ["bash", "-c", f"{{ {script}; }} 9>&1", "bash", *map(str, words)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={"PYTHON": sys.executable, "PATH": "/usr/bin:/bin"},
    )


def quiet(result: subprocess.CompletedProcess[str], code: int) -> None:
    lines = result.stderr.splitlines()
    assert [line for line in lines if not line.startswith("warning: ")] == []
    assert f"code {code}\n" in result.stdout, result


@pytest.mark.parametrize("format", ["csv", "json"])
def test_a_reader_of_one_line_ends_a_table(root: Path, format: str) -> None:
    quiet(shell('K summary "$1" --by cell,alpha --roll 1 --format $2 | head -1', root, format), 0)


@pytest.mark.parametrize("words", ["--help", "schema --format table"])
def test_no_reader_at_all_is_no_error(root: Path, words: str) -> None:
    quiet(shell(f"K {words} | true", root), 0)


def test_check_finds_the_broken_cell_whoever_reads_on(root: Path) -> None:
    quiet(shell('K check "$1" | head -1', root), 1)


def test_data_that_are_to_go_nowhere_are_an_error(root: Path) -> None:
    result = shell('K summary "$1" >&-', root)
    assert result.stderr.splitlines()[-1] == "error: the output cannot be written: Bad file descriptor"
    assert result.stdout == "code 1\n"


@pytest.mark.parametrize("closed", ["2>&1 | true", "<&- >&- 2>&-"])
def test_work_that_leads_to_a_file_is_done_where_no_one_listens(root: Path, tmp_path: Path, closed: str) -> None:
    result = shell(f'K export "$1" "$2" --table summary {closed}', root, tmp_path / "a.csv")
    quiet(result, 0)
    assert (tmp_path / "a.csv").read_text().startswith("alpha,")
