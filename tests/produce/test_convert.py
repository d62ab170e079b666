from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

import klsurv
from klsurv.errors import CellError, KlsurvWarning, LayoutError, NothingUsableError, OutputError
from klsurv.exports import export
from klsurv.ingest.parquet import read_parquet
from klsurv.params import Selection
from klsurv.produce.convert import Converted
from tests.effort import examples
from tests.generated import Cells, cells, quietly, written
from tests.ingest.handmade import write_cell
from tests.produce.producing import INF, NAN, SAID, add, tables, writer

# Where a cell lies, and what was left out of it the first time it was read, is not carried.
FLEETING = ["path", "status", "reason"]


def quiet(source: Path, target: Path, **options: Any) -> Converted:
    return klsurv.convert(source, target, tell=lambda message: None, **options)


def same_cells(first: Path, second: Path) -> None:
    """What klsurv reads of two run roots is the same."""
    (told, source), (told_again, again) = tables(first), tables(second)
    usable = pl.col("cell").is_in(source.get_column("cell").unique().implode())
    assert_frame_equal(told.filter(usable).drop(FLEETING), told_again.drop(FLEETING), check_exact=True)
    assert_frame_equal(source, again, check_exact=True)


def same_tables(first: Path, second: Path) -> None:
    """Two files hold the same rows and read as the same runs."""
    assert_frame_equal(pl.read_parquet(first), pl.read_parquet(second), check_exact=True)
    (told, source), (told_again, again) = (read_parquet(path, selection=Selection()) for path in (first, second))
    assert_frame_equal(told.drop(FLEETING), told_again.drop(FLEETING), check_exact=True)
    assert_frame_equal(source, again, check_exact=True)


def there_and_back(root: Path, place: Path) -> None:
    """Cells → long → cells → long: each time the same."""
    quiet(root, place / "1.parquet")
    quiet(place / "1.parquet", place / "cells")
    quiet(place / "cells", place / "2.parquet")
    same_cells(root, place / "cells")
    same_tables(place / "1.parquet", place / "2.parquet")


def test_real_cells_come_back_as_they_are(real_cells: Path, tmp_path: Path) -> None:
    there_and_back(real_cells, tmp_path)
    first, second = (quietly(root) for root in (real_cells, tmp_path / "cells"))
    assert_frame_equal(first.summary(threshold=0.3, roll=9), second.summary(threshold=0.3, roll=9), check_exact=True)


def test_the_cells_next_door_come_back_as_they_are(shared: Path, tmp_path: Path) -> None:
    there_and_back(shared / "cells", tmp_path)


@settings(max_examples=examples(60), deadline=None)
@given(cells())
def test_generated_cells_come_back_as_they_are(tmp_path_factory: pytest.TempPathFactory, made: Cells) -> None:
    with written(made) as root:
        source = tables(root)[1]
        if (source.get_column("gen_len") > source.get_column("window")).any():
            place = tmp_path_factory.mktemp("refused")
            quiet(root, place / "1.parquet")
            with pytest.raises(CellError, match="more than the window"):
                quiet(place / "1.parquet", place / "cells")
            assert not (place / "cells").exists()
        else:
            there_and_back(root, tmp_path_factory.mktemp("back"))


_NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="/\0"), min_size=1, max_size=20).filter(
    lambda name: name not in (".", "..") and not name.startswith("_")
)
_TEXTS = st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
_WHOLE = st.none() | st.integers(-(2**63) + 1, 2**63 - 1)
_FINITE = st.none() | st.floats(allow_nan=False, allow_infinity=False)


