from __future__ import annotations

import json
import math
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from klsurv.errors import CellError, InFlightError, LimitError, SkippedCellError
from klsurv.ingest.cell import Cell, load_cell, load_facts
from klsurv.ingest.discover import CellDir
from klsurv.params import Metric
from tests.ingest.handmade import FORKS, GEN_LEN, KL, NAN, PMASS, write_cell, write_file

FILES = ["calib.json", "trajectory.json", "pmass.json"]


def load(path: Path, metric: Metric = "pmass_eval") -> Cell:
    return load_cell(CellDir(path.name, path), metric=metric)


def test_a_whole_cell_is_ok_and_holds_what_its_files_say(tmp_path: Path) -> None:
    cell = load(write_cell(tmp_path))
    assert (cell.name, cell.status, cell.reason, cell.forks) == ("good", "ok", None, FORKS)
    assert cell.calib is not None
    assert (cell.calib.window, cell.calib.c_star, cell.calib.layer) == (8, 5.0, 3)
    assert [dose.alpha for dose in cell.doses] == [0.0, 1.0]
    for dose in cell.doses:
        assert [list(row) for row in dose.kl] == KL[dose.alpha]
        assert dose.pmass == PMASS[dose.alpha]
        assert dose.gen_len == GEN_LEN[dose.alpha]


def test_a_cell_can_be_sent_between_processes(tmp_path: Path) -> None:
    cell = load(write_cell(tmp_path))
    assert pickle.loads(pickle.dumps(cell)) == cell


@pytest.mark.parametrize("kind", [CellError, SkippedCellError, InFlightError, LimitError])
def test_an_error_that_was_sent_is_of_its_kind_and_says_the_same(kind: type[CellError]) -> None:
    sent = pickle.loads(pickle.dumps(kind("is odd", cell="a", file="b.json", field="c[0]")))
    assert (type(sent), str(sent), sent.reason) == (kind, "a: b.json: c[0]: is odd", "b.json: c[0]: is odd")


@pytest.mark.parametrize("file", FILES)
def test_a_file_cut_short_at_any_byte_breaks_the_cell_and_says_which(tmp_path: Path, file: str) -> None:
    cell = write_cell(
        tmp_path,
        calib={name: ... for name in ("c_star", "target_kl", "method", "model", "layer")},
        trajectory={"per_t_p95_kl": ..., "fork_points_full": ..., "per_prompt_per_t_kl": {"1.0": [[0.5, NAN]]}},
        pmass={"fork_points": [0], "pmass_eval": {"1.0": [[0.9]]}, "gen_lens_eval": {"1.0": [1]}, "debug_first": ...},
    )
    whole = (cell / file).read_bytes()
    assert load(cell).status == "partial"
    for length in range(len(whole)):
        write_file(cell / file, whole[:length])
        read = load(cell)
        assert (read.status, read.doses) == ("broken", []), length
        assert (read.reason or "").startswith(f"{file}: is {'not JSON' if length else 'empty'}"), length


