"""`klsurv ingest` from, to and between buckets."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from klsurv.errors import LayoutError, RemoteError
from klsurv.ingest.remote import Remote
from klsurv.store.file import file_of
from klsurv.store.ingest import ingest
from klsurv.store.marker import MARKER
from tests.conftest import Klsurv
from tests.ingest.handmade import write_cell, write_file
from tests.s3.objects import content, copied, names, upload
from tests.store.asked import same, summary, told


@pytest.fixture
def local(tmp_path: Path) -> Path:
    """Three small cells."""
    for name in ("a", "b", "c"):
        write_cell(tmp_path / "local", name)
    return tmp_path / "local"


def counts(report: object) -> dict[str, int]:
    """The counts of a report that are not 0."""
    return {name: len(value) for name, value in vars(report).items() if value}


def test_only_what_changed_is_read(bucket: Remote, local: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runs, store = upload(local, bucket / "runs"), bucket / "store"
    assert counts(ingest(runs, store)) == {"new": 3}
    before = {name: (store / name).stat() for name in names(store)}
    with monkeypatch.context() as patched:
        # The list says that nothing changed: no object of a cell is read.
        patched.setattr("klsurv.ingest.content._fetch", None)
        assert counts(ingest(runs, store)) == {"unchanged": 3}
    assert {name: (store / name).stat() for name in names(store)} == before

    (runs / "b" / "calib.json").write(content(runs / "b" / "calib.json").replace(b"pca", b"mean"))
    report = ingest(runs, store)
    assert (report.updated, report.unchanged) == (["b"], ["a", "c"])
    assert '"mean"' in told(store)["cells"]


def test_an_object_that_was_put_again_with_the_same_bytes_is_unchanged(bucket: Remote, local: Path) -> None:
    runs = upload(local, bucket / "runs")
    ingest(runs, bucket / "store")
    upload(local, runs)
    assert counts(ingest(runs, bucket / "store")) == {"unchanged": 3}


def test_the_same_size_and_time_with_another_etag_is_a_change(bucket: Remote, local: Path) -> None:
    runs = upload(local, bucket / "runs")
    ingest(runs, bucket / "store")
    (runs / "a" / "calib.json").write(content(runs / "a" / "calib.json").replace(b"tiny", b"tidy"))
    assert ingest(runs, bucket / "store").updated == ["a"]


def test_a_vanished_cell_is_kept_until_it_is_pruned(bucket: Remote, local: Path) -> None:
    runs, store = upload(local, bucket / "runs"), bucket / "store"
    ingest(runs, store)
    for name in names(runs / "b"):
        (runs / "b" / name).unlink()
    assert ingest(runs, store).vanished == ["b"]
    assert len(names(store)) == 4
    assert ingest(runs, store, prune=True).pruned == ["b"]
    assert counts(ingest(runs, store)) == {"unchanged": 2}
    assert summary(store) == summary(runs)


def test_a_cell_that_breaks_or_is_under_way_keeps_its_last_good_data(bucket: Remote, local: Path) -> None:
    runs, store = upload(local, bucket / "runs"), bucket / "store"
    ingest(runs, store)
    want = summary(store)
    (runs / "a" / "pmass.json").write(b"{")
    (runs / "b" / "trajectory.json").unlink()
    report = ingest(runs, store)
    assert list(report.broken) == ["a"]
    assert list(report.in_flight) == ["b"]
    assert all("its last good data are kept" in why for why in (report.broken["a"], report.in_flight["b"]))
    assert summary(store) == want


def test_one_prompt_set_that_is_lost_is_kept_beside_the_other(bucket: Remote, local: Path) -> None:
    pmass = json.loads((local / "a" / "pmass.json").read_text())
    pmass |= {"pmass": {"1.0": [[0.9, 0.8, 0.7, 0.6]]}, "gen_lens_qa": {"1.0": [8]}}
    write_file(local / "a" / "pmass.json", json.dumps(pmass))
    runs, store = upload(local, bucket / "runs"), bucket / "store"
    ingest(runs, store)
    want = told(store, metric="pmass")["long"]
    pmass["pmass"] = "no longer"
    pmass["fork_points"] = [0, 2, 4, 9]
    (runs / "a" / "pmass.json").write(json.dumps(pmass).encode())
    ingest(runs, store)
    assert told(store, metric="pmass")["long"] == want


@pytest.mark.parametrize("workers", [1, 2])
def test_any_mixture_of_disk_and_buckets_makes_the_same_store(
    bucket: Remote, real_cells: Path, tmp_path: Path, workers: int
) -> None:
    runs = upload(real_cells, bucket / "runs")
    want = summary(real_cells)
    for source in (real_cells, runs):
        for store in (tmp_path / f"store of {type(source).__name__}", bucket / f"store of {type(source).__name__}"):
            assert counts(ingest(source, store, workers=workers)) == {"new": 2}
            assert counts(ingest(source, store, workers=workers)) == {"unchanged": 2}
            assert summary(store) == want


def test_two_ingests_at_once_make_the_store_that_one_makes(bucket: Remote, local: Path) -> None:
    runs = upload(local, bucket / "runs")
    with ThreadPoolExecutor(2) as pool:
        reports = list(pool.map(lambda _: ingest(runs, bucket / "store"), range(2)))
    for report in reports:
        assert not report.broken
        assert not report.vanished
    assert counts(ingest(runs, bucket / "store")) == {"unchanged": 3}
    assert summary(bucket / "store") == summary(runs)


def test_a_server_that_is_lost_ends_an_ingest_in_processes(
    bucket: Remote, local: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        nobody = f"http://127.0.0.1:{free.getsockname()[1]}"
    start = subprocess.Popen

    def elsewhere(*arguments: Any, env: dict[str, str], **options: Any) -> subprocess.Popen[bytes]:
        return start(*arguments, env={**env, "AWS_ENDPOINT_URL": nobody}, **options)

    monkeypatch.setattr(subprocess, "Popen", elsewhere)
    with pytest.raises(RemoteError, match=f"cannot be reached at {nobody}"):
        ingest(local, bucket / "store", workers=2)


def test_a_store_can_be_copied_into_a_bucket_and_out_of_it(bucket: Remote, real_cells: Path, tmp_path: Path) -> None:
    ingest(real_cells, tmp_path / "store")
    remote = upload(tmp_path / "store", bucket / "store")
    back = copied(remote, tmp_path / "back")
    for store in (remote, back):
        same(told(store), told(tmp_path / "store"))
        assert counts(ingest(real_cells, store)) == {"unchanged": 2}


def test_runs_that_moved_into_a_bucket_are_read_once_more(bucket: Remote, local: Path) -> None:
    store = bucket / "store"
    ingest(local, store)
    runs = upload(local, bucket / "runs")
    assert counts(ingest(runs, store)) == {"updated": 3, "notes": 3}
    assert counts(ingest(runs, store)) == {"unchanged": 3}


def test_a_prefix_with_other_objects_is_not_made_a_store(bucket: Remote, local: Path, klsurv: Klsurv) -> None:
    (bucket / "mine" / "thesis.tex").write(b"x")
    done = klsurv("ingest", local, bucket / "mine")
    assert done.returncode == 1
    assert f"{bucket}/mine is no store, and not empty" in done.stderr
    assert names(bucket / "mine") == ["thesis.tex"]


def test_a_damaged_file_of_a_store_is_told_of_and_written_anew(bucket: Remote, local: Path, klsurv: Klsurv) -> None:
    store = bucket / "store"
    ingest(local, store)
    want = summary(store)
    damaged = file_of(store, "a")
    assert isinstance(damaged, Remote)
    for data in (b"", b"PAR1", b"no parquet at all", content(damaged)[:-20]):
        damaged.write(data)
        done = klsurv("summary", store)
        assert done.returncode == 1
        assert f"{damaged.name} is damaged, or was written by another version" in done.stderr
        ingest(local, store)
        assert summary(store) == want


def test_data_that_are_damaged_behind_a_good_footer_are_told(bucket: Remote, local: Path) -> None:
    store = bucket / "store"
    ingest(local, store)
    damaged = file_of(store, "b")
    assert isinstance(damaged, Remote)
    data = content(damaged)
    damaged.write(data[:4] + b"\xff" * 900 + data[904:])
    with pytest.raises(LayoutError, match=f"{damaged}, the file of b, cannot be read .*: delete it, and"):
        summary(store)


def test_an_object_of_another_name_is_not_the_stores_and_left_alone(bucket: Remote, local: Path) -> None:
    store = bucket / "store"
    ingest(local, store)
    for name in ("mine.parquet", "deeper/mine.parquet"):
        (store / name).write(b"mine")
    before = names(store)
    same(told(store), told(local))
    assert counts(ingest(local, store, prune=True)) == {"unchanged": 3}
    assert names(store) == before


def test_the_command_says_what_it_did(bucket: Remote, local: Path, klsurv: Klsurv) -> None:
    runs = upload(local, bucket / "runs")
    shutil.rmtree(local / "b")
    done = klsurv("ingest", runs, f"{bucket}/store/", "--workers", "2")
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr.startswith(f"{bucket}/store: 3 new, 0 updated, 0 unchanged")
    done = klsurv("ingest", local, f"{bucket}/store", "--prune")
    assert "2 updated" in done.stderr
    assert "1 pruned" in done.stderr
    assert names(bucket / "store").count(MARKER) == 1
