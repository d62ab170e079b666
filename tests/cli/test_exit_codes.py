from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

import klsurv as package
from tests.conftest import Klsurv
from tests.ingest.handmade import write_cell, write_file

MISSING = "no_such_runs"


@pytest.fixture
def good(tmp_path: Path) -> Path:
    """A root with one small cell."""
    root = tmp_path / "runs"
    write_cell(root, "good")
    return root


def said(result: subprocess.CompletedProcess[str], code: int, *parts: str) -> None:
    assert result.returncode == code, result.stderr[-500:]
    assert result.stdout == ""
    assert "Traceback" not in result.stderr
    assert [part for part in parts if part not in result.stderr] == []


@pytest.mark.parametrize(
    ("path", "cause"),
    [
        ("nope", "nope does not exist"),
        ("nope/deep", "does not exist"),
        ("empty", "no run cell in"),
        ("text.txt", "is not a parquet file"),
        ("runs/good/calib.json", "is not a parquet file"),
        ("fifo", "fifo is not a directory"),
        ("[red]", "[red] does not exist"),
        ("[/x]", "[/x] does not exist"),
        ("\x1b[31m", "\\x1b[31m does not exist"),
        ("~no_such_user_here/x", "~no_such_user_here/x does not exist"),
        ("x" * 5000, "xxx"),
    ],
    ids=lambda value: value[:24].replace("\x1b", "ESC"),
)
def test_runs_that_are_not_there_exit_with_1(klsurv: Klsurv, good: Path, path: str, cause: str) -> None:
    (good.parent / "empty").mkdir()
    (good.parent / "text.txt").write_text("text")
    os.mkfifo(good.parent / "fifo")
    said(klsurv("summary", path, cwd=good.parent), 1, cause)


@pytest.mark.parametrize("command", [["check"], ["summary"], ["export"], ["plot", "spaghetti"]])
def test_every_command_exits_with_1_where_there_are_no_runs(klsurv: Klsurv, tmp_path: Path, command: list[str]) -> None:
    output = {"export": [tmp_path / "a.csv"], "plot": ["-o", tmp_path / "a.svg"]}.get(command[0], [])
    said(klsurv(*command, tmp_path / "nope", *output), 1, "error: ", "nope does not exist")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", [["summary"], ["export"], ["plot", "spaghetti"]])
def test_runs_of_which_none_can_be_used_exit_with_1(klsurv: Klsurv, tmp_path: Path, command: list[str]) -> None:
    root = tmp_path / "runs"
    write_file(write_cell(root, "bad") / "calib.json", "{")
    output = {"export": [tmp_path / "a.csv"], "plot": ["-o", tmp_path / "a.svg"]}.get(command[0], [])
    said(klsurv(*command, root, *output), 1, "warning: bad is broken: calib.json", "none of the 1 cells can be used")
    assert [path.name for path in tmp_path.iterdir()] == ["runs"]


STATISTICS = ["survival", "incidence", "compare", "dose", "threshold", "precursor", "calibration"]


@pytest.mark.parametrize("command", STATISTICS)
def test_statistics_exit_with_1_where_nothing_can_be_used_and_save_nothing(
    klsurv: Klsurv, tmp_path: Path, command: str
) -> None:
    root = tmp_path / "runs"
    write_file(write_cell(root, "bad") / "calib.json", "{")
    result = klsurv(command, root, "-o", tmp_path / "a.parquet")
    said(result, 1, "warning: bad is broken: calib.json", "none of the 1 cells can be used")
    assert [path.name for path in tmp_path.iterdir()] == ["runs"]


def test_a_dose_that_no_trajectory_has_cannot_be_compared_at(klsurv: Klsurv, good: Path) -> None:
    result = klsurv("compare", good, "--roll", "1", "--at-alpha", "7")
    said(result, 1, "no trajectory has alpha 7.0: there are 0.0, 1.0")


@pytest.mark.parametrize(
    ("options", "cause"),
    [
        (["--model-contains", "zzz"], "contains 'zzz'"),
        (["--where", "seed = 7"], "no cell is left by where"),
    ],
)
def test_a_selection_that_leaves_nothing_exits_with_1(
    klsurv: Klsurv, good: Path, options: list[str], cause: str
) -> None:
    said(klsurv("summary", good, *options), 1, cause)


@pytest.mark.parametrize("command", [["summary"], ["export"], ["plot", "spaghetti"]])
def test_strict_exits_with_1_where_something_would_be_left_out(
    klsurv: Klsurv, good: Path, tmp_path: Path, command: list[str]
) -> None:
    write_cell(good, "bad", pmass={"fork_points": [0, 4, 2, 8]})
    output = {"export": [tmp_path / "a.csv"], "plot": ["-o", tmp_path / "a.svg"]}.get(command[0], [])
    said(klsurv(*command, good, *output, "--strict"), 1, "bad: pmass.json: fork_points[2]: 2 does not ascend from 4")
    assert [path.name for path in tmp_path.iterdir()] == ["runs"]


def test_strict_exits_with_0_where_nothing_is_left_out(klsurv: Klsurv, good: Path) -> None:
    result = klsurv("summary", good, "--strict", "--roll", "1")
    assert (result.returncode, result.stderr) == (0, "")


