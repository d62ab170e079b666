"""A whole run root: which cells there are, what is read of them, and what is told."""

from __future__ import annotations

import json
import math
import re
import threading
import time
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

import klsurv
from klsurv.errors import CellError, KlsurvWarning, NothingUsableError, ParameterError
from klsurv.ingest.root import read_root
from klsurv.params import Selection
from tests.ingest.handmade import INF, KL, KL_FIELD, NAN, PMASS_FIELD, read, source, write_cell, write_file
from tests.whole import whole


def test_a_partial_cell_is_used_but_not_with_strict(tmp_path: Path) -> None:
    write_cell(tmp_path, "half", trajectory={KL_FIELD: {"0.0": KL[0.0]}})
    cells, trajectories = read(tmp_path)
    assert cells.select("status", "alphas").row(0) == ("partial", [0.0])
    assert_frame_equal(trajectories, source("half").filter(alpha=0.0))
    with pytest.raises(CellError, match=r"half: pmass\.json: alpha 1\.0 is not in trajectory\.json"):
        read(tmp_path, strict=True)


def test_a_root_may_begin_with_an_underscore_and_hold_links_and_staging(tmp_path: Path) -> None:
    root = tmp_path / "_runs"
    write_cell(root, "_staging")
    write_cell(tmp_path / "elsewhere", "real")
    (root / "linked").symlink_to(tmp_path / "elsewhere" / "real", target_is_directory=True)
    cells, trajectories = read(root)
    assert cells.get_column("cell").to_list() == ["linked"]
    assert_frame_equal(trajectories, source("linked"))


def test_grids_may_differ_between_cells(tmp_path: Path) -> None:
    write_cell(tmp_path, "a")
    write_cell(
        tmp_path,
        "b",
        calib={"window": 3},
        trajectory={KL_FIELD: {"0.5": [[0.1, 0.2, 0.3]]}},
        pmass={"fork_points": [1], "pmass_eval": {"0.5": [[0.25]]}, "gen_lens_eval": {"0.5": [3]}},
    )
    runs = klsurv.scan(tmp_path)
    assert runs.alphas == [0.0, 0.5, 1.0]
    assert runs.cells().select("cell", "window", "n_prompts", "alphas").rows() == [
        ("a", 8, 2, [0.0, 1.0]),
        ("b", 3, 1, [0.5]),
    ]
    summary = runs.summary(by=["cell", "alpha"])
    assert summary.select("cell", "alpha", "n", "n_events", "n_eos", "n_running").rows() == [
        ("a", 0.0, 2, 0, 1, 1),
        ("a", 1.0, 2, 1, 1, 0),
        ("b", 0.5, 1, 1, 0, 0),
    ]


def test_a_failed_measurement_is_counted_and_is_no_death(tmp_path: Path) -> None:
    write_cell(
        tmp_path,
        "a",
        trajectory={KL_FIELD: {"1.0": [[0.5, NAN, INF, 0.5, 0.5, NAN, NAN, NAN], [0.5, -0.25, -0.5, NAN]]}},
        pmass={"pmass_eval": {"1.0": [[0.9, NAN, 0.9, NAN], [NAN, 0.9, NAN]]}, "gen_lens_eval": {"1.0": [5, 3]}},
    )
    runs = klsurv.scan(tmp_path)
    counts = ["status", "n_kl_failed", "n_kl_negative", "n_pmass_failed"]
    assert runs.check().select(counts).row(0) == ("ok", 2, 2, 2)
    assert runs.summary().select("n", "n_events", "n_eos", "n_running", "n_failed").row(0) == (2, 0, 2, 0, 2)


@pytest.mark.parametrize("roll", [0, 2, 65])
def test_a_generation_of_no_token_is_a_trajectory_too(tmp_path: Path, roll: int) -> None:
    write_cell(tmp_path, "a", pmass={"gen_lens_eval": {"0.0": [8, 5], "1.0": [8, 0]}})
    runs = klsurv.scan(tmp_path)
    summary = runs.summary(roll=roll)
    assert summary.select("alpha", "n", "n_skipped", "n_events", "n_eos", "n_running").rows() == [
        (0.0, 2, 2, 0, 1, 1),
        (1.0, 2, 1, 1, 1, 0),
    ]
    last = runs.trajectories(roll=roll).collect().row(-1, named=True)
    assert (last["kl"], last["length"], last["scale"], last["drawn"]) == ([], 0, None, False)
    assert runs.scored(roll=roll).filter(alpha=1.0, prompt=1).select("t", "pmass").collect().rows()[0] == (0, 0.9)