@settings(max_examples=examples(60), deadline=None)
@given(
    name=_NAMES,
    facts=st.fixed_dictionaries(
        {"model": _TEXTS, "method": _TEXTS, "seed": _WHOLE, "layer": _WHOLE, "target_kl": _FINITE, "c_star": _FINITE}
    ),
    alphas=st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=3, unique=True),
    kl=st.lists(st.floats(), max_size=8),
    pmass=st.lists(st.floats(0, 1) | st.just(NAN), min_size=4, max_size=4),
    gen_len=st.integers(0, 8),
)
def test_facts_names_and_values_come_back_exactly(
    tmp_path_factory: pytest.TempPathFactory,
    name: str,
    facts: dict[str, Any],
    alphas: list[float],
    kl: list[float],
    pmass: list[float],
    gen_len: int,
) -> None:
    place = tmp_path_factory.mktemp("back")
    with writer(place / "runs" / name, **facts) as cell:
        for alpha in alphas:
            cell.add(alpha, kl=[kl, kl[:2]], pmass=[pmass, pmass[::-1]], gen_len=[gen_len, 8 - gen_len])
    there_and_back(place / "runs", place)


def test_a_cell_that_generated_nothing_comes_back(tmp_path: Path) -> None:
    with writer(tmp_path / "runs" / "a") as cell:
        add(cell, 0.0, kl=[[], [1.0]], gen_len=[0, 0], pmass=[[NAN] * 4] * 2)
        add(cell, 1.0)
    there_and_back(tmp_path / "runs", tmp_path)


def test_one_cell_is_converted_too(real_cells: Path, tmp_path: Path) -> None:
    cell = min(real_cells.iterdir())
    assert quiet(cell, tmp_path / "long.parquet") == Converted(cells=1, trajectories=56)
    assert quiet(tmp_path / "long.parquet", tmp_path / "cells") == Converted(cells=1, trajectories=56)
    assert os.listdir(tmp_path / "cells") == [cell.name]


@pytest.mark.parametrize("name", ["trajectories", "scored"])
def test_klsurv_s_other_tables_become_cells(real_cells: Path, tmp_path: Path, name: str) -> None:
    export(quietly(real_cells), tmp_path / "table.parquet", name=name)
    told: list[str] = []
    klsurv.convert(tmp_path / "table.parquet", tmp_path / "cells", tell=told.append)
    same_cells(real_cells, tmp_path / "cells")
    assert told == []


# A table of another team.


def table(tmp_path: Path, **columns: Any) -> Path:
    """A parquet file: two prompts, the first with three tokens and the second with one; a column given replaces one."""
    held = {
        "alpha": [1.0] * 4,
        "prompt": [0, 0, 0, 1],
        "t": [0, 1, 2, 0],
        "kl": [0.1, 0.2, 0.3, 0.4],
        "pmass": [0.9, None, 0.8, 0.7],
        **columns,
    }
    path = tmp_path / "theirs.parquet"
    pl.DataFrame(held).write_parquet(path)
    return path


def test_a_table_of_another_team_becomes_cells_with_the_facts_that_it_tells(tmp_path: Path) -> None:
    told: list[str] = []
    path = table(tmp_path, cell=["a"] * 4, model=["m"] * 4, seed=[7] * 4, window=[9] * 4, c_star=[50.5] * 4)
    done = klsurv.convert(path, tmp_path / "cells", tell=told.append)
    assert (done, told) == (Converted(cells=1, trajectories=2), [])
    cells, source = tables(tmp_path / "cells")
    assert cells.select("cell", "model", "method", "seed", "window", "c_star", "layer").rows() == [
        ("a", "m", None, 7, 9, 50.5, None)
    ]
    assert source.select("prompt", "gen_len", "kl", "fork", "pmass").rows() == [
        (0, 3, [0.1, 0.2, 0.3], [0, 2], [0.9, 0.8]),
        (1, 1, [0.4], [0, 2], [0.7, None]),
    ]


def test_and_back_it_has_the_same_rows(tmp_path: Path) -> None:
    path = table(tmp_path, kl=[0.1, NAN, INF, -INF], gen_len=[3, 3, 3, 1])
    quiet(path, tmp_path / "cells")
    quiet(tmp_path / "cells", tmp_path / "back.parquet")
    want = pl.read_parquet(path).drop("gen_len").insert_column(0, pl.Series("cell", ["frame"] * 4))
    assert_frame_equal(pl.read_parquet(tmp_path / "back.parquet"), want, check_exact=True)