@pytest.mark.parametrize(
    "arguments",
    [
        ["check", ""],
        ["summary", ""],
        ["watch", "", "--count", "1"],
        ["ingest", "", "store"],
        ["ingest", "runs", ""],
        ["convert", "", "cells"],
        ["convert", "long.parquet", ""],
        ["demo", ""],
    ],
    ids=" ".join,
)
def test_an_empty_path_exits_with_2_and_is_not_the_current_directory(
    klsurv: Klsurv, good: Path, arguments: list[str]
) -> None:
    klsurv("convert", good, good.parent / "long.parquet")
    (good.parent / "empty").mkdir()
    for cwd in (good, good.parent / "empty"):
        before = sorted(cwd.iterdir())
        places = [str(good.parent / text) if text in ("runs", "long.parquet") else text for text in arguments]
        said(klsurv(*places, cwd=cwd), 2, "expected the path of a file or directory, not ''")
        assert sorted(cwd.iterdir()) == before


def test_an_empty_path_is_none_in_python_either(good: Path) -> None:
    for ask in (lambda: package.scan(""), lambda: package.update_store(good, "")):
        with pytest.raises(package.ParameterError, match="expected the path of a file or directory, not ''"):
            ask()


# RUNS does not exist: exit code 2, and not 1, says that the option was refused before anything was read.
@pytest.mark.parametrize(
    "options",
    [
        ["--threshold", "0"],
        ["--threshold", "1.5"],
        ["--threshold", "nan"],
        ["--threshold", "x"],
        ["--roll", "-1"],
        ["--roll", "1.5"],
        ["--roll", "99999999999999999999"],
        ["--calib-tokens", "0"],
        ["--calib-tokens", "99999999999999999999"],
        ["--window", "0"],
        ["--window", "99999999999999999999"],
        ["--alphas", ""],
        ["--alphas", "1,x"],
        ["--alphas", "1,,2"],
        ["--alphas", "nan"],
        ["--alphas", "inf"],
        ["--alphas", "1_0"],
        ["--metric", "kl"],
        ["--by", "t"],
        ["--by", ""],
        ["--by", "alpha,alpha"],
        ["--by", "[red]"],
        ["--by", "[/x]"],
        ["--format", "xml"],
        ["--where", "seed <"],
        ["--where", "nosuch = 1"],
        ["--where", "seed"],
        ["--where", ""],
        ["--nosuch"],
        ["second_argument"],
    ],
    ids=" ".join,
)
def test_a_wrong_option_exits_with_2_before_anything_is_read(klsurv: Klsurv, options: list[str]) -> None:
    said(klsurv("summary", MISSING, *options), 2)


