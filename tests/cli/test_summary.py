from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

import klsurv as package
from tests.cli.tables import OPTIONS, SCORING, parsed
from tests.cli.terminal import on_terminal
from tests.conftest import Klsurv
from tests.ingest.handmade import KL, NAN, write_cell, write_file


@pytest.mark.parametrize(
    ("format", "by"),
    [
        ("csv", "alpha"),
        ("json", "alpha"),
        ("ndjson", "alpha"),
        ("csv", "method,alpha"),
        ("json", "cell"),
        ("ndjson", "prompt"),
        ("csv", "model,seed, window"),
    ],
)
def test_it_prints_what_the_library_returns(klsurv: Klsurv, real_cells: Path, format: str, by: str) -> None:
    result = klsurv("summary", real_cells, *OPTIONS, "--by", by, "--format", format)
    assert (result.returncode, result.stderr) == (0, "")
    want = package.scan(real_cells).summary(by, **SCORING)
    assert_frame_equal(parsed(result.stdout, format, want.schema), want, check_exact=True)


@pytest.mark.parametrize(
    ("options", "scan", "scoring"),
    [
        ([], {}, {}),
        (["--threshold", "0.5", "--roll", "0"], {}, {"threshold": 0.5, "roll": 0}),
        (["--calib-tokens", "5", "--no-normalize-kl"], {}, {"calib_tokens": 5, "normalize_kl": False}),
        (["--window", "20"], {}, {"window": 20}),
        (["--alphas", "1,0,0.50"], {"alphas": [0, 0.5, 1]}, {}),
        (["--model-contains", "pca"], {"model_contains": "pca"}, {}),
        (["--where", "method = 'pca' AND seed < 3"], {"where": "method = 'pca' AND seed < 3"}, {}),
        (["--where", "status = 'ok' AND n_prompts = 8"], {}, {}),
        (["--metric", "pmass", "--roll", "1"], {"metric": "pmass"}, {"roll": 1}),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_its_options_are_the_library_s(
    klsurv: Klsurv, real_cells: Path, options: list[str], scan: dict[str, Any], scoring: dict[str, Any]
) -> None:
    result = klsurv("summary", real_cells, *options, "--format", "json")
    runs = package.scan(real_cells, **scan, tell=lambda _: None)
    want = runs.summary(**scoring)
    assert (result.returncode, result.stderr) == (0, "".join(f"warning: {said}\n" for said in runs.warnings))
    assert_frame_equal(parsed(result.stdout, "json", want.schema), want, check_exact=True)


def test_one_cell_and_a_parquet_file_are_runs_too(klsurv: Klsurv, real_cells: Path, tmp_path: Path) -> None:
    cell = min(real_cells.iterdir())
    one = klsurv("summary", cell, *OPTIONS)
    exported = klsurv("export", cell, tmp_path / "a.parquet", "--table", "long")
    again = klsurv("summary", tmp_path / "a.parquet", *OPTIONS)
    assert (one.returncode, exported.returncode, again.returncode) == (0, 0, 0)
    assert one.stdout == again.stdout
    assert one.stdout == package.scan(cell).summary(**SCORING).write_csv()


def test_without_a_terminal_it_prints_csv(klsurv: Klsurv, real_cells: Path) -> None:
    assert klsurv("summary", real_cells).stdout == package.scan(real_cells).summary().write_csv()


def test_markdown_rounds_and_has_a_row_per_group(klsurv: Klsurv, real_cells: Path) -> None:
    result = klsurv("summary", real_cells, *OPTIONS, "--format", "md")
    head, rule, *body = [[cell.strip() for cell in line.strip("|").split("|")] for line in result.stdout.splitlines()]
    want = package.scan(real_cells).summary(**SCORING)
    assert head == want.columns
    assert set(rule) == {"--:"}
    for line, row in zip(body, want.rows(), strict=True):
        for cell, value in zip(line, row, strict=True):
            assert cell == ("–" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value))


def test_the_table_holds_every_column_and_a_caption(klsurv: Klsurv, real_cells: Path) -> None:
    result = klsurv("summary", real_cells, *OPTIONS, "--format", "table")
    want = package.scan(real_cells).summary(**SCORING)
    assert result.stdout.split()[: want.width] == want.columns
    assert "drawn trajectories" in result.stdout


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
@pytest.mark.parametrize("width", [40, 60, 80, 100, 132, 250])
def test_a_terminal_of_any_width_shows_every_column_and_every_digit(real_cells: Path, width: int) -> None:
    code, text = on_terminal("summary", real_cells, *OPTIONS, width=width)
    assert code == 0
    lines = text.split("n_died, n_censored:")[0].splitlines()
    assert max(map(len, lines)) <= width
    shown: dict[str, list[str]] = {}
    columns: list[str] = []
    for line in lines:
        words = line.split()
        if words and words[0] == "alpha":
            columns = words
            shown.update({name: [] for name in columns})
        elif words and "─" not in line:
            for name, word in zip(columns, words, strict=True):
                shown[name].append(word)
    want = package.scan(real_cells).summary(**SCORING)
    assert list(shown) == want.columns
    assert shown == {
        name: ["–" if x is None else f"{x:.4g}" if isinstance(x, float) else str(x) for x in want.get_column(name)]
        for name in want.columns
    }


def test_json_has_null_for_what_is_not_there_or_not_finite(klsurv: Klsurv, tmp_path: Path) -> None:
    write_cell(tmp_path, "a", trajectory={"per_prompt_per_t_kl": {"1.0": [[NAN] * 8] * 2}})
    for arguments in (["--format", "json"], ["--format", "ndjson"]):
        result = klsurv("summary", tmp_path, "--roll", "1", *arguments)
        assert result.returncode == 0
        row, *_ = json.loads(
            f"[{result.stdout}]" if "ndjson" in arguments else result.stdout, parse_constant=pytest.fail
        )
        assert (row["kl_p50"], row["kl_p99"]) == (None, None)


def test_an_alpha_that_no_cell_has_keeps_its_row_with_a_warning(klsurv: Klsurv, real_cells: Path) -> None:
    result = klsurv("summary", real_cells, "--alphas", "1,7.5", "--format", "json")
    assert result.returncode == 0
    one, absent = json.loads(result.stdout)
    assert (one["alpha"], one["n"]) == (1.0, 16)
    assert (absent["alpha"], absent["n"], absent["n_events"], absent["kl_p50"]) == (7.5, 0, 0, None)
    assert result.stderr == "warning: no cell has alpha 7.5; there is 0.0, 0.25, 0.5, 1.0, 1.5, 2.0, 4.0\n"


def test_only_alphas_that_no_cell_has_give_empty_rows(klsurv: Klsurv, real_cells: Path) -> None:
    result = klsurv("summary", real_cells, "--alphas", "7.5", "--format", "json")
    assert [(row["alpha"], row["n"]) for row in json.loads(result.stdout)] == [(7.5, 0)]
    assert (result.returncode, result.stderr) == (
        0,
        "warning: no cell has alpha 7.5; there is 0.0, 0.25, 0.5, 1.0, 1.5, 2.0, 4.0\n",
    )


def test_a_prompt_set_that_no_cell_has_gives_empty_rows_with_a_warning(klsurv: Klsurv, real_cells: Path) -> None:
    result = klsurv("summary", real_cells, "--alphas", "1", "--metric", "pmass", "--format", "json")
    assert [(row["alpha"], row["n"]) for row in json.loads(result.stdout)] == [(1.0, 0)]
    assert (result.returncode, result.stderr) == (
        0,
        "warning: no cell has a trajectory of the prompt set pmass (--metric)\n",
    )


@pytest.mark.parametrize("n_bad", [1, 5, 8])
def test_each_cell_that_is_left_out_is_a_line_on_stderr_up_to_five(klsurv: Klsurv, tmp_path: Path, n_bad: int) -> None:
    write_cell(tmp_path, "good")
    for i in range(n_bad):
        write_file(write_cell(tmp_path, f"bad_{i}") / "pmass.json", '{"a"')
    result = klsurv("summary", tmp_path, "--roll", "1")
    assert result.returncode == 0
    assert result.stdout == package.scan(tmp_path / "good").summary(roll=1).write_csv()
    lines = result.stderr.splitlines()
    for i, line in enumerate(lines[:5]):
        assert line.startswith(f"warning: bad_{i} is broken: pmass.json: is not JSON")
    more = [f"warning: {n_bad - 5} more cells are not ok: `klsurv check` lists them"] if n_bad > 5 else []
    assert lines[5:] == more


def test_names_from_files_appear_as_they_are_or_escaped(klsurv: Klsurv, tmp_path: Path) -> None:
    write_cell(tmp_path, "[red]x", calib={"method": "[/x]", "model": "\x1b[31m\u202e"})
    write_cell(tmp_path, b"\xff\x1b]0;title\x07\n", calib={"method": "[bold]", "model": "</script>"})
    for format in ("table", "md", "csv", "json", "ndjson"):
        result = klsurv("summary", tmp_path, "--by", "cell,method,model", "--roll", "1", "--format", format)
        assert (result.returncode, result.stderr) == (0, "")
        assert not set("\x1b\x07\u202e") & set(result.stdout)
        text = result.stdout
        if format in ("json", "ndjson"):
            rows = json.loads(text) if format == "json" else list(map(json.loads, text.splitlines()))
            text = " ".join(str(row[name]) for row in rows for name in ("cell", "method", "model"))
        names = ["[red]x", "[/x]", "\\x1b[31m\\u202e", "[bold]", "</script>", "\\udcff\\x1b]0;title\\x07\\n"]
        assert [name for name in names if name not in text] == []


def test_names_in_a_parquet_file_are_escaped_too(klsurv: Klsurv, tmp_path: Path) -> None:
    frame = pl.DataFrame(
        {"cell": ["a\x1b[31m"], "alpha": [1.0], "prompt": [0], "kl": [[0.1, 0.2]], "fork": [[0]], "pmass": [[0.9]]}
    )
    frame.write_parquet(tmp_path / "odd.parquet")
    result = klsurv("summary", tmp_path / "odd.parquet", "--by", "cell", "--roll", "1")
    assert result.returncode == 0
    assert "\x1b" not in result.stdout and "a\\x1b[31m" in result.stdout


def test_a_generation_of_no_token_does_not_stop_it(klsurv: Klsurv, tmp_path: Path) -> None:
    write_cell(tmp_path, "a", pmass={"gen_lens_eval": {"0.0": [8, 5], "1.0": [8, 0]}})
    result = klsurv("summary", tmp_path, "--format", "json")
    assert result.returncode == 0, result.stderr[-300:]
    assert [row["n"] for row in json.loads(result.stdout)] == [len(KL[0.0]), len(KL[1.0])]


def test_a_roll_longer_than_any_rollout_leaves_kl_raw(klsurv: Klsurv, real_cells: Path) -> None:
    raw = klsurv("summary", real_cells, "--roll", "0", "--no-normalize-kl")
    wide = klsurv("summary", real_cells, "--roll", "100000", "--no-normalize-kl")
    assert wide.stdout == raw.stdout


def test_the_same_input_gives_the_same_bytes(klsurv: Klsurv, real_cells: Path) -> None:
    assert klsurv("summary", real_cells).stdout == klsurv("summary", real_cells).stdout


def test_columns_and_doses_that_are_given_one_by_one_are_together(klsurv: Klsurv, real_cells: Path) -> None:
    apart = klsurv(
        "summary", real_cells, *OPTIONS, "--by", "method", "--by", "alpha", "--alphas", "0", "--alphas", "1,2"
    )
    assert apart.stdout == klsurv("summary", real_cells, *OPTIONS, "--by", "method,alpha", "--alphas", "0,1,2").stdout
    assert apart.stdout.startswith("method,alpha,n,") and apart.returncode == 0
