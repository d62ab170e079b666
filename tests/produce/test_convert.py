from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

import klsurv
from klsurv.errors import CellError, NothingUsableError
from klsurv.exports import export
from klsurv.produce.convert import Converted
from tests.effort import examples
from tests.generated import Cells, cells, quietly, written
from tests.ingest.handmade import write_cell
from tests.produce.converting import quiet, same_cells, there_and_back
from tests.produce.producing import NAN, add, tables, writer


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


def test_the_cells_written_are_those_that_a_producer_continues(real_cells: Path, tmp_path: Path) -> None:
    quiet(real_cells, tmp_path / "long.parquet")
    quiet(tmp_path / "long.parquet", tmp_path / "cells")
    name = min(os.listdir(tmp_path / "cells"))
    calib, pmass = (json.loads((tmp_path / "cells" / name / f"{file}.json").read_text()) for file in ("calib", "pmass"))
    with klsurv.CellWriter(tmp_path / "cells" / name, **calib, fork_points=pmass["fork_points"]) as cell:
        assert cell.completed == (0.0, 0.25, 0.5, 1.0, 1.5, 2.0, 4.0)
        cell.add(8.0, kl=np.ones((8, 96)), pmass=np.ones((8, 10)), gen_len=[96] * 8)


def test_a_source_that_is_neither_file_nor_directory_is_told(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(NothingUsableError, match="pipe is neither a file nor a directory"):
        quiet(tmp_path / "pipe", tmp_path / "out")