def test_a_measurement_that_failed_stays_one(tmp_path: Path) -> None:
    quiet(table(tmp_path, pmass=[0.9, None, NAN, 0.7]), tmp_path / "cells")
    source = tables(tmp_path / "cells")[1]
    assert source.select("fork", "pmass").rows() == [([0, 2], [0.9, None]), ([0, 2], [0.7, None])]


def test_kl_padded_with_nan_past_the_end_is_padding(tmp_path: Path) -> None:
    quiet(table(tmp_path, kl=[0.1, NAN, None, 0.4], gen_len=[1, 1, 1, 1], pmass=[0.9, None, None, 0.7]), tmp_path / "c")
    assert tables(tmp_path / "c")[1].select("gen_len", "kl").rows() == [(1, [0.1]), (1, [0.4])]


@pytest.mark.parametrize(
    ("columns", "told"),
    [
        ({"prompt": [0, 0, 0, 2]}, "frame: alpha 1.0 has the prompts 0, 2; in a run cell they count 0, 1, 2"),
        ({"prompt": [5, 5, 5, 6]}, "frame: alpha 1.0 has the prompts 5, 6;"),
        ({"pmass": [0.9, None, 0.8, None]}, "frame: alpha 1.0, prompt 1 has no fork 0, which others of the cell have"),
        ({"pmass": [0.9, 0.8, 0.7, 0.9], "gen_len": [3, 3, 3, 2]}, "prompt 1 has no fork 1, which others"),
        ({"window": [2] * 4}, r"frame: alpha 1.0: kl\[0\] has 3 tokens, more than the window of 2"),
        ({"cell": ["_a"] * 4}, "_a: readers pass over a directory whose name begins with _"),
        ({"cell": ["a/b"] * 4}, "a/b: cannot be the name of a directory"),
        ({"cell": [".."] * 4}, r"\.\.: cannot be the name of a directory"),
        ({"cell": ["a" * 256] * 4}, "is too long for the name of a directory"),
        ({"cell": ["a\\b"] * 4}, "no directory gives a cell of this name"),
        ({"model": ["a\\b"] * 4}, "frame: model: no text is read as this one"),
        ({"kl": [0.1, 0.2, 0.3, INF]}, "cell frame, alpha 1.0, prompt 1 has KL past its gen_len of 0"),
        ({"gen_len": [2, 2, 2, 1]}, "cell frame, alpha 1.0, prompt 0 has KL past its gen_len of 2"),
        ({"gen_len": [3, 3, 2, 1]}, "cell frame, alpha 1.0, prompt 0 has several values of gen_len"),
        ({"seed": [0, 0, 0, 1]}, "cell frame has several values of seed"),
        ({"c_star": [5.0, 5.0, 5.0, None]}, "cell frame has several values of c_star"),
        ({"layer": [3.5] * 4}, "the column layer is not a whole number"),
        ({"layer": ["x"] * 4}, "a column has the wrong type"),
        ({"c_star": [INF] * 4}, "frame: c_star must be a finite number"),
    ],
)
def test_what_run_cells_cannot_hold_is_refused_and_nothing_is_left(
    tmp_path: Path, columns: dict[str, Any], told: str
) -> None:
    with pytest.raises((CellError, LayoutError), match=told):
        quiet(table(tmp_path, **columns), tmp_path / "cells")
    assert sorted(os.listdir(tmp_path)) == ["theirs.parquet"]


def test_values_that_the_footer_does_not_know_of_are_refused(real_cells: Path, tmp_path: Path) -> None:
    quiet(real_cells, tmp_path / "long.parquet")
    held = pl.read_parquet(tmp_path / "long.parquet")
    more = pl.concat([held, held.tail(3).with_columns(alpha=pl.lit(8.0))])
    more.write_parquet(tmp_path / "more.parquet", metadata=pl.read_parquet_metadata(tmp_path / "long.parquet"))
    with pytest.raises(LayoutError, match=r"alpha 8\.0, prompt 7 does not have the rows that klsurv wrote"):
        quiet(tmp_path / "more.parquet", tmp_path / "cells")


