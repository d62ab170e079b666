from __future__ import annotations

import os
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

import klsurv
from klsurv.errors import CellError, KlsurvWarning, LayoutError
from klsurv.produce.convert import Converted
from tests.ingest.handmade import write_cell
from tests.produce.converting import quiet, table
from tests.produce.producing import INF, NAN, SAID, add, tables, writer


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


@pytest.mark.parametrize(
    ("named", "name"), [(7, "7"), (7.5, "7.5"), (b"a", "a"), (date(2020, 1, 2), "2020-01-02")], ids=lambda x: repr(x)
)
def test_cells_that_are_not_named_by_text_keep_their_layer(tmp_path: Path, named: object, name: str) -> None:
    quiet(table(tmp_path, cell=[named] * 4, layer=[18] * 4), tmp_path / "cells")
    assert tables(tmp_path / "cells")[0].select("cell", "layer").rows() == [(name, 18)]


def test_facts_that_are_nan_are_not_known(tmp_path: Path) -> None:
    facts = ("seed", "target_kl", "c_star", "layer")
    quiet(table(tmp_path, **{name: [NAN] * 4 for name in facts}), tmp_path / "cells")
    assert tables(tmp_path / "cells")[0].select(facts).rows() == [(None,) * 4]


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
