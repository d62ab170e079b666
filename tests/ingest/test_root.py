from __future__ import annotations

import json
import math
import os
import re
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

import klsurv
from klsurv.errors import CellError, KlsurvWarning, NothingUsableError, ParameterError
from klsurv.ingest.root import read_root
from klsurv.params import Selection
from klsurv.schema import SOURCE
from tests.ingest.handmade import INF, KL, NAN, PMASS, rows, write_cell, write_file
from tests.whole import whole

KL_FIELD, PMASS_FIELD = "per_prompt_per_t_kl", "pmass_eval"
TOO_DEEP = "[" * 100_000 + "]" * 100_000


def read(root: Path, **options: Any) -> tuple[pl.DataFrame, pl.DataFrame]:
    return read_root(root, selection=Selection(), **options)


def source(*names: str) -> pl.DataFrame:
    return pl.DataFrame([row for name in names for row in rows(name)], schema=SOURCE.schema)


def kl(**changes: Any) -> dict[str, Any]:
    return {"trajectory": {KL_FIELD: {"0.0": KL[0.0], "1.0": KL[1.0], **changes}}}


def mass(**changes: Any) -> dict[str, Any]:
    return {"pmass": {PMASS_FIELD: {"0.0": PMASS[0.0], "1.0": PMASS[1.0], **changes}}}


def of(file: str, **changes: Any) -> dict[str, Any]:
    return {file: changes}


# What a cell may hold that cannot be used: changes to a good cell, then file, field and cause as the reason names them.
BAD_VALUES: list[tuple[dict[str, Any], str, str, str]] = [
    (of("calib", window=...), "calib.json", "window", "missing"),
    (of("calib", window="8"), "calib.json", "window", '"8" is not a number of tokens'),
    (of("calib", window=True), "calib.json", "window", "true is not a number of tokens"),
    (of("calib", window=10**400), "calib.json", "window", "is not a number of tokens"),
    (of("trajectory", per_prompt_per_t_kl=...), "trajectory.json", KL_FIELD, "missing"),
    (of("trajectory", per_prompt_per_t_kl=[]), "trajectory.json", KL_FIELD, "is a list, expected an object"),
    (kl(**{"1.0": None}), "trajectory.json", f'{KL_FIELD}["1.0"]', "is null, expected a list"),
    (kl(**{"1.0": [[0.5], None]}), "trajectory.json", f'{KL_FIELD}["1.0"][1]', "is null, expected a list"),
    (kl(**{"1.0": [[0.5], [0.5, "x"]]}), "trajectory.json", f'{KL_FIELD}["1.0"][1][1]', '"x" is not a number'),
    (kl(**{"1.0": [[0.5], [True]]}), "trajectory.json", f'{KL_FIELD}["1.0"][1][0]', "true is not a number"),
    (kl(**{"1.0": [[10**400], [0.5]]}), "trajectory.json", f'{KL_FIELD}["1.0"][0][0]', "is larger than any float"),
    *[
        (kl(**{key: [[0.5]]}), "trajectory.json", KL_FIELD, "is not an alpha, a finite number")
        for key in ("abc", "nan", "inf", "1_0", "", "1e999")
    ],
    (kl(**{"1": [[0.5]]}), "trajectory.json", KL_FIELD, 'the keys "1.0" and "1" are one alpha'),
    (mass(**{"1": [[0.5]]}), "pmass.json", PMASS_FIELD, 'the keys "1.0" and "1" are one alpha'),
    (of("pmass", fork_points=...), "pmass.json", "fork_points", "missing"),
    (of("pmass", fork_points=[0, 4, 2, 8]), "pmass.json", "fork_points[2]", "2 does not ascend from 4"),
    (of("pmass", fork_points=[0, 2, 2, 8]), "pmass.json", "fork_points[2]", "2 does not ascend from 2"),
    (of("pmass", fork_points=[-1, 2, 4, 8]), "pmass.json", "fork_points[0]", "-1 is not a number of tokens"),
    (of("pmass", fork_points=[0, 2.5, 4, 8]), "pmass.json", "fork_points[1]", "2.5 is not a number of tokens"),
    (of("pmass", fork_points=[0, "2", 4, 8]), "pmass.json", "fork_points[1]", '"2" is not a number of tokens'),
    (of("pmass", pmass_eval=...), "pmass.json", PMASS_FIELD, "missing"),
    (mass(**{"1.0": [[0.5], [1.5]]}), "pmass.json", f'{PMASS_FIELD}["1.0"][1][0]', "1.5 is not a probability"),
    (mass(**{"1.0": [[0.5, -0.5]]}), "pmass.json", f'{PMASS_FIELD}["1.0"][0][1]', "-0.5 is not a probability"),
    (mass(**{"1.0": [[INF]]}), "pmass.json", f'{PMASS_FIELD}["1.0"][0][0]', "is not a probability"),
    (mass(**{"1.0": [["0.5"]]}), "pmass.json", f'{PMASS_FIELD}["1.0"][0][0]', '"0.5" is not a number'),
    (mass(**{"1.0": [[False]]}), "pmass.json", f'{PMASS_FIELD}["1.0"][0][0]', "false is not a number"),
    (mass(**{"1.0": [None]}), "pmass.json", f'{PMASS_FIELD}["1.0"][0]', "is null, expected a list"),
    (mass(**{"1.0": [[0.5] * 5]}), "pmass.json", f'{PMASS_FIELD}["1.0"][0]', "5 values for 4 fork points"),
    (of("pmass", gen_lens_eval={"1.0": [-1]}), "pmass.json", 'gen_lens_eval["1.0"][0]', "is not a number of tokens"),
    (of("pmass", gen_lens_eval={"1.0": ["8"]}), "pmass.json", 'gen_lens_eval["1.0"][0]', "is not a number of tokens"),
]

