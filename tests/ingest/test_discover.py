from __future__ import annotations

import os
from pathlib import Path

import pytest

from klsurv.errors import CellError, NothingUsableError
from klsurv.ingest.discover import CellDir, discover, enter
from klsurv.names import clean, some
from tests.ingest.handmade import write_cell


def names(path: Path, name_contains: str = "") -> list[str]:
    return [cell.name for cell in discover(path, name_contains=name_contains)]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain name_s0 α", "plain name_s0 α"),
        ("[red]", "[red]"),
        ("\x1b[31m", "\\x1b[31m"),
        ("a\nb\tc\rd", "a\\nb\\tc\\rd"),
        ("\x9b31m", "\\x9b31m"),
        ("a\u202eb", "a\\u202eb"),
        ("a\u2028b", "a\\u2028b"),
        ("a\U000e0001b", "a\\U000e0001b"),
        ("\udcff", "\\udcff"),
        ("a\\nb", "a\\\\nb"),
    ],
)
def test_a_clean_name_shows_what_a_terminal_would_act_on(text: str, shown: str) -> None:
    assert clean(text) == shown


def test_two_names_that_differ_stay_different() -> None:
    texts = ["\n", "\\n", "\\\n", "\\\\n", "\x0a", "\\x0a", "\udc0a", "\\udc0a"]
    assert len({clean(text) for text in texts}) == len(set(texts))


def test_cells_come_sorted_by_name_and_other_entries_are_passed_over(tmp_path: Path) -> None:
    for name in ("b", "a", "c"):
        write_cell(tmp_path, name)
    (tmp_path / "notes.txt").write_text("text")
    (tmp_path / "empty").mkdir()
    assert names(tmp_path) == ["a", "b", "c"]


def test_staging_folders_are_passed_over_but_a_root_may_have_such_a_name(tmp_path: Path) -> None:
    root = tmp_path / "_root"
    write_cell(root, "cell")
    write_cell(root, "_staging")
    assert names(root) == ["cell"]


def test_a_staging_folder_that_is_named_itself_is_read(tmp_path: Path) -> None:
    assert names(write_cell(tmp_path, "_staging")) == ["_staging"]


def test_a_path_that_is_a_cell_is_that_cell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cell = write_cell(tmp_path, "one")
    assert names(cell) == ["one"]
    monkeypatch.chdir(cell)
    assert names(Path(".")) == ["one"]


@pytest.mark.parametrize("file", ["calib.json", "trajectory.json", "pmass.json"])
def test_a_directory_with_any_one_of_the_files_is_a_cell(tmp_path: Path, file: str) -> None:
    (tmp_path / "half").mkdir()
    (tmp_path / "half" / file).write_text("{}")
    assert names(tmp_path) == ["half"]


def test_links_to_cells_are_followed_and_a_dangling_one_is_told(tmp_path: Path) -> None:
    real = write_cell(tmp_path / "elsewhere", "real")
    root = tmp_path / "root"
    root.mkdir()
    (root / "linked").symlink_to(real, target_is_directory=True)
    (root / "nowhere").symlink_to(tmp_path / "gone")
    (root / "to_a_file").symlink_to(real / "calib.json")
    linked, nowhere = discover(root)
    assert (linked.name, nowhere.name) == ("linked", "nowhere")
    enter(linked)
    with pytest.raises(CellError, match="nowhere: the directory cannot be read: No such file"):
        enter(nowhere)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_directory_that_must_not_be_read_is_told(tmp_path: Path) -> None:
    cell = write_cell(tmp_path, "locked")
    cell.chmod(0)
    try:
        (found,) = discover(tmp_path)
        with pytest.raises(CellError, match="locked: the directory cannot be read: Permission denied"):
            enter(found)
    finally:
        cell.chmod(0o755)


def test_a_directory_that_cannot_be_listed_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cell = CellDir("locked", write_cell(tmp_path, "locked"))

    def refuse(path: object) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(CellError, match="locked: the directory cannot be read: Permission denied"):
        enter(cell)
    with pytest.raises(NothingUsableError, match="cannot be read: Permission denied"):
        discover(tmp_path)


@pytest.mark.parametrize(
    "name",
    [b"[red]", b"\x1b[31mred", b"a\nb", "a\u202eb".encode(), b"\xff\xfe", b"a\\b", b"-o", b" ", b"<b>", b"a;b|c"],
)
def test_a_cell_keeps_its_path_whatever_its_name_shows(tmp_path: Path, name: bytes) -> None:
    write_cell(tmp_path, name)
    (cell,) = discover(tmp_path)
    assert os.fsencode(cell.path.name) == name
    assert cell.name == clean(os.fsdecode(name))
    assert cell.name.isprintable()


def test_only_names_that_contain_the_text_are_kept(tmp_path: Path) -> None:
    for name in ("pca_s0", "pca_s1", "sae_s0"):
        write_cell(tmp_path, name)
    assert names(tmp_path, "pca") == ["pca_s0", "pca_s1"]
    with pytest.raises(NothingUsableError, match=r"none of the 3 cells .* contains 'zzz'"):
        discover(tmp_path, name_contains="zzz")


def test_text_that_is_a_pattern_is_taken_literally(tmp_path: Path) -> None:
    write_cell(tmp_path, "a.c")
    write_cell(tmp_path, "abc")
    assert names(tmp_path, "a.c") == ["a.c"]


def test_a_path_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(NothingUsableError, match="nope does not exist"):
        discover(tmp_path / "nope")


def test_a_path_that_is_no_directory_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("text")
    with pytest.raises(NothingUsableError, match="file is not a directory"):
        discover(tmp_path / "file")


def test_a_root_without_cells_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    with pytest.raises(NothingUsableError, match=r"no run cell in .*: no sub-directory holds calib\.json"):
        discover(tmp_path)


def test_of_many_the_first_are_told() -> None:
    assert some([], 2) == "" and some([1.0, "b"], 2) == "1.0, b" and some(["a", "b", "c"], 2) == "a, b, …"


@pytest.mark.parametrize(
    ("file", "told"),
    [("x.parquet", True), ("method=pca/x.parquet", True), ("a/b/c/x.parquet", False), ("notes.txt", False)],
)
def test_a_folder_of_parquet_files_is_told_what_to_give_and_is_not_searched(
    tmp_path: Path, file: str, told: bool
) -> None:
    (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / file).touch()
    with pytest.raises(NothingUsableError, match="no run cell in") as raised:
        discover(tmp_path)
    assert ("Of parquet files give one" in str(raised.value)) == told
