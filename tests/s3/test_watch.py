from __future__ import annotations

from pathlib import Path

import pytest
from polars.testing import assert_frame_equal

from klsurv.ingest.remote import Remote
from tests.s3.objects import upload
from tests.watch.growing import ALPHAS, Producer, Reads, summary, sweep


def test_a_sweep_that_grows_in_a_bucket_is_watched_as_one_on_disk(
    bucket: Remote, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched, reads = sweep(bucket / "runs"), Reads(monkeypatch)
    assert watched.refresh() == []
    assert "does not exist" in str(watched.view().waiting)
    producers = [Producer(tmp_path, f"c{i}", seed=i).begin() for i in range(2)]
    for done, alpha in enumerate(ALPHAS, 1):
        producers[0].add(alpha)
        producers[1].add(alpha)
        upload(tmp_path, bucket / "runs")
        assert [(change.cell, change.state, change.alphas) for change in watched.refresh()] == [
            ("c0", "ok", done),
            ("c1", "ok", done),
        ]
        assert_frame_equal(watched.view().table, summary(tmp_path), check_exact=True)
    reads.taken()
    assert watched.refresh() == []
    assert reads.taken() == []
    producers[1].masses(part=0.5)
    upload(tmp_path, bucket / "runs")
    (change,) = watched.refresh()
    assert (change.cell, change.alphas, change.kept) == ("c1", 4, True)
    for file in ("calib.json", "trajectory.json", "pmass.json"):
        (bucket / "runs" / "c1" / file).unlink()
    assert [(change.cell, change.state) for change in watched.refresh()] == [("c1", "vanished")]


def test_a_server_that_does_not_answer_is_waited_for(
    bucket: Remote, cells: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload(cells, bucket)
    watched = sweep(bucket)
    watched.refresh()
    before = watched.view().table
    with monkeypatch.context() as away:
        away.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
        assert watched.refresh() == []
        assert "cannot be reached" in str(watched.view().waiting)
        assert_frame_equal(watched.view().table, before)
    assert watched.refresh() == []
    assert watched.view().waiting is None