BAD_FILES: list[tuple[str, str | bytes]] = [
    ("is empty", ""),
    ("is not JSON", "text"),
    ("is not JSON", b"\xff\xfe{}"),
    ("is not JSON", '{"a": "'),
    ("is not JSON", '{"window": 8, "window": 9}'),
    ("is not JSON", '{"window": 1' + "0" * 5000 + "}"),
    ("is nested deeper than 200 levels", '{"a": ' + TOO_DEEP + "}"),
    ("is nested deeper than 200 levels", TOO_DEEP),
    ("holds a list at the top", "[]"),
    ("holds null at the top", "null"),
]


def check_left_out(root: Path, *, status: str, file: str, field: str, cause: str) -> None:
    cells, trajectories = read(root)
    assert_frame_equal(trajectories, source("good"), check_exact=True)
    told = cells.row(by_predicate=pl.col("cell") == "bad", named=True)
    assert told["status"] == status
    assert file in told["reason"] and field in told["reason"] and cause in told["reason"]
    assert told["reason"].isprintable()
    assert cells.filter(cell="good").get_column("status").item() == "ok"
    with pytest.raises(CellError) as caught:
        read(root, strict=True)
    assert all(part in str(caught.value) for part in ("bad", file, field, cause))


@pytest.mark.parametrize(("changes", "file", "field", "cause"), BAD_VALUES)
def test_a_cell_with_a_bad_value_is_broken_and_the_other_is_read(
    tmp_path: Path, changes: dict[str, Any], file: str, field: str, cause: str
) -> None:
    write_cell(tmp_path, "good")
    write_cell(tmp_path, "bad", **changes)
    check_left_out(tmp_path, status="broken", file=file, field=field, cause=cause)


@pytest.mark.parametrize("file", ["calib.json", "trajectory.json", "pmass.json"])
@pytest.mark.parametrize(("cause", "content"), BAD_FILES, ids=range(len(BAD_FILES)))
def test_a_cell_with_a_bad_file_is_broken_and_the_other_is_read(
    tmp_path: Path, file: str, cause: str, content: str | bytes
) -> None:
    write_cell(tmp_path, "good")
    write_file(write_cell(tmp_path, "bad") / file, content)
    check_left_out(tmp_path, status="broken", file=file, field="", cause=cause)


@pytest.mark.parametrize("file", ["calib.json", "trajectory.json", "pmass.json"])
@pytest.mark.parametrize(
    ("place", "status", "cause"),
    [
        (lambda path: None, "skipped", "not there (yet)"),
        (os.mkfifo, "broken", "is a FIFO, not a regular file"),
        (Path.mkdir, "broken", "is a directory, not a regular file"),
        (lambda path: path.symlink_to("gone"), "broken", "missing"),
    ],
    ids=["nothing", "fifo", "directory", "dangling link"],
)
def test_a_cell_without_a_file_that_can_be_read_is_left_out_and_does_not_hang(
    tmp_path: Path, file: str, place: Callable[[Path], object], status: str, cause: str
) -> None:
    write_cell(tmp_path, "good")
    bad = write_cell(tmp_path, "bad")
    (bad / file).unlink()
    place(bad / file)
    check_left_out(tmp_path, status=status, file=file, field="", cause=cause)


def test_a_cell_that_was_not_measured_is_skipped_and_the_other_is_read(tmp_path: Path) -> None:
    write_cell(tmp_path, "good")
    write_cell(tmp_path, "bad", pmass={"computed": False})
    check_left_out(tmp_path, status="skipped", file="pmass.json", field="computed", cause="pmass was not measured")


def test_a_link_that_leads_nowhere_is_a_broken_cell(tmp_path: Path) -> None:
    write_cell(tmp_path, "good")
    (tmp_path / "bad").symlink_to("gone")
    check_left_out(tmp_path, status="broken", file="", field="", cause="the directory cannot be read")


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
    with pytest.warns(KlsurvWarning, match=re.escape("bad is skipped: pmass.json: computed")):
        klsurv.scan(tmp_path).summary()


def test_an_alpha_that_no_cell_has_keeps_an_empty_row_and_is_told(tmp_path: Path) -> None:
    write_cell(tmp_path, "good")
    told: list[str] = []
    summary = klsurv.scan(tmp_path, alphas=[3, 1], tell=told.append).summary()
    assert summary.select("alpha", "n", "n_events", "kl_p50").rows()[1] == (3.0, 0, 0, None)
    assert summary.get_column("alpha").to_list() == [1.0, 3.0]
    assert told == ["no cell has alpha 3.0"]


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
