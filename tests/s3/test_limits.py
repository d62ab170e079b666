"""What holds too much in a bucket is refused before it is fetched, as it is on disk."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import klsurv
from klsurv.errors import NothingUsableError
from klsurv.ingest.remote import Remote
from klsurv.limits import limits
from tests.ingest.handmade import write_cell
from tests.s3.objects import upload


@pytest.fixture
def most(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, int], None]]:
    """Set a limit by its variable."""
    yield lambda name, value: monkeypatch.setenv(name, str(value))
    monkeypatch.undo()
    limits.cache_clear()


def test_an_object_that_is_too_large_is_not_fetched_and_its_cell_is_broken(
    bucket: Remote, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: Callable[[str, int], None]
) -> None:
    write_cell(tmp_path, "a")
    write_cell(tmp_path, "b", pmass={"questions": "x" * 5000})
    upload(tmp_path, bucket / "runs")
    fetched: list[str] = []
    really = Remote.read

    def read(self: Remote, *arguments: object) -> bytes | None:
        fetched.append(self.key)
        return really(self, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(Remote, "read", read)
    most("KLSURV_MAX_FILE_BYTES", 5000)
    checked = klsurv.scan(bucket / "runs", tell=lambda _: None).check()
    assert checked.get_column("status").to_list() == ["ok", "broken"]
    assert (
        checked.get_column("reason")
        .to_list()[1]
        .endswith("bytes, and at most 5,000 are read: KLSURV_MAX_FILE_BYTES raises this limit")
    )
    assert "runs/b/calib.json" in fetched and "runs/b/pmass.json" not in fetched


def test_a_prefix_of_too_many_objects_is_refused(
    bucket: Remote, tmp_path: Path, most: Callable[[str, int], None]
) -> None:
    write_cell(tmp_path, "a")
    upload(tmp_path, bucket / "runs")
    most("KLSURV_MAX_CELLS", 2)
    with pytest.raises(NothingUsableError, match=r"runs holds more than 2 entries: .* raise KLSURV_MAX_CELLS"):
        klsurv.scan(bucket / "runs").check()