@pytest.mark.parametrize("file", FILES)
def test_a_real_file_cut_short_breaks_the_cell_and_says_which(cells: Path, file: str) -> None:
    cell = min(cells.iterdir())
    whole = (cell / file).read_bytes().rstrip()
    assert load(cell).status == "ok"
    for part in range(24):
        write_file(cell / file, whole[: (len(whole) - 1) * part // 23])
        read = load(cell)
        assert (read.status, read.doses) == ("broken", [])
        assert (read.reason or "").startswith(f"{file}: is ")


@pytest.mark.parametrize("file", FILES)
def test_a_file_that_is_not_there_yet_skips_the_cell(tmp_path: Path, file: str) -> None:
    cell = write_cell(tmp_path)
    (cell / file).unlink()
    read = load(cell)
    assert (read.status, read.reason, read.doses) == ("skipped", f"{file}: not there (yet)", [])


def test_a_cell_whose_pmass_was_not_measured_is_skipped(tmp_path: Path) -> None:
    read = load(write_cell(tmp_path, pmass={"computed": False, "pmass_eval": ..., "fork_points": ...}))
    assert (read.status, read.reason) == ("skipped", "pmass.json: computed: is not true: pmass was not measured")


def test_a_cell_that_does_not_say_whether_pmass_was_measured_is_read(tmp_path: Path) -> None:
    assert load(write_cell(tmp_path, pmass={"computed": ...})).status == "ok"


@pytest.mark.parametrize("empty", [{"trajectory": {"per_prompt_per_t_kl": {}}}, {"pmass": {"pmass_eval": {}}}])
def test_a_cell_without_a_dose_that_can_be_scored_is_skipped(tmp_path: Path, empty: dict[str, Any]) -> None:
    read = load(write_cell(tmp_path, **empty))
    assert (read.status, read.doses) == ("skipped", [])
    assert "alpha 1.0 is not in" in (read.reason or "")


def test_a_trajectory_that_is_one_alpha_ahead_is_partial(tmp_path: Path) -> None:
    read = load(write_cell(tmp_path, pmass={"pmass_eval": {"0.0": [[0.9], [0.9]]}}))
    assert read.status == "partial"
    assert read.reason == "trajectory.json: alpha 1.0 is not in pmass.json (yet), and left out"
    assert [dose.alpha for dose in read.doses] == [0.0]


def test_a_fact_that_is_missing_makes_a_cell_partial(tmp_path: Path) -> None:
    read = load(write_cell(tmp_path, calib={"seed": ..., "c_star": "5"}))
    assert read.status == "partial"
    assert read.reason == "calib.json: seed: missing; calib.json: c_star: is text, and cannot be used"
    assert len(read.doses) == 2


def test_keys_written_as_whole_numbers_are_the_same_doses(tmp_path: Path) -> None:
    changed = {
        "trajectory": {"per_prompt_per_t_kl": {"1": KL[1.0], "0": KL[0.0]}},
        "pmass": {"pmass_eval": {"0": PMASS[0.0], "1.00": PMASS[1.0]}},
    }
    assert load(write_cell(tmp_path, "good", **changed)).doses == load(write_cell(tmp_path / "other", "good")).doses


@pytest.mark.parametrize("lengths", [{"gen_lens_eval": ...}, {"gen_lens_eval": {}}, {"gen_lens_eval": {"1.0": [8]}}])
def test_older_cells_without_lengths_take_them_from_the_kl(tmp_path: Path, lengths: dict[str, Any]) -> None:
    assert [dose.gen_len for dose in load(write_cell(tmp_path, pmass=lengths)).doses] == [[8, 5], [8, 3]]


def test_a_failed_kl_inside_the_generation_is_kept(tmp_path: Path) -> None:
    kl = {"1.0": [[0.5, NAN, math.inf, 0.5, NAN, NAN, NAN, NAN]] * 2}
    read = load(write_cell(tmp_path, trajectory={"per_prompt_per_t_kl": kl}, pmass={"gen_lens_eval": {"1.0": [5, 2]}}))
    assert str([list(row) for row in read.doses[0].kl]) == str([[0.5, NAN, math.inf, 0.5, NAN], [0.5, NAN]])


def test_the_questions_have_doses_of_their_own(tmp_path: Path) -> None:
    cell = write_cell(tmp_path, pmass={"pmass": {"1.0": [[0.5] * 4]}, "gen_lens_qa": {"1.0": [7]}})
    (dose,) = load(cell, "pmass").doses
    assert ([list(row) for row in dose.kl], dose.pmass, dose.gen_len) == ([[]], [[0.5] * 4], [7])


def test_half_a_character_in_a_text_is_told_cleanly(tmp_path: Path) -> None:
    # Python's json writes such a string as "\ud83d" and reads it again; jiter does not.
    read = load(write_cell(tmp_path, pmass={"debug_first": {"1.0": "\ud83d"}}))
    assert read.status == "broken"
    assert "pmass.json: is not JSON" in (read.reason or "")


def test_facts_are_told_without_the_large_files(tmp_path: Path) -> None:
    cell = write_cell(tmp_path)
    write_file(cell / "trajectory.json", "broken")
    facts = load_facts(CellDir("good", cell))
    assert (facts.status, facts.doses) == ("ok", [])
    assert facts.calib is not None and facts.calib.method == "pca"
    write_file(cell / "calib.json", "broken")
    assert load_facts(CellDir("good", cell)).status == "broken"


def _replaced(file: str, place: Callable[[Path], object]) -> Callable[[Path], object]:
    def spoil(cell: Path) -> object:
        (cell / file).unlink()
        return place(cell / file)

    return spoil


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize(
    ("place", "cause"),
    [
        (Path.mkdir, "is a directory, not a regular file"),
        (lambda path: path.symlink_to(path.parent / "gone"), "missing"),
        (lambda path: path.symlink_to(path), "cannot be opened"),
        (lambda path: write_file(path, "[]"), "holds a list at the top"),
    ],
    ids=["directory", "dangling link", "link to itself", "list"],
)
def test_what_stands_in_place_of_a_file_breaks_the_cell(
    tmp_path: Path, file: str, place: Callable[[Path], object], cause: str
) -> None:
    cell = write_cell(tmp_path)
    _replaced(file, place)(cell)
    read = load(cell)
    assert read.status == "broken"
    assert (read.reason or "").startswith(f"{file}: {cause}")


def test_files_that_are_links_are_read(tmp_path: Path) -> None:
    real = write_cell(tmp_path / "real")
    cell = tmp_path / "good"
    cell.mkdir()
    for file in FILES:
        (cell / file).symlink_to(real / file)
    assert load(cell).doses == load(real).doses
    assert json.loads((cell / "calib.json").read_text())["window"] == 8