def test_an_alpha_without_prompts_is_refused(tmp_path: Path) -> None:
    empty: dict[str, Any] = {"pmass_eval": {"0.0": [[0.9] * 4], "1.0": []}, "gen_lens_eval": {"0.0": [8], "1.0": []}}
    kl: dict[str, Any] = {"per_prompt_per_t_kl": {"0.0": [[0.0] * 8], "1.0": []}}
    write_cell(tmp_path / "runs", pmass=empty, trajectory=kl)
    quiet(tmp_path / "runs", tmp_path / "long.parquet")
    with pytest.raises(CellError, match=r"good: alpha 1\.0 has no prompt, which a run cell cannot say"):
        quiet(tmp_path / "long.parquet", tmp_path / "cells")


def test_what_stays_behind_is_told(tmp_path: Path) -> None:
    told: list[str] = []
    with writer(tmp_path / "runs" / "a", history=[{"coeff": 1.0}]) as cell:
        add(cell, generations=SAID, pmass_qa=[[0.5] * 4], gen_len_qa=[3])
    klsurv.convert(tmp_path / "runs", tmp_path / "long.parquet", tell=told.append)
    klsurv.convert(
        table(tmp_path, note=["x"] * 4, end=["eos"] * 4, kl=[0.1, None, 0.3, 0.4]), tmp_path / "cells", tell=told.append
    )
    assert told == [
        "left behind, as a long table has no place for it (cells): "
        "gens.jsonl (1), history.json (1), question-and-answer prompts (1)",
        "1 tokens without KL (null) become NaN, a failed measurement",
        "left behind, as run cells have no place for it: column note, end",
    ]


def test_without_a_listener_it_warns(tmp_path: Path) -> None:
    with pytest.warns(KlsurvWarning, match="column note") as told:
        klsurv.convert(table(tmp_path, note=["x"] * 4), tmp_path / "cells")
    assert told[0].filename == __file__


def test_a_cell_that_cannot_be_used_is_left_out_and_told(tmp_path: Path) -> None:
    told: list[str] = []
    write_cell(tmp_path / "runs", "bad", calib={"window": "x"})
    write_cell(tmp_path / "runs", "good")
    with pytest.raises(CellError, match="bad: "):
        klsurv.convert(tmp_path / "runs", tmp_path / "long.parquet", strict=True)
    klsurv.convert(tmp_path / "runs", tmp_path / "long.parquet", tell=told.append)
    with pytest.raises(CellError, match="bad: "):
        klsurv.convert(tmp_path / "long.parquet", tmp_path / "cells", strict=True)
    klsurv.convert(tmp_path / "long.parquet", tmp_path / "cells", tell=told.append)
    assert [message.split(":")[0] for message in told] == ["bad is broken", "bad is broken, and left out"]
    assert os.listdir(tmp_path / "cells") == ["good"]


# What is there already.


def test_cells_that_are_there_are_not_written_over_unless_forced(tmp_path: Path) -> None:
    path = table(tmp_path, cell=["a", "a", "a", "b"], prompt=[0, 0, 0, 0])
    with writer(tmp_path / "cells" / "b", history=[{"coeff": 1.0}]) as cell:
        add(cell, 3.0, generations=SAID)
    with writer(tmp_path / "cells" / "c") as cell:
        add(cell)
    with pytest.raises(OutputError, match=r"has 1 of the cells already \(b\): force \(--force\) replaces them"):
        quiet(path, tmp_path / "cells")
    assert sorted(os.listdir(tmp_path / "cells")) == ["b", "c"]
    quiet(path, tmp_path / "cells", force=True)
    assert sorted(os.listdir(tmp_path / "cells")) == ["a", "b", "c"]
    assert sorted(os.listdir(tmp_path / "cells" / "b")) == ["calib.json", "pmass.json", "trajectory.json"]
    source = tables(tmp_path / "cells")[1]
    assert source.select("cell", "alpha").unique().sort("cell").rows() == [("a", 1.0), ("b", 1.0), ("c", 1.0)]


