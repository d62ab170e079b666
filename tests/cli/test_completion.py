"""The Tab key: a real bash is asked, and what zsh and fish get."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from klsurv.cli.plot import CHARTS
from klsurv.params import GROUPS
from klsurv.schema import TABLES
from tests.cli.test_help import HEAVY
from tests.conftest import Klsurv

# `compopt`, with which a completion asks bash for its own files, works in a terminal only.
ASK = """
compopt() { echo compopt "$@"; }
eval "$SCRIPT"
complete -p klsurv | grep -q -- '-F _klsurv_completion klsurv$' || exit 3
COMP_WORDS=(%s) COMP_CWORD=%d
_klsurv_completion klsurv
printf '%%s\\n' "${COMPREPLY[@]}"
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An environment in which a shell finds klsurv where an installation puts it, and bash its script."""
    script = tmp_path_factory.mktemp("bin") / "klsurv"
    script.write_text(f"#!{sys.executable}\nfrom klsurv.__main__ import main\nmain()\n")
    script.chmod(0o755)
    found = os.environ | {"PATH": f"{script.parent}{os.pathsep}{os.environ['PATH']}"}
    printed = subprocess.run(
        ["klsurv", "completion", "bash"], env=found, capture_output=True, text=True, timeout=60, check=True
    )
    return found | {"SCRIPT": printed.stdout}


def completed(installed: dict[str, str], words: list[str]) -> list[str]:
    """What bash offers for the last of the words."""
    script = ASK % (shlex.join(words), len(words) - 1)
    done = subprocess.run(
        ["bash", "--norc", "-c", script], env=installed, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.split("\n")[:-1]


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("comp", ["compare", "completion"]),
        ("plot ", list(CHARTS)),
        ("plot s", ["spaghetti", "survival"]),
        ("summary runs --fo", ["--format"]),
        ("summary runs --format ", ["table", "md", "csv", "json", "ndjson"]),
        ("survival runs --by ", list(GROUPS)),
        ("survival runs --by method,al", ["method,alpha"]),
        ("plot incidence runs --by alpha,m", ["alpha,model", "alpha,method"]),
        ("export runs out.parquet --table su", ["summary", "survival"]),
        ("export runs out --partition-by s", ["seed"]),
        ("schema l", [name for name in TABLES if name.startswith("l")]),
        ("summary ", ["compopt -o default", ""]),
        ("report runs -o r", ["compopt -o default", ""]),
        ("summary runs --alphas ", [""]),
    ],
)
def test_bash_is_offered_what_can_stand_there(installed: dict[str, str], typed: str, offered: list[str]) -> None:
    assert completed(installed, ["klsurv", *typed.split(" ")]) == offered


def test_bash_is_offered_the_cells_of_runs(installed: dict[str, str], real_cells: Path, tmp_path: Path) -> None:
    names = sorted(path.name for path in real_cells.iterdir())
    words = ["klsurv", "inspect", str(real_cells), "--cell"]
    assert completed(installed, [*words, ""]) == names
    assert completed(installed, [*words, names[1][:-5]]) == names[1:]
    assert completed(installed, ["klsurv", "inspect", str(tmp_path / "none"), "--cell", ""]) == [""]


@pytest.mark.parametrize("typed", ["", "plot ", "compare runs --", "export runs out.parquet --table "])
def test_the_tab_key_waits_for_no_heavy_library(installed: dict[str, str], typed: str) -> None:
    words = f"klsurv {typed}"
    asking = {"_KLSURV_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
    done = subprocess.run(
        ["klsurv"],
        env=installed | asking | {"PYTHONPROFILEIMPORTTIME": "1"},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    loaded = set(re.findall(r"\| +([\w.]+)$", done.stderr, flags=re.MULTILINE))
    assert done.stdout.startswith("plain,")
    assert "klsurv.cli" in loaded and loaded & set(HEAVY) == set()


@pytest.mark.parametrize(
    ("shell", "line", "first"),
    [
        ("zsh", r"compdef _klsurv_completion klsurv$", "plain\nspaghetti\n"),
        ("fish", r'string split --max 1 ","', "plain,"),
    ],
)
def test_zsh_and_fish_get_a_script_that_asks_klsurv(
    klsurv: Klsurv, installed: dict[str, str], shell: str, line: str, first: str
) -> None:
    script = klsurv("completion", shell)
    assert (script.returncode, script.stderr) == (0, "")
    assert re.search(line, script.stdout, flags=re.MULTILINE)
    assert f"_KLSURV_COMPLETE={shell}_complete" in script.stdout
    asking = {"_KLSURV_COMPLETE": f"{shell}_complete", "COMP_WORDS": "klsurv plot s"}
    asking["COMP_CWORD"] = "s" if shell == "fish" else "2"
    done = subprocess.run(["klsurv"], env=installed | asking, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.startswith(first) and "survival" in done.stdout and "quantiles" not in done.stdout


def test_another_shell_is_wrong_usage(klsurv: Klsurv) -> None:
    done = klsurv("completion", "tcsh")
    assert (done.returncode, done.stdout) == (2, "")
    assert "'bash', 'zsh', 'fish'" in done.stderr
