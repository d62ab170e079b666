"""An object that is replaced while it is read."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest

import klsurv
from benchmarks.cells import write_cells
from klsurv.errors import InFlightError, LayoutError
from klsurv.ingest.cell import load_cell
from klsurv.ingest.discover import CellDir, discover
from klsurv.ingest.parse import read_object
from klsurv.ingest.remote import Remote
from klsurv.ingest.stamp import Stamp
from klsurv.store import bucket as buckets
from klsurv.store import file as files
from klsurv.store.ingest import ingest
from tests.ingest.handmade import write_cell
from tests.s3.objects import content, upload
from tests.store.asked import summary


@pytest.fixture
def after_stat(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[Remote], None]], None]:
    """Have something done each time after an object was looked at, before it is read."""

    def arrange(do: Callable[[Remote], None]) -> None:
        really = Remote.stat

        def stat(self: Remote) -> Stamp:
            seen = really(self)
            do(self)
            return seen

        monkeypatch.setattr(Remote, "stat", stat)

    return arrange


def test_an_object_that_was_replaced_is_not_read(bucket: Remote) -> None:
    at = bucket / "file"
    at.write(b"one")
    seen = at.stat()
    assert at.read(seen) == b"one"
    assert at.read(seen, 1, 3) == b"ne"
    at.write(b"two")
    assert at.read(seen) is None
    assert at.read(seen, 1, 3) is None
    assert at.read(at.stat()) == b"two"
    at.unlink()
    assert at.read(seen) is None


def test_a_server_that_ignores_the_condition_is_noticed(bucket: Remote, monkeypatch: pytest.MonkeyPatch) -> None:
    import obstore

    at = bucket / "file"
    at.write(b"one")
    seen = at.stat()
    at.write(b"two")
    get = obstore.get
    monkeypatch.setattr(obstore, "get", lambda store, key, options: get(store, key))
    assert at.read(seen) is None


def test_an_object_that_changes_between_looking_and_reading_is_read_again(
    bucket: Remote, after_stat: Callable[[Callable[[Remote], None]], None]
) -> None:
    at = bucket / "calib.json"
    at.write(b'{"window": 1}')
    rest = [b'{"window": 2}', b'{"window": 3}']
    after_stat(lambda at: at.write(rest.pop(0)) if rest else None)
    document = read_object(at)
    assert (document, rest) == ({"window": 3}, [])
    assert document.stamp.digest == at.stat().digest


def test_an_object_that_changes_all_the_time_is_in_flight(
    bucket: Remote,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    after_stat: Callable[[Callable[[Remote], None]], None],
) -> None:
    monkeypatch.setattr("klsurv.ingest.content._PAUSE", 0)
    upload(write_cell(tmp_path), bucket / "runs" / "good")
    (cell,) = discover(bucket / "runs")
    versions = iter(range(1000))
    after_stat(lambda at: at.write(json.dumps({"window": next(versions)}).encode()))
    with pytest.raises(InFlightError, match=r"calib\.json: is being written"):
        read_object(cell.path / "calib.json")
    read = load_cell(cell, metric="pmass_eval")
    assert (read.status, read.in_flight) == ("skipped", True)


def test_an_upload_that_was_cut_short_is_broken_and_the_next_one_is_not(bucket: Remote, tmp_path: Path) -> None:
    cell = upload(write_cell(tmp_path), bucket / "runs" / "good")
    whole = content(cell / "trajectory.json")
    (cell / "trajectory.json").write(whole[:-9])
    assert klsurv.scan(bucket / "runs", tell=lambda _: None).check().get_column("status").to_list() == ["broken"]
    (cell / "trajectory.json").write(whole)
    assert klsurv.scan(bucket / "runs").check().get_column("status").to_list() == ["ok"]


def test_a_store_is_read_as_it_was_when_it_was_opened_or_not_at_all(bucket: Remote, tmp_path: Path) -> None:
    cell = upload(write_cell(tmp_path), bucket / "runs" / "good")
    ingest(bucket / "runs", bucket / "store")
    before, after = (klsurv.scan(bucket / "store", tell=lambda _: None) for _ in range(2))
    before.rollouts()
    (cell / "calib.json").write(content(cell / "calib.json") + b"\n")
    assert ingest(bucket / "runs", bucket / "store").updated == ["good"]
    with pytest.raises(LayoutError, match="was replaced while the store was read: run it again"):
        before.long().collect()
    assert after.long().collect().height > 0


def test_a_file_that_is_replaced_while_the_store_is_listed_is_read_in_its_later_version(
    bucket: Remote, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload(write_cell(tmp_path), bucket / "runs" / "good")
    ingest(bucket / "runs", bucket / "store")
    want = summary(bucket / "store")
    really = Remote.walk

    def walk(self: Remote) -> list[tuple[str, Stamp]]:
        return [(name, Stamp(seen.size + 5, seen.mtime_ns, '"another"')) for name, seen in really(self)]

    monkeypatch.setattr(Remote, "walk", walk)
    assert summary(bucket / "store") == want


def test_a_long_footer_is_fetched_in_two_parts(
    bucket: Remote, real_cells: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ingest(real_cells, bucket / "store")
    want = summary(bucket / "store")
    monkeypatch.setattr(files, "_TAIL", 16)
    assert summary(bucket / "store") == want


def test_only_the_doses_that_are_asked_for_are_fetched(
    bucket: Remote, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Of a small cell all is fetched at once.
    write_cells(tmp_path, cells=1, prompts=20, tokens=4000)
    ingest(tmp_path, bucket / "store")
    fetched: list[int] = []
    really = buckets.Object.fetch

    def fetch(self: buckets.Object, start: int, end: int) -> bytes:
        if end < self.seen.size:
            # What ends the file is its footer.
            fetched.append(end - start)
        return really(self, start, end)

    monkeypatch.setattr(buckets.Object, "fetch", fetch)
    took = {}
    for alphas in (None, [1.0]):
        runs = klsurv.scan(bucket / "store", alphas=alphas, tell=lambda _: None)
        runs.rollouts()
        fetched.clear()
        runs.long().collect()
        took[alphas is None] = sum(fetched)
    assert took[False] < took[True] / 2


def test_a_place_can_be_sent_to_another_process(bucket: Remote) -> None:
    cell = CellDir("name", bucket / "runs" / "name", {"calib.json": Stamp(1, 2, "3")})
    sent = pickle.loads(pickle.dumps(cell))
    assert (sent, sent.listed) == (cell, cell.listed)


def test_an_object_that_is_put_in_parts_has_one_etag_everywhere(bucket: Remote) -> None:
    data = bytes(range(256)) * 50_000
    at = bucket / "large"
    at.write(data)
    seen = at.stat()
    assert list(bucket.walk()) == [("large", seen)]
    assert "-" in seen.digest
    assert at.read(seen) == data
    assert at.read(seen, 7_000_000, 7_000_003) == data[7_000_000:7_000_003]
