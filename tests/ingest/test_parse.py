from __future__ import annotations

import json
import math
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from klsurv.errors import CellError, InFlightError
from klsurv.ingest import content
from klsurv.ingest.parse import read_object
from tests.ingest.handmade import write_file


def test_bare_nan_and_infinity_are_numbers(tmp_path: Path) -> None:
    read = read_object(write_file(tmp_path / "a.json", '{"a": [NaN, Infinity, -Infinity, 1, 0.5]}'))
    nan, *others = read["a"]  # type: ignore[misc]
    assert math.isnan(nan)
    assert others == [math.inf, -math.inf, 1, 0.5]


def test_nan_inside_text_and_keys_stays_text(tmp_path: Path) -> None:
    value = {"NaN": "NaN", "a": ["Infinity", "x NaN, -Infinity y", '"NaN"']}
    assert read_object(write_file(tmp_path / "a.json", json.dumps(value))) == value


@pytest.mark.parametrize("number", [0.1, 1e-308, 5e-324, 1.7976931348623157e308, 2.0**53 + 2, 0.1 + 0.2])
def test_floats_are_read_to_the_last_bit(tmp_path: Path, number: float) -> None:
    assert read_object(write_file(tmp_path / "a.json", json.dumps({"x": number}))) == {"x": number}


@pytest.mark.parametrize(
    ("content", "cause"),
    [
        (b"", "is empty"),
        (b" \n\t ", "is empty"),
        (b"\0\0\0\0", "is not JSON"),
        (b"not json", "is not JSON"),
        (b'{"a": 1} {"a": 2}', "is not JSON"),
        (b'{"a": 1,}', "is not JSON"),
        (b"{'a': 1}", "is not JSON"),
        (b'{"a": nan}', "is not JSON"),
        (b'{"a": 1, "a": 2}', "[Dd]uplicate key"),
        (b'{"a": "\xff\xfe"}', "is not JSON"),
        (b'{"a": "\xed\xa0\x80"}', "is not JSON"),
        (b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "is nested deeper than 200 levels"),
        (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "is nested deeper than 200 levels"),
        (b'{"a": 1' + b"0" * 5000 + b"}", "is not JSON"),
        (b"[1, 2]", "holds a list at the top, expected an object"),
        (b'"text"', "holds text at the top"),
        (b"true", "holds a boolean at the top"),
        (b"1.5", "holds a number at the top"),
        (b"null", "holds null at the top"),
        (b"NaN", "holds a number at the top"),
    ],
    ids=lambda value: value[:16].decode("latin1") if isinstance(value, bytes) else "",
)
def test_what_is_no_json_object_is_a_clean_error(tmp_path: Path, content: bytes, cause: str) -> None:
    with pytest.raises(CellError, match=cause) as caught:
        read_object(write_file(tmp_path / "a.json", content))
    assert caught.value.file == "a.json"
    assert not isinstance(caught.value, InFlightError)
    assert len(str(caught.value)) < 300


def test_a_file_cut_short_at_any_byte_is_an_error(tmp_path: Path) -> None:
    whole = json.dumps({"a": {"1.0": [[0.5, math.nan, -math.inf], [1e-3]]}, "b": "NaN é", "c": None}, indent=1).encode()
    for length in range(len(whole)):
        with pytest.raises(CellError, match=r"is empty|is not JSON, or cut short"):
            read_object(write_file(tmp_path / "a.json", whole[:length]))
    assert read_object(write_file(tmp_path / "a.json", whole))["b"] == "NaN é"


def _fifo(path: Path) -> None:
    os.mkfifo(path)


def _nowhere(path: Path) -> None:
    path.symlink_to(path.parent / "gone")


def _loop(path: Path) -> None:
    path.symlink_to(path)


def _device(path: Path) -> None:
    path.symlink_to(os.devnull)


