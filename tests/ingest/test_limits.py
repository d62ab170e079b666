"""What holds too much is refused before it fills the memory, with the reason, and stops no other cell."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import klsurv
from klsurv.errors import LimitError, NothingUsableError, ParameterError
from klsurv.ingest.cell import Cell, load_cell
from klsurv.ingest.check import check_doses
from klsurv.ingest.discover import GENS, HISTORY, NEEDED, CellDir, discover
from klsurv.ingest.gens import generations
from klsurv.ingest.history import bisections
from klsurv.ingest.parse import Parsed, read_object
from klsurv.ingest.values import by_alpha
from klsurv.limits import NAMES, PREFIX, Limits, limits
from tests.conftest import Klsurv
from tests.ingest.handmade import write_cell, write_file
from tests.produce.producing import add, writer

Set = Callable[..., None]
# A cell that is broken must not have cost more than the interpreter and its libraries do.
SMALL = 250 * 2**20


@pytest.fixture
def most(monkeypatch: pytest.MonkeyPatch) -> Iterator[Set]:
    """Set limits: `most(alphas=3)`."""

    def set_(**values: object) -> None:
        for name, value in values.items():
            monkeypatch.setenv(PREFIX + name.upper(), str(value))
        limits.cache_clear()

    yield set_
    monkeypatch.undo()
    limits.cache_clear()


def load(directory: Path) -> Cell:
    return load_cell(CellDir(directory.name, directory), metric="pmass_eval")


def sparse(path: Path, size: int, head: bytes = b"") -> Path:
    """A file that is large to read and takes no place."""
    with open(path, "wb") as file:
        file.write(head)
        file.truncate(size)
    return path


def reason(cell: Cell) -> str:
    assert (cell.status, cell.refused, cell.doses) == ("broken", True, [])
    assert cell.reason is not None
    return cell.reason


@pytest.mark.parametrize(
    ("limit", "at_most", "said"),
    [
        ("file_bytes", 600, "trajectory.json: has {} bytes, and at most 600 are read"),
        ("text", 20, "pmass.json: has 36 bytes in one string, and at most 20 are read"),
        ("lists", 12, "pmass.json: has 13 lists and objects, and at most 12 are read"),
        ("values", 30, "trajectory.json: has 38 values, and at most 30 are read"),
        ("alphas", 1, "pmass.json: pmass_eval: has 2 alphas, and at most 1 are read"),
        ("prompts", 1, 'trajectory.json: per_prompt_per_t_kl["0.0"]: has 2 prompts, and at most 1 are read'),
        ("forks", 3, "pmass.json: fork_points: has 4 forks, and at most 3 are read"),
    ],
)
def test_a_cell_past_a_limit_is_broken_and_says_how_to_raise_it(
    tmp_path: Path, most: Set, limit: str, at_most: int, said: str
) -> None:
    directory = write_cell(tmp_path)
    size = (directory / "trajectory.json").stat().st_size
    most(**{limit: at_most})
    assert reason(load(directory)) == f"{said.format(size)}: {PREFIX}{limit.upper()} raises this limit"


@pytest.mark.parametrize("limit", [name for name in Limits.__dataclass_fields__ if name != "cells"])
def test_what_is_exactly_at_a_limit_is_read(tmp_path: Path, most: Set, limit: str) -> None:
    directory = write_cell(tmp_path)
    whole = load(directory)
    at = {
        "file_bytes": max((directory / name).stat().st_size for name in NEEDED),
        "text": 36,
        "lists": 13,
        "values": 38,
        "alphas": 2,
        "prompts": 2,
        "forks": 4,
        "name": 4,
    }
    most(**{limit: at[limit]})
    assert load(directory) == whole
    most(**{limit: at[limit] - 1})
    assert load(directory) != whole


def test_the_rest_of_the_root_is_read(tmp_path: Path, most: Set) -> None:
    for name in ("a", "b"):
        write_cell(tmp_path, name)
    long = {"0.0": [[0.5] * 800, [0.5]], "1.0": [[0.5]]}
    write_cell(tmp_path, "c", trajectory={"per_prompt_per_t_kl": long})
    most(file_bytes=4000)
    runs = klsurv.scan(tmp_path, tell=lambda _: None)
    checked = runs.check()
    assert checked.get_column("status").to_list() == ["ok", "ok", "broken"]
    assert "KLSURV_MAX_FILE_BYTES" in checked.get_column("reason").to_list()[-1]
    assert runs.summary().get_column("n").to_list() == [4, 4]


def test_rows_are_not_made_as_long_as_one_of_them_where_that_is_too_much(tmp_path: Path, most: Set) -> None:
    kl = {"0.0": [[0.5] * 90, *([[0.5]] * 9)]}
    mass = {"0.0": [[0.9]] * 10}
    directory = write_cell(
        tmp_path,
        trajectory={"per_prompt_per_t_kl": kl},
        pmass={"pmass_eval": mass, "gen_lens_eval": {"0.0": [90, *[1] * 9]}},
    )
    most(values=900)
    assert load(directory).status == "ok"
    most(values=899)
    assert "has 900 values (prompts at all alphas × the longest KL), and at most 899 are read" in reason(
        load(directory)
    )


def test_rows_of_pmass_are_not_filled_up_where_that_is_too_much(most: Set) -> None:
    most(values=39)
    with pytest.raises(LimitError, match=r"pmass\.json: pmass_eval: has 40 values \(prompts at all alphas × forks\)"):
        check_doses(
            Parsed({"per_prompt_per_t_kl": {}}),
            {"pmass_eval": {"1": [[]] * 10}},
            forks=[0, 1, 2, 3],
            metric="pmass_eval",
        )


def test_a_name_that_is_too_long_is_left_out_and_told(tmp_path: Path) -> None:
    directory = write_cell(tmp_path, calib={"model": "m" * 1_000, "method": "m" * 1_001})
    cell = load(directory)
    assert cell.calib is not None
    assert (cell.calib.model, cell.calib.method) == ("m" * 1_000, None)
    assert (cell.status, cell.reason) == (
        "partial",
        "calib.json: method: has 1,001 characters, and at most 1,000 are read: KLSURV_MAX_NAME raises this limit",
    )


def test_a_string_ends_at_the_first_quote_that_is_not_escaped(tmp_path: Path, most: Set) -> None:
    most(text=20)
    fits = ["", "a" * 20, '"' * 10, "\\" * 10, '\\"' * 5, "[{,\\"]
    path = tmp_path / "a.json"
    for text in fits:
        assert read_object(write_file(path, json.dumps({text: [text, text]}))) == {text: [text, text]}
    for text in ("a" * 21, '"' * 11, "\\" * 11, '\\"' * 5 + "x", "é" * 4):
        for value in ({text: 1}, {"a": ["", "b", text]}):
            with pytest.raises(LimitError, match="bytes in one string, and at most 20"):
                read_object(write_file(path, json.dumps(value)))


def test_a_text_that_the_writer_takes_is_one_that_is_read(tmp_path: Path, most: Set) -> None:
    most(text=24)
    with writer(tmp_path / "a", model="\x01" * 4) as cell:
        for text in ("a" * 24, "é" * 4, '"' * 12):
            add(cell, generations=[{"gen_text": text}] * 2, replace=True)
            assert generations(CellDir("a", tmp_path / "a"))[0][0].text == text
        for text in ("a" * 25, "é" * 5, '"' * 13):
            with pytest.raises(ParameterError, match="gen_text is longer, in JSON, than the 24 bytes that are read"):
                add(cell, generations=[{"gen_text": text}] * 2, replace=True)
    with pytest.raises(ParameterError, match="model is longer, in JSON, than the 24 bytes"):
        writer(tmp_path / "b", model="\x01" * 5)
    assert load(tmp_path / "a").status == "ok"


def test_the_writer_makes_no_cell_that_is_not_read(tmp_path: Path, most: Set) -> None:
    most(alphas=2, prompts=2, forks=4)
    with writer(tmp_path / "a") as cell:
        for alpha in (1.0, 2.0):
            add(cell, alpha)
        add(cell, 2.0, replace=True)
        with pytest.raises(
            ParameterError, match=r"a: alpha 3\.0: has 3 alphas with this one, and at most 2 are read: KLS"
        ):
            add(cell, 3.0)
        with pytest.raises(
            ParameterError, match=r"alpha 2\.0: kl: has 3 prompts, and at most 2 are read: KLSURV_MAX_PR"
        ):
            add(cell, 2.0, kl=[[0.5]] * 3, replace=True)
        with pytest.raises(
            ParameterError, match=r"alpha 2\.0: pmass_qa: has 3 prompts, and at most 2 are read: KLSURV_MAX_PR"
        ):
            add(cell, 2.0, pmass_qa=[[0.9] * 4] * 3, gen_len_qa=[1] * 3, replace=True)
    assert load(tmp_path / "a").status == "ok"
    with pytest.raises(ParameterError, match="fork_points: has 5 forks, and at most 4 are read: KLSURV_MAX_FORKS rai"):
        writer(tmp_path / "b", fork_points=[0, 1, 2, 3, 4])
    assert not (tmp_path / "b").exists()


@pytest.mark.parametrize("file", [HISTORY, GENS])
def test_the_other_files_of_a_cell_are_bounded_too(tmp_path: Path, most: Set, file: str) -> None:
    directory = write_cell(tmp_path)
    sparse(directory / file, 10**12)
    where = CellDir("good", directory)
    problem = str(bisections([where])[1][0]) if file == HISTORY else generations(where)[1]
    assert problem is not None
    assert problem.startswith(f"good: {file}: has 1,000,000,000,000 bytes, and at most 4,294,967,296 are read")


def test_a_key_of_many_digits_that_is_no_alpha_is_told_at_once() -> None:
    with pytest.raises(klsurv.CellError, match="is not an alpha"):
        by_alpha({"1" * 1_000_000 + "x": []}, "a.json", "b")


def test_a_root_of_too_many_entries_is_refused(tmp_path: Path, most: Set) -> None:
    for name in "abc":
        write_cell(tmp_path, name)
    most(cells=3)
    assert len(discover(tmp_path)) == 3
    most(cells=2)
    with pytest.raises(NothingUsableError, match=r"holds more than 2 entries: .* raise KLSURV_MAX_CELLS"):
        discover(tmp_path)


@pytest.mark.parametrize("value", ["0", "-1", "1e9", "4GB", "1_000", " 7", "٣", "9" * 5000, "nan"])
def test_a_limit_that_is_no_whole_number_is_a_wrong_parameter(tmp_path: Path, most: Set, value: str) -> None:
    write_cell(tmp_path)
    most(alphas=value)
    with pytest.raises(ParameterError, match="KLSURV_MAX_ALPHAS must be a whole number of 1 or more, not"):
        klsurv.scan(tmp_path).check()


def test_a_limit_that_is_empty_is_not_set(most: Set) -> None:
    most(alphas="", forks=7)
    assert limits() == Limits(forks=7)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("KLSURV_MAX_FORKS", "many", "error: KLSURV_MAX_FORKS must be a whole number of 1 or more, not 'many'\n"),
        ("KLSURV_MAX_FORK", "5", f"error: KLSURV_MAX_FORK is no limit: expected one of {', '.join(NAMES)}\n"),
    ],
)
def test_a_wrong_limit_exits_with_2(klsurv: Klsurv, tmp_path: Path, name: str, value: str, said: str) -> None:
    write_cell(tmp_path / "runs")
    result = klsurv("check", tmp_path / "runs", env=os.environ | {name: value})
    assert (result.returncode, result.stdout, result.stderr) == (2, "", said)


def _large(directory: Path) -> None:
    sparse(directory / "trajectory.json", 10**13, b'{"per_prompt_per_t_kl": {')


def _deep(directory: Path) -> None:
    write_file(directory / "pmass.json", '{"a":' * 3_000_000)


def _many_lists(directory: Path) -> None:
    write_file(directory / "trajectory.json", b'{"a": [' + b"[]," * 5_000_000)


def _long_text(directory: Path) -> None:
    # What is past the text is not there: it is refused for its length, before it is seen to be cut short.
    sparse(directory / "calib.json", 10**8, b'{"model": "')


def _many_alphas(directory: Path) -> None:
    write_file(directory / "trajectory.json", json.dumps({"per_prompt_per_t_kl": {str(i): [] for i in range(100_000)}}))


def _many_forks(directory: Path) -> None:
    pmass: dict[str, Any] = json.loads((directory / "pmass.json").read_text())
    write_file(directory / "pmass.json", json.dumps(pmass | {"fork_points": list(range(1_000_000))}))


def _many_prompts(directory: Path) -> None:
    write_file(directory / "trajectory.json", json.dumps({"per_prompt_per_t_kl": {"0.0": [[]] * 1_000_000}}))


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (_large, "trajectory.json: has 10,000,000,000,000 bytes"),
        (_deep, "pmass.json: is nested deeper than 200 levels"),
        (_many_lists, "trajectory.json: has 5,000,002 lists and objects"),
        (_long_text, "calib.json: has 99,999,989 bytes in one string"),
        (_many_alphas, "trajectory.json: per_prompt_per_t_kl: has 100,000 alphas"),
        (_many_forks, "pmass.json: fork_points: has 1,000,000 forks"),
        (_many_prompts, 'trajectory.json: per_prompt_per_t_kl["0.0"]: has 1,000,000 prompts'),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_refusing_takes_little_memory(tmp_path: Path, spoil: Callable[[Path], None], said: str, most: Set) -> None:
    # The limit itself is tried with fewer lists: a file of 100 MB for each test is slow.
    most(lists=4_000_000)
    write_cell(tmp_path, "a")
    spoil(write_cell(tmp_path, "b"))
    # Within a gigabyte of addresses: what tried to take more would fail, and be told as something else.
    script = """if True:
        import resource, sys
        resource.setrlimit(resource.RLIMIT_AS, (2**30, 2**30))
        from pathlib import Path
        from klsurv.ingest.cell import load_cell
        from klsurv.ingest.discover import discover
        for where in discover(Path(sys.argv[1])):
            cell = load_cell(where, metric="pmass_eval")
            print(cell.status, cell.reason)
        # Of this program alone: what getrusage tells includes the process that started it.
        print(int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) * 1024)
    """
    result = subprocess.run([sys.executable, "-c", script, tmp_path], capture_output=True, text=True, timeout=100)
    good, bad, peak = result.stdout.splitlines()
    assert result.stderr == ""
    assert good == "ok None"
    assert bad.startswith(f"broken {said}")
    assert int(peak) < SMALL


def test_what_does_not_fit_into_memory_is_refused_like_what_is_past_a_limit(tmp_path: Path) -> None:
    write_cell(tmp_path, "a")
    sparse(write_cell(tmp_path, "b") / "trajectory.json", 3 * 2**30)
    script = """if True:
        import resource, sys
        resource.setrlimit(resource.RLIMIT_AS, (2**30, 2**30))
        from pathlib import Path
        from klsurv.ingest.cell import load_cell
        from klsurv.ingest.discover import discover
        print([(cell.status, cell.reason) for cell in (
            load_cell(where, metric="pmass_eval") for where in discover(Path(sys.argv[1]))
        )])
    """
    result = subprocess.run([sys.executable, "-c", script, tmp_path], capture_output=True, text=True, timeout=100)
    expected = [("ok", None), ("broken", "trajectory.json: does not fit into memory")]
    assert (result.stdout, result.stderr) == (f"{expected}\n", "")


def test_a_store_reads_a_refused_cell_again_when_the_limit_is_raised(tmp_path: Path, most: Set) -> None:
    write_cell(tmp_path / "runs", "a")
    write_cell(tmp_path / "runs", "b", pmass={"fork_points": [0, 2, 4, 8, 9]})
    most(forks=4)
    first = klsurv.update_store(tmp_path / "runs", tmp_path / "store")
    assert (first.new, list(first.broken)) == (["a"], ["b"])
    most(forks=5)
    second = klsurv.update_store(tmp_path / "runs", tmp_path / "store")
    assert (second.unchanged, second.updated, second.broken) == (["a"], ["b"], {})
    assert klsurv.scan(tmp_path / "store").summary().get_column("n").to_list() == [4, 4]


def test_a_store_has_a_long_name_when_the_limit_is_raised(tmp_path: Path, most: Set) -> None:
    write_cell(tmp_path / "runs", "a", calib={"method": "pca and more"})
    most(name=11)
    klsurv.update_store(tmp_path / "runs", tmp_path / "store")
    assert klsurv.scan(tmp_path / "store", tell=lambda _: None).cells().select("method", "status").row(0) == (
        None,
        "partial",
    )
    most(name=12)
    klsurv.update_store(tmp_path / "runs", tmp_path / "store")
    assert klsurv.scan(tmp_path / "store").cells().select("method", "status").row(0) == ("pca and more", "ok")
