"""Parquet files: exports read again, files of one's own, and damaged ones."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow.parquet as pq
import pytest

import klsurv
from klsurv.errors import LayoutError, NothingUsableError
from tests.analysis.lived import life
from tests.ingest.handmade import INF, NAN, write_cell, write_file
from tests.ingest.tables import LISTS, LONG, changed, export_of, same, scan
from tests.whole import whole

HARD: dict[str, dict[str, Any]] = {
    "plain": {},
    "failed pmass": {"pmass": {"pmass_eval": {"1.0": [[0.9, None, NAN, 0.9], [NAN, 0.85, NAN, NAN]]}}},
    "gen_len longer than KL": {"pmass": {"gen_lens_eval": {"0.0": [80, 5], "1.0": [100, 30]}}},
    "failed KL": {
        "trajectory": {"per_prompt_per_t_kl": {"1.0": [[0.5, NAN, 0.3, None, INF, 0.1, 0.1, NAN], [NAN] * 8]}}
    },
    "no forks": {"pmass": {"fork_points": [], "pmass_eval": {"0.0": [[], []], "1.0": [[], []]}}},
    "a fork far away": {"pmass": {"fork_points": [0, 2, 4, 5000]}},
    "no token": {"pmass": {"gen_lens_eval": {"0.0": [0, 0], "1.0": [0, 0]}}},
    "no facts": {"calib": {name: ... for name in ("model", "method", "seed", "target_kl", "c_star", "layer")}},
}


@pytest.mark.parametrize("table", ["long", "scored", "trajectories"])
@pytest.mark.parametrize("cell", HARD.values(), ids=HARD.keys())
def test_an_exported_file_scanned_again_is_the_root_it_came_from(
    tmp_path: Path, table: str, cell: dict[str, Any]
) -> None:
    root = tmp_path / "runs"
    write_cell(root, "a", **cell)
    write_cell(root, "b", calib={"window": 9, "method": "sae"})
    write_file(write_cell(root, "c") / "calib.json", "{")
    runs = scan(root)
    again = scan(export_of(runs, tmp_path / "file.parquet", table))
    same(again.cells(), runs.cells())
    same(again.check(), runs.check())
    same(whole(again), whole(runs))
    same(again.summary(), runs.summary())
    same(again.summary("method"), runs.summary("method"))


@pytest.mark.parametrize("table", ["long", "scored", "trajectories"])
@pytest.mark.parametrize(
    "chosen", [{"alphas": [1.0]}, {"model_contains": "b"}, {"where": "method = 'sae'"}, {"alphas": [0.0, 1.0, 7.0]}]
)
def test_a_selection_that_was_exported_stays_a_selection(tmp_path: Path, table: str, chosen: dict[str, Any]) -> None:
    root = tmp_path / "runs"
    write_cell(root, "a")
    write_cell(root, "b", calib={"method": "sae"})
    runs = scan(root, **chosen)
    again = scan(export_of(runs, tmp_path / "file.parquet", table))
    want = runs.summary()
    same(again.summary(), want.filter(pl.col("n") > 0))


@pytest.mark.parametrize("table", ["long", "scored", "trajectories"])
def test_facts_of_which_a_cell_of_a_frame_has_several_stay_with_their_trajectories(tmp_path: Path, table: str) -> None:
    rows = [
        life(alpha=alpha, prompt=prompt, model=model, window=window, gen_len=10)
        for alpha, model, window in ((0.0, "A", 10), (1.0, "B", 20))
        for prompt in range(2)
    ]
    runs = scan(pl.DataFrame(rows).with_columns(cell=pl.lit("one")))
    again = scan(export_of(runs, tmp_path / "file.parquet", table))
    same(whole(again), whole(runs))
    same(again.cells(), runs.cells())
    assert again.summary("model").select("model", "n_eos", "n_running").rows() == [("A", 0, 2), ("B", 2, 0)]


@pytest.mark.parametrize("table", ["scored", "trajectories"])
def test_the_questions_can_be_exported_and_scanned_again(tmp_path: Path, table: str) -> None:
    write_cell(tmp_path, "a", pmass={"pmass": {"1.0": [[0.9, 0.5, 0.9, 0.9]]}, "gen_lens_qa": {"1.0": [8]}})
    runs = scan(tmp_path, metric="pmass")
    same(scan(export_of(runs, tmp_path / "file.parquet", table)).summary(roll=1), runs.summary(roll=1))


def test_a_parquet_file_of_ones_own_is_read(tmp_path: Path) -> None:
    LONG.write_parquet(tmp_path / "long.parquet")
    LISTS.write_parquet(tmp_path / "lists.parquet")
    want = scan(LONG).summary()
    assert want.select("alpha", "n", "n_died", "n_events", "median").row(0) == (1.0, 1, 1, 1, 2)
    same(scan(tmp_path / "long.parquet").summary(), want)
    same(scan(tmp_path / "lists.parquet").summary(), want)


def test_a_bad_parquet_file_is_named_in_the_error(tmp_path: Path) -> None:
    changed(LONG, pmass=1.5).write_parquet(tmp_path / "mine.parquet")
    with pytest.raises(LayoutError, match=r"mine\.parquet: cell frame, alpha 1\.0, prompt 0 has a pmass outside"):
        scan(tmp_path / "mine.parquet").summary()


@pytest.mark.parametrize("table", ["summary", "cells"])
def test_a_parquet_file_of_another_table_is_named_in_the_error(tmp_path: Path, real_cells: Path, table: str) -> None:
    path = export_of(scan(real_cells), tmp_path / "other.parquet", table)
    with pytest.raises(LayoutError, match=rf"other\.parquet holds the table {table}: column .* is missing"):
        scan(path).summary()


@pytest.mark.parametrize("content", [b"", b"text", b"PAR1", b"PAR1" + b"\0" * 100 + b"PAR1", b"\x89PNG"])
def test_a_file_that_is_no_parquet_is_an_error(tmp_path: Path, content: bytes) -> None:
    path = write_file(tmp_path / "file.parquet", content)
    with pytest.raises(LayoutError, match=r"file\.parquet is not a parquet file"):
        scan(path).summary()


@pytest.mark.parametrize("table", ["long", "trajectories"])
def test_a_parquet_file_cut_short_is_an_error(tmp_path: Path, table: str) -> None:
    write_cell(tmp_path / "runs", "a")
    path = export_of(scan(tmp_path / "runs"), tmp_path / "file.parquet", table)
    whole = path.read_bytes()
    for part in range(40):
        cut = write_file(tmp_path / f"cut_{part}.parquet", whole[: (len(whole) - 1) * part // 39])
        with pytest.raises(LayoutError, match="parquet"):
            scan(cut).summary()


def test_a_parquet_file_with_damaged_pages_is_an_error(tmp_path: Path) -> None:
    LONG.write_parquet(tmp_path / "file.parquet", compression="zstd")
    data = bytearray((tmp_path / "file.parquet").read_bytes())
    footer = int.from_bytes(data[-8:-4], "little") + 8
    data[4 : len(data) - footer] = bytes(len(data) - footer - 4)
    with pytest.raises(LayoutError, match="it cannot be read: parquet"):
        scan(write_file(tmp_path / "file.parquet", bytes(data))).summary()


@pytest.mark.parametrize("key", ["klsurv.cells", "klsurv.rows"])
@pytest.mark.parametrize("value", [b"", b"{", b"[]", b"[1]", b'[{"cell": 3}]'])
def test_a_parquet_file_with_a_damaged_footer_is_an_error(tmp_path: Path, key: str, value: bytes) -> None:
    write_cell(tmp_path / "runs", "a")
    path = export_of(scan(tmp_path / "runs"), tmp_path / "file.parquet", "long")
    table = pq.read_table(path)
    pq.write_table(table.replace_schema_metadata({**table.schema.metadata, key.encode(): value}), path)
    with pytest.raises((LayoutError, NothingUsableError)):
        scan(path).summary()


def test_names_that_were_escaped_are_not_escaped_again(tmp_path: Path) -> None:
    write_cell(tmp_path / "runs", b"a\x1bb\\c")
    runs = scan(tmp_path / "runs")
    for table in ("long", "trajectories"):
        again = scan(export_of(runs, tmp_path / "file.parquet", table))
        assert again.cells().get_column("cell").to_list() == runs.cells().get_column("cell").to_list()


@pytest.mark.parametrize("name", ["run[1].parquet", "run?.parquet", "run*.parquet", "[exp]/run.parquet"])
def test_a_file_is_read_by_its_name_and_not_by_a_pattern(tmp_path: Path, name: str) -> None:
    (tmp_path / "[exp]").mkdir()
    changed(LONG, pmass=0.9).write_parquet(tmp_path / "run1.parquet")
    LONG.write_parquet(tmp_path / "run2.parquet")
    os.rename(tmp_path / "run2.parquet", tmp_path / name)
    same(scan(tmp_path / name).summary(), scan(LONG).summary())
    klsurv.convert(tmp_path / name, tmp_path / "cells")
    same(scan(tmp_path / "cells").summary(), scan(LONG).summary())


@pytest.mark.parametrize("table", ["long", "scored", "trajectories"])
def test_names_of_cells_may_be_a_dictionary(tmp_path: Path, table: str) -> None:
    for name in ("a", "b"):
        write_cell(tmp_path / "runs", name)
    runs = scan(tmp_path / "runs")
    held = pq.read_table(export_of(runs, tmp_path / "file.parquet", table))
    names = held.column("cell").dictionary_encode()
    pq.write_table(held.set_column(held.schema.get_field_index("cell"), "cell", names), tmp_path / "again.parquet")
    again = scan(tmp_path / "again.parquet")
    same(again.check(), runs.check())
    same(whole(again), whole(runs))


@pytest.mark.parametrize("told", ['{"a": 1}', "[{}]"])
def test_metadata_of_a_cell_without_a_name_is_damaged(tmp_path: Path, told: str) -> None:
    write_cell(tmp_path / "runs", "a")
    held = pq.read_table(export_of(scan(tmp_path / "runs"), tmp_path / "file.parquet", "long"))
    metadata = {**held.schema.metadata, b"klsurv.cells": told.encode()}
    pq.write_table(held.replace_schema_metadata(metadata), tmp_path / "file.parquet")
    with pytest.raises(LayoutError, match=r"file\.parquet is damaged: its metadata has a cell without a name"):
        scan(tmp_path / "file.parquet").check()