def test_a_conversion_that_fails_leaves_what_is_there(tmp_path: Path) -> None:
    path = table(tmp_path, cell=["a", "a", "a", "b"])
    with writer(tmp_path / "cells" / "a") as cell:
        add(cell, 3.0)
    before = tables(tmp_path / "cells")
    with pytest.raises(CellError, match=r"b: alpha 1\.0 has the prompts 1;"):
        quiet(path, tmp_path / "cells", force=True)
    assert os.listdir(tmp_path / "cells") == ["a"]
    for one, other in zip(before, tables(tmp_path / "cells"), strict=True):
        assert_frame_equal(one, other)


def test_a_link_is_replaced_and_what_it_leads_to_is_not(tmp_path: Path) -> None:
    with writer(tmp_path / "elsewhere") as cell:
        add(cell, 3.0)
    (tmp_path / "cells").mkdir()
    (tmp_path / "cells" / "frame").symlink_to(cell.path)
    quiet(table(tmp_path), tmp_path / "cells", force=True)
    assert not (tmp_path / "cells" / "frame").is_symlink()
    assert tables(cell.path)[0].item(0, "alphas").to_list() == [3.0]


def test_a_table_that_is_there_is_not_written_over_unless_forced(real_cells: Path, tmp_path: Path) -> None:
    (tmp_path / "long.parquet").write_text("mine")
    with pytest.raises(OutputError, match=r"long\.parquet is there already: force \(--force\) replaces it"):
        quiet(real_cells, tmp_path / "long.parquet")
    assert (tmp_path / "long.parquet").read_text() == "mine"
    quiet(real_cells, tmp_path / "long.parquet", force=True)
    assert pl.read_parquet(tmp_path / "long.parquet").height > 0


def test_a_target_that_cannot_be_is_told(real_cells: Path, tmp_path: Path) -> None:
    path = table(tmp_path)
    (tmp_path / "file").write_text("")
    with writer(tmp_path / "runs" / "a") as cell:
        add(cell)
    (tmp_path / "runs" / "frame").write_text("")
    for target, told in [
        (tmp_path / "file", "file is not a directory"),
        (cell.path, "a is a run cell; expected the directory"),
        (tmp_path / "runs", "frame is not a directory"),
        (tmp_path / "file" / "x", "x cannot be written: Not a directory"),
    ]:
        with pytest.raises(OutputError, match=told):
            quiet(path, target, force=True)
    with pytest.raises(OutputError, match="unknown suffix"):
        quiet(real_cells, tmp_path / "long.csv")
    with pytest.raises(LayoutError, match="is not a parquet file"):
        quiet(tmp_path / "file", tmp_path / "cells")


def test_the_cells_written_are_those_that_a_producer_continues(real_cells: Path, tmp_path: Path) -> None:
    quiet(real_cells, tmp_path / "long.parquet")
    quiet(tmp_path / "long.parquet", tmp_path / "cells")
    name = min(os.listdir(tmp_path / "cells"))
    calib, pmass = (json.loads((tmp_path / "cells" / name / f"{file}.json").read_text()) for file in ("calib", "pmass"))
    with klsurv.CellWriter(tmp_path / "cells" / name, **calib, fork_points=pmass["fork_points"]) as cell:
        assert cell.completed == (0.0, 0.25, 0.5, 1.0, 1.5, 2.0, 4.0)
        cell.add(8.0, kl=np.ones((8, 96)), pmass=np.ones((8, 10)), gen_len=[96] * 8)


def test_a_cell_that_is_being_written_is_not_replaced(tmp_path: Path) -> None:
    with writer(tmp_path / "runs" / "c") as cell:
        add(cell)
        path = table(tmp_path, cell="c")
        with pytest.raises(OutputError, match="another CellWriter has it open"):
            quiet(path, tmp_path / "runs", force=True)
        add(cell, 2.0)
    assert klsurv.scan(tmp_path / "runs").alphas == [1.0, 2.0]
    assert quiet(path, tmp_path / "runs", force=True).cells == 1


@pytest.fixture
def three(tmp_path: Path) -> tuple[Path, Path]:
    """A table of the cells a, b, c and d, and a root that has the first three already, with generations."""
    for name in "abc":
        with writer(tmp_path / "runs" / name) as cell:
            add(cell, 3.0, generations=SAID)
    return table(tmp_path, cell=list("abcd"), prompt=[0] * 4, t=[0] * 4), tmp_path / "runs"