@pytest.mark.parametrize(
    ("arguments", "cause"),
    [
        (["survival", "--level", "1"], "level must lie in (0, 1)"),
        (["survival", "--ci", "logit"], "'logit' is not one of"),
        (["survival", "--tau", "5"], "--tau restricts the mean of --summary"),
        (["survival", "--summary", "--tau", "0"], "tau must be 1 or more"),
        (["survival", "--by", ""], "by must name at least one column"),
        (["incidence", "--by", "target_kl"], "by cannot be 'target_kl'"),
        (["incidence", "--event", "kl", "--kl-threshold", "nan"], "kl_threshold must be 0 or more"),
        (["incidence", "--event", "kl", "--kl-threshold", "inf"], "kl_threshold must be 0 or more"),
        (["compare", "--by", "method,method"], "by names a column twice"),
        (["compare", "--stratify", "method"], "method cannot make groups"),
        (["compare", "--trend", "method"], "trend must be in one of"),
        (["compare", "--trend", "alpha", "--stratify", "alpha"], "alpha cannot make groups"),
        (["compare", "--test", "t"], "'t' is not one of"),
        (["compare", "--rho", "1"], "rho is for the test fh"),
        (["compare", "--test", "fh", "--gamma", "-1"], "gamma must lie in"),
        (["compare", "--at-alpha", "x"], "'x' is not a valid float"),
        (["compare", "--tau", "-1"], "tau must be 1 or more"),
        (["dose", "--by", "alpha"], "alpha cannot make groups"),
        (["dose", "--tau", "99999999999999999999"], "tau must be 1 or more"),
        (["dose", "--bootstrap", "-1"], "bootstrap must be 0 to"),
        (["dose", "--bootstrap", "99999999999"], "bootstrap must be 0 to"),
        (["dose", "--seed", "-1"], "seed must be 0 or more"),
        (["dose", "--level", "nan"], "level must lie in (0, 1)"),
        (["threshold", "--from", "0"], "thresholds must ascend"),
        (["threshold", "--from", "0.5", "--to", "0.4"], "thresholds must ascend"),
        (["threshold", "--to", "nan"], "thresholds must ascend"),
        (["threshold", "--steps", "1"], "one step needs --from and --to to be equal"),
        (["threshold", "--consecutive", "0"], "consecutive must lie in"),
        (["precursor", "--lags", "0"], "lags must be 1 to"),
        (["precursor", "--by", "alpha"], "alpha cannot make groups"),
        (["precursor", "--table", "landmark", "--landmarks", "0"], "a landmark must be 1 or more"),
        (["precursor", "--landmarks", "1.5"], "landmarks must be whole tokens, not 1.5"),
        (["precursor", "--landmarks", "nan"], "landmarks must be whole tokens, not nan"),
        (["precursor", "--landmarks", "20,inf"], "landmarks must be whole tokens, not 20.0, inf"),
        (["precursor", "--landmarks", ""], "is not numbers separated by commas"),
        (["precursor", "--table", "nosuch"], "'nosuch' is not one of"),
        (["calibration", "--level", "0"], "level must lie in (0, 1)"),
        (["calibration", "-o", "a.txt"], "unknown suffix '.txt'"),
        (["compare", "-o", "a.csv", "-o", "nowhere/a.csv"], "there is no folder nowhere"),
    ],
    ids=lambda value: " ".join(value)[:60] if isinstance(value, list) else "",
)
def test_a_wrong_option_of_statistics_is_named_before_anything_is_read_or_written(
    klsurv: Klsurv, tmp_path: Path, arguments: list[str], cause: str
) -> None:
    result = klsurv(arguments[0], MISSING, *arguments[1:], cwd=tmp_path)
    assert " ".join(cause.split()) in " ".join(result.stderr.split())
    said(result, 2)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "arguments",
    [
        ["nosuch"],
        ["summary"],
        ["export", MISSING],
        ["export", MISSING, "a.xyz"],
        ["export", MISSING, "a"],
        ["export", MISSING, "[red].xyz"],
        ["export", MISSING, "[/x].csv"],
        ["export", MISSING, "nowhere/a.csv"],
        ["export", MISSING, "folder.csv"],
        ["export", MISSING, "text/a.csv"],
        ["export", MISSING, "x" * 300 + ".csv"],
        ["export", MISSING, "a.csv", "--table", "trajectories"],
        ["export", MISSING, "a.csv", "--table", "cells"],
        ["export", MISSING, "a.csv", "--table", "nosuch"],
        ["export", MISSING, "a.csv", "--by", "t", "--table", "summary"],
        ["export", MISSING, "a.csv", "--by", "method", "--table", "calibration"],
        ["export", MISSING, "a.csv", "--by", "", "--table", "survival"],
        ["plot"],
        ["plot", "nosuch", MISSING],
        ["plot", "spaghetti", MISSING],
        ["plot", "spaghetti", MISSING, "-o", "a.bmp"],
        ["plot", "spaghetti", MISSING, "-o", "a.svg", "-o", "a"],
        ["plot", "spaghetti", MISSING, "-o", "nowhere/a.svg"],
        ["plot", "spaghetti", MISSING, "-o", "folder.svg"],
        ["plot", "spaghetti", MISSING, "-o", "a.svg", "--summary", "a.txt"],
        ["plot", "spaghetti", MISSING, "-o", "a.svg", "--summary", "nowhere/a.md"],
        ["plot", "spaghetti", MISSING, "-o", "a.svg", "--scale", "0"],
        ["plot", "spaghetti", MISSING, "-o", "a.svg", "--scale", "nan"],
        ["plot", "spaghetti", MISSING, "-o", "a.svg", "--columns", "0"],
        ["plot", "spaghetti", MISSING, "-o", "a.svg", "--columns", "99999999999999999999"],
        ["plot", "spaghetti", MISSING, "-o", "a.svg", "--line-lw", "0"],
        ["plot", "spaghetti", MISSING, "-o", "a.svg", "--line-alpha", "2"],
        ["schema", "nosuch"],
    ],
    ids=lambda words: " ".join(words)[:60],
)
def test_wrong_usage_exits_with_2_before_anything_is_read_or_written(
    klsurv: Klsurv, tmp_path: Path, arguments: list[str]
) -> None:
    (tmp_path / "folder.csv").mkdir()
    (tmp_path / "folder.svg").mkdir()
    (tmp_path / "text").write_text("text")
    result = klsurv(*arguments, cwd=tmp_path)
    assert result.returncode == 2, result.stderr[-500:]
    assert "Traceback" not in result.stderr
    assert result.stderr or arguments == ["plot"]
    assert {path.name for path in tmp_path.iterdir()} == {"folder.csv", "folder.svg", "text"}


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_must_not_be_written_exits_with_2(klsurv: Klsurv, tmp_path: Path) -> None:
    (tmp_path / "locked").mkdir(mode=0o555)
    said(klsurv("export", MISSING, tmp_path / "locked" / "a.csv"), 2, "not writable")


def test_names_in_messages_are_escaped_or_literal(klsurv: Klsurv, good: Path) -> None:
    result = klsurv("export", good, good.parent / "a\x1b[31m[red].csv", "--table", "summary", "--roll", "1")
    assert result.returncode == 0
    assert "\x1b" not in result.stderr
    assert "a\\x1b[31m[red].csv" in result.stderr
    result = klsurv("summary", good, "--model-contains", "[/x]\x1b[31m")
    said(result, 1, "[/x]\\x1b[31m")
