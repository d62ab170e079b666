from __future__ import annotations

import os
import time
from pathlib import Path

from klsurv.ingest.cell import load_cell
from klsurv.ingest.discover import NEEDED, CellDir
from klsurv.params import Scoring
from klsurv.watch.known import Snapshot, known
from tests.ingest.handmade import write_cell, write_file


def where(path: Path) -> CellDir:
    return CellDir(path.name, path)


def test_a_look_is_still_true_until_size_or_time_of_a_file_change(tmp_path: Path) -> None:
    cell = where(write_cell(tmp_path))
    for name in NEEDED:
        path = tmp_path / "good" / name
        snapshot = Snapshot.of(cell)
        assert snapshot.still(cell)
        os.utime(path, (1_000_000_001, 1_000_000_001))
        assert not snapshot.still(cell)
        snapshot = Snapshot.of(cell)
        write_file(path, path.read_bytes() + b" ")
        assert not snapshot.still(cell)


def test_a_file_that_comes_or_goes_is_a_change(tmp_path: Path) -> None:
    cell = where(write_cell(tmp_path))
    path = tmp_path / "good" / "pmass.json"
    whole, content = Snapshot.of(cell), path.read_bytes()
    path.unlink()
    assert not whole.still(cell)
    without = Snapshot.of(cell)
    assert without.still(cell)
    write_file(path, content)
    assert not without.still(cell)
    assert whole.still(cell)


def test_a_file_that_had_just_been_written_may_change_unseen(tmp_path: Path) -> None:
    cell = where(write_cell(tmp_path))
    os.utime(tmp_path / "good" / "pmass.json")
    snapshot = Snapshot.of(cell)
    assert snapshot.fresh
    assert not snapshot.still(cell)
    os.utime(tmp_path / "good" / "pmass.json", (time.time() - 60, time.time() - 60))
    assert not Snapshot.of(cell).fresh


def test_a_file_that_is_written_while_it_is_read_has_a_writer_at_work_however_old_it_looked(tmp_path: Path) -> None:
    cell = where(write_cell(tmp_path))
    snapshot = Snapshot.of(cell)
    assert not snapshot.at_work
    write_file(tmp_path / "good" / "pmass.json", "{")
    assert not snapshot.fresh and not Snapshot.of(cell).at_work
    assert snapshot.at_work
    assert known(load_cell(cell, metric="pmass_eval"), snapshot, scoring=Scoring(), alphas=None, before=None).state == (
        "in flight"
    )


def test_a_file_that_must_not_be_read_is_looked_at_again_when_it_may(tmp_path: Path) -> None:
    cell = where(write_cell(tmp_path))
    path = tmp_path / "good" / "pmass.json"
    path.chmod(0)
    forbidden = not os.access(path, os.R_OK)
    snapshot = Snapshot.of(cell)
    assert (snapshot.files["pmass.json"] is None) == forbidden
    path.chmod(0o644)
    assert snapshot.still(cell) == (not forbidden)


def test_no_kl_is_kept(tmp_path: Path) -> None:
    cell = where(write_cell(tmp_path))
    snapshot = Snapshot.of(cell)
    kept = known(load_cell(cell, metric="pmass_eval"), snapshot, scoring=Scoring(), alphas=None, before=None)
    assert kept.lives is not None
    assert not {"kl", "early"} & set(kept.lives.columns)
    assert (kept.state, kept.n, kept.n_events, kept.alphas) == ("ok", 4, 1, (0.0, 1.0))


def test_only_doses_that_were_asked_for_count(tmp_path: Path) -> None:
    cell = where(write_cell(tmp_path))
    read = load_cell(cell, metric="pmass_eval")
    kept = known(read, Snapshot.of(cell), scoring=Scoring(), alphas=(1.0, 7.0), before=None)
    assert (kept.alphas, kept.n) == ((1.0,), 2)