def test_the_questions_are_scored_without_kl(tmp_path: Path) -> None:
    write_cell(tmp_path, "a", pmass={"pmass": {"1.0": [[0.9, 0.5, 0.9, 0.9]]}, "gen_lens_qa": {"1.0": [8]}})
    summary = klsurv.scan(tmp_path, metric="pmass").summary()
    assert summary.select("alpha", "n", "n_skipped", "n_events", "kl_p50", "median").row(0) == (1.0, 1, 1, 1, None, 2)


def test_two_seeds_that_are_copies_stay_two_cells(tmp_path: Path) -> None:
    write_cell(tmp_path, "s0", calib={"seed": 0})
    write_cell(tmp_path, "s1", calib={"seed": 1})
    runs = klsurv.scan(tmp_path)
    assert runs.summary().get_column("n").to_list() == [4, 4]
    one, other = (whole(runs).filter(seed=seed).drop("cell", "seed") for seed in (0, 1))
    assert_frame_equal(one, other)


def test_a_prompt_has_one_index_at_every_alpha_and_in_every_cell(tmp_path: Path) -> None:
    write_cell(tmp_path, "s0")
    write_cell(tmp_path, "s1")
    prompts = klsurv.scan(tmp_path).rollouts().group_by("prompt").len().sort("prompt")
    assert prompts.rows() == [(0, 4), (1, 4)]


@pytest.mark.parametrize(
    "name", [b"[red]", b"\x1b[31mred", b"a\nb", "a\u202eb".encode(), b"\xff\xfe", b"a\\b", b"<b>&"]
)
def test_a_cell_with_an_odd_name_is_read_and_its_name_is_escaped(tmp_path: Path, name: bytes) -> None:
    write_cell(tmp_path, "good")
    write_cell(tmp_path, name)
    cells, trajectories = read(tmp_path)
    assert trajectories.height == 8
    assert all(text.isprintable() for column in ("cell", "path") for text in cells.get_column(column))
    assert trajectories.get_column("cell").unique().sort().to_list() == cells.get_column("cell").to_list()


def test_names_in_a_file_are_escaped(tmp_path: Path) -> None:
    write_cell(tmp_path, "a", calib={"model": "\x1b[31m</script>", "method": "[/x]\u202e"})
    cells, _ = read(tmp_path)
    assert cells.select("model", "method").row(0) == ("\\x1b[31m</script>", "[/x]\\u202e")