def entries(root: Path) -> dict[str, bytes | None]:
    """All that is in a directory."""
    return {str(path.relative_to(root)): path.read_bytes() if path.is_file() else None for path in root.rglob("*")}


def test_none_is_replaced_where_one_of_them_is_being_written(three: tuple[Path, Path]) -> None:
    path, runs = three
    before = entries(runs)
    with writer(runs / "c"), pytest.raises(OutputError, match="c: another CellWriter has it open"):
        quiet(path, runs, force=True)
    assert entries(runs) == before
    assert quiet(path, runs, force=True).cells == 4
    assert sorted(os.listdir(runs)) == list("abcd")


@pytest.mark.parametrize("last", range(7))
def test_what_was_replaced_is_put_back_where_a_later_one_cannot_be(
    three: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, last: int
) -> None:
    path, runs = three
    before = entries(runs)
    failing(monkeypatch, after=last, once=True)
    with pytest.raises(OutputError, match="runs cannot be written: No space left on device"):
        quiet(path, runs, force=True)
    assert entries(runs) == before


def test_what_can_not_be_put_back_is_left_and_said_where(
    three: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    path, runs = three
    failing(monkeypatch, after=3, once=False)
    with pytest.raises(OutputError, match=r"nor can all that was there be put back: the rest is in (.*)") as told:
        quiet(path, runs, force=True)
    rest = Path(str(told.value).rpartition(" is in ")[2])
    assert sorted(os.listdir(rest)) == ["a", "b"]
    assert all((rest / name / "gens.jsonl").is_file() for name in "ab")


def failing(monkeypatch: pytest.MonkeyPatch, *, after: int, once: bool) -> None:
    """Let so many directories be moved, and not the next, or no further one."""
    really, seen = Path.rename, iter(range(10**6))

    def rename(self: Path, target: Path) -> Path:
        if self.is_dir() and ((n := next(seen)) == after or (n > after and not once)):
            raise OSError(28, "No space left on device")
        return really(self, target)

    monkeypatch.setattr(Path, "rename", rename)


def test_two_links_to_one_cell_are_both_replaced(tmp_path: Path) -> None:
    with writer(tmp_path / "elsewhere") as cell:
        add(cell, 3.0)
    (tmp_path / "runs").mkdir()
    for name in "ab":
        (tmp_path / "runs" / name).symlink_to(cell.path)
    path = table(tmp_path, cell=["a", "b", "b", "b"], prompt=[0, 0, 1, 2], t=[0] * 4, pmass=[0.9] * 4)
    quiet(path, tmp_path / "runs", force=True)
    assert tables(cell.path)[0].item(0, "alphas").to_list() == [3.0]
    assert not any((tmp_path / "runs" / name).is_symlink() for name in "ab")


MANY = """if True:
    import resource, sys
    resource.setrlimit(resource.RLIMIT_NOFILE, (300, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    import klsurv
    print(klsurv.convert(*sys.argv[1:], force=True).cells)
"""


def test_more_cells_than_files_may_be_open_are_replaced(tmp_path: Path) -> None:
    doses = {"alpha": [1.0, 1.0], "prompt": [0, 0], "t": [0, 1], "kl": [0.1, 0.2], "pmass": [0.9, 0.8]}
    cells = pl.DataFrame({"cell": [f"c{i}" for i in range(320)]})
    cells.join(pl.DataFrame(doses), how="cross").write_parquet(tmp_path / "long.parquet")
    quiet(tmp_path / "long.parquet", tmp_path / "runs")
    command = [sys.executable, "-c", MANY, str(tmp_path / "long.parquet"), str(tmp_path / "runs")]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (result.stdout, result.stderr) == ("320\n", "")


def test_a_source_that_is_neither_file_nor_directory_is_told(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(NothingUsableError, match="pipe is neither a file nor a directory"):
        quiet(tmp_path / "pipe", tmp_path / "out")