@pytest.mark.parametrize(
    ("place", "cause"),
    [
        (lambda path: None, "missing"),
        (Path.mkdir, "is a directory, not a regular file"),
        (_fifo, "is a FIFO, not a regular file"),
        (_nowhere, "missing"),
        (_loop, "cannot be opened: Too many levels of symbolic links"),
        (_device, "is a device or socket, not a regular file"),
    ],
    ids=["nothing", "directory", "fifo", "dangling link", "link to itself", "device"],
)
def test_what_is_no_regular_file_is_told_at_once(tmp_path: Path, place: Callable[[Path], None], cause: str) -> None:
    path = tmp_path / "a.json"
    place(path)
    start = time.monotonic()
    with pytest.raises(CellError, match=f"a.json: {cause}"):
        read_object(path)
    assert time.monotonic() - start < 2


def test_a_link_to_a_file_is_read(tmp_path: Path) -> None:
    write_file(tmp_path / "real.json", '{"a": 1}')
    (tmp_path / "a.json").symlink_to(tmp_path / "real.json")
    assert read_object(tmp_path / "a.json") == {"a": 1}


@pytest.mark.parametrize(("where", "cause"), [(os, "cannot be opened"), (content, "cannot be read")])
def test_a_file_that_the_system_refuses_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: object, cause: str
) -> None:
    path = write_file(tmp_path / "a.json", "{}")

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr(where, "open", refuse, raising=False)
        with pytest.raises(CellError, match=rf"a\.json: {cause}: Permission denied"):
            read_object(path)


def test_a_file_that_was_just_written_and_does_not_parse_is_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.json"
    path.write_text('{"a": [1,')
    monkeypatch.setattr(time, "sleep", lambda _: path.write_text('{"a": [1, 2]}'))
    assert read_object(path) == {"a": [1, 2]}


def test_an_old_file_that_does_not_parse_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "sleep", lambda _: pytest.fail("waited"))
    with pytest.raises(CellError):
        read_object(write_file(tmp_path / "a.json", '{"a": [1,'))


def test_a_fresh_file_that_stays_as_it_is_is_broken_and_not_in_flight(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"a": [1,')
    with pytest.raises(CellError, match="cut short") as caught:
        read_object(tmp_path / "a.json")
    assert not isinstance(caught.value, InFlightError)


def test_a_file_that_changes_each_time_is_in_flight(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.json"
    path.write_text("{")
    monkeypatch.setattr(time, "sleep", lambda _: path.write_text(path.read_text() + "{"))
    with pytest.raises(InFlightError, match=r"a\.json: is being written"):
        read_object(path)


def test_a_file_that_changes_between_the_first_byte_and_the_last_is_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_file(tmp_path / "a.json", '{"a": 1}')
    calls: list[int] = []
    fstat = os.fstat

    def change(descriptor: int) -> os.stat_result:
        calls.append(descriptor)
        if len(calls) == 2:
            path.write_text('{"a": 2}')
        return fstat(descriptor)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fstat", change)
        patch.setattr(time, "sleep", lambda _: None)
        assert read_object(path) == {"a": 2}


def test_a_file_rewritten_in_place_is_read_old_or_new_but_never_mixed(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps({"a": [0] * 50_000}))
    stop = threading.Event()

    def rewrite() -> None:
        for version in range(1, 10_000):
            if stop.wait(0.03):
                return
            text = json.dumps({"a": [version % 10] * 50_000})
            with open(path, "w") as file:
                for start in range(0, len(text), 30_000):
                    file.write(text[start : start + 30_000])
                    file.flush()
                    time.sleep(0.001)

    producer = threading.Thread(target=rewrite)
    producer.start()
    read, causes = [], []
    deadline = time.monotonic() + 2
    try:
        while time.monotonic() < deadline:
            try:
                read.append(read_object(path)["a"])
            except CellError as error:
                causes.append(error.cause)
    finally:
        stop.set()
        producer.join()
    assert all(len(values) == 50_000 and len(set(values)) == 1 for values in read)  # type: ignore[arg-type]
    assert all("cut short" in cause or "empty" in cause or "written" in cause for cause in causes)
    assert len({values[0] for values in read}) > 1, "the test saw no rewrite"  # type: ignore[index]