def test_progress_counts_to_all_cells(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        write_cell(tmp_path, name)
    seen: list[tuple[int, int]] = []
    read(tmp_path, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(1, 3), (2, 3), (3, 3)]


@pytest.mark.parametrize(
    ("where", "kept"),
    [
        ("method = 'pca'", ["a", "bad"]),
        ("seed < 1", ["a", "bad"]),
        ("method = 'sae' AND seed = 1", ["b", "bad"]),
        ("method LIKE 's%' OR cell = 'a'", ["a", "b", "bad"]),
        ("n_prompts = 2", ["a", "b", "bad"]),
        ("status = 'ok'", ["a", "b"]),
        ("reason IS NOT NULL", ["bad"]),
        ("window IN (8, 9)", ["a", "b", "bad"]),
        ("true", ["a", "b", "bad"]),
    ],
)
def test_where_keeps_cells_and_never_hides_one_that_it_cannot_judge(
    tmp_path: Path, where: str, kept: list[str]
) -> None:
    write_cell(tmp_path, "a")
    write_cell(tmp_path, "b", calib={"method": "sae", "seed": 1})
    write_file(write_cell(tmp_path, "bad") / "calib.json", "{")
    cells, _ = read_root(tmp_path, selection=Selection(where=where))
    assert cells.get_column("cell").to_list() == kept


def test_where_that_keeps_nothing_is_an_error(tmp_path: Path) -> None:
    write_cell(tmp_path, "a")
    with pytest.raises(NothingUsableError, match="no cell is left by where"):
        read_root(tmp_path, selection=Selection(where="seed = 7"))


@pytest.mark.parametrize(
    "where",
    [
        "",
        "seed <",
        "nosuch = 1",
        "seed",
        "1",
        "cell = '",
        "seed = 0; drop table cells",
        "NULL",
        "cast(cell as int) > 1",
    ],
)
def test_where_that_is_no_condition_over_cells_is_an_error(tmp_path: Path, where: str) -> None:
    write_cell(tmp_path, "a")
    with pytest.raises(ParameterError, match="where"):
        read_root(tmp_path, selection=Selection(where=where))


def test_nothing_that_can_be_used_is_an_error_but_can_be_checked(tmp_path: Path) -> None:
    write_file(write_cell(tmp_path, "bad") / "calib.json", "{")
    runs = klsurv.scan(tmp_path, tell=lambda _: None)
    assert runs.check().get_column("status").to_list() == ["broken"]
    for ask in (runs.summary, runs.trajectories, runs.long, runs.scored):
        with pytest.raises(NothingUsableError, match="none of the 1 cells can be used"):
            result = ask()
            if isinstance(result, pl.LazyFrame):
                result.collect()


def test_each_cell_that_is_left_out_is_told_up_to_five(tmp_path: Path) -> None:
    write_cell(tmp_path, "good")
    for i in range(7):
        write_file(write_cell(tmp_path, f"bad_{i}") / "calib.json", "{")
    told: list[str] = []
    klsurv.scan(tmp_path, tell=told.append).summary()
    assert [text.split(":")[0] for text in told[:5]] == [f"bad_{i} is broken" for i in range(5)]
    assert told[5:] == ["2 more cells are not ok: `klsurv check` lists them"]


def test_without_a_listener_a_cell_that_is_left_out_warns(tmp_path: Path) -> None:
    write_cell(tmp_path, "good")
    write_cell(tmp_path, "bad", pmass={"computed": False})
    with pytest.warns(KlsurvWarning, match=re.escape("bad is skipped: pmass.json: computed")) as told:
        klsurv.scan(tmp_path).summary()
    assert told[0].filename == __file__, "a warning is told of the line that asked"


def test_an_alpha_that_no_cell_has_keeps_an_empty_row_and_is_told(tmp_path: Path) -> None:
    write_cell(tmp_path, "good")
    told: list[str] = []
    summary = klsurv.scan(tmp_path, alphas=[3, 1], tell=told.append).summary()
    assert summary.select("alpha", "n", "n_events", "kl_p50").rows()[1] == (3.0, 0, 0, None)
    assert summary.get_column("alpha").to_list() == [1.0, 3.0]
    assert told == ["no cell has alpha 3.0; there is 0.0, 1.0"]


@pytest.mark.parametrize("path", ["~no_such_user_here/runs", "x" * 5000])
def test_a_path_that_no_system_has_is_told_like_any_that_is_missing(path: str) -> None:
    with pytest.raises(NothingUsableError):
        klsurv.scan(path).summary()


def test_a_cell_rewritten_while_it_is_read_is_old_or_new_or_left_out_with_a_reason(tmp_path: Path) -> None:
    tokens = 4000
    write_cell(tmp_path, "good")
    live = write_cell(tmp_path, "live")
    stop = threading.Event()

    def kl_of(version: int) -> str:
        value = float(version % 7)
        return json.dumps({KL_FIELD: {"1.0": [[value] * tokens] * 2}}, indent=2)

    def mass_of(version: int) -> str:
        value = version % 5 / 4
        return json.dumps(
            {
                "fork_points": [0, 2, 4, 8],
                PMASS_FIELD: {"1.0": [[value] * 4] * 2},
                "gen_lens_eval": {"1.0": [tokens] * 2},
            },
            indent=2,
        )

    def produce() -> None:
        version = 0
        while not stop.wait(0.02):
            version += 1
            for name, text in (("trajectory.json", kl_of(version)), ("pmass.json", mass_of(version))):
                with open(live / name, "w") as file:
                    for start in range(0, len(text), 40_000):
                        file.write(text[start : start + 40_000])
                        file.flush()
                        time.sleep(0.001)

    (live / "trajectory.json").write_text(kl_of(0))
    (live / "pmass.json").write_text(mass_of(0))
    producer = threading.Thread(target=produce)
    producer.start()
    versions = set()
    deadline = time.monotonic() + 2
    try:
        while time.monotonic() < deadline:
            cells, trajectories = read(tmp_path)
            assert_frame_equal(trajectories.filter(cell="good"), source("good"), check_exact=True)
            status, reason = cells.filter(cell="live").select("status", "reason").row(0)
            part = trajectories.filter(cell="live")
            if status == "ok":
                kl_values = set(part.get_column("kl").explode())
                mass_values = set(part.get_column("pmass").explode())
                assert part.get_column("kl").list.len().to_list() == [tokens] * 2
                assert len(kl_values) == len(mass_values) == 1
                versions |= kl_values
            else:
                assert status in ("skipped", "broken")
                assert reason and part.is_empty()
    finally:
        stop.set()
        producer.join()
    assert read(tmp_path)[0].get_column("status").to_list() == ["ok", "ok"]
    assert len(versions) > 1, "the test saw no rewrite"
    assert not any(map(math.isnan, versions))
