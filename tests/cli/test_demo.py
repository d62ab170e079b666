from __future__ import annotations

import tarfile
from pathlib import Path

import pytest

import klsurv as package
from klsurv.data import unpack
from tests.conftest import Klsurv


def test_the_demo_unpacks_runs_shows_their_summary_and_saves_their_figure(klsurv: Klsurv, tmp_path: Path) -> None:
    folder = tmp_path / "klsurv-demo"
    first = klsurv("demo", cwd=tmp_path)
    assert first.returncode == 0
    assert "Traceback" not in first.stderr and "warning" not in first.stderr
    summary = package.scan(folder).summary(threshold=0.3, roll=9)
    assert first.stdout.split()[: summary.width] == summary.columns
    cells = package.scan(folder).cells()
    assert cells.get_column("status").to_list() == ["ok", "ok"]
    assert {path.name for path in folder.iterdir()} == {
        *cells.get_column("cell"),
        "spaghetti.png",
        "spaghetti.html",
    }
    assert (folder / "spaghetti.png").read_bytes().startswith(b"\x89PNG")

    (folder / "mine.txt").write_text("mine")
    second = klsurv("demo", folder)
    assert (second.returncode, second.stdout) == (0, first.stdout)
    assert (folder / "mine.txt").read_text() == "mine"

    *_, advice = first.stderr.strip().splitlines()
    command = advice.removeprefix("next: klsurv ").split()
    follow = klsurv(*command, cwd=tmp_path)
    assert follow.returncode == 0
    want = package.scan(folder).summary(["method", "alpha"], threshold=0.3, roll=9)
    assert follow.stdout == want.write_csv()


def test_a_file_in_place_of_the_folder_is_wrong_usage(klsurv: Klsurv, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    for target in (tmp_path / "file", tmp_path / "file" / "below"):
        result = klsurv("demo", target)
        assert (result.returncode, result.stdout) == (2, "")
        assert str(target) in result.stderr
        assert "Traceback" not in result.stderr
    assert (tmp_path / "file").read_text() == "mine"


def test_it_unpacks_with_a_python_that_has_no_filters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    extract = tarfile.TarFile.extractall
    # As of Python 3.11.0 to 3.11.3.
    monkeypatch.setattr(tarfile.TarFile, "extractall", lambda archive, path: extract(archive, path))
    monkeypatch.delattr(tarfile, "data_filter", raising=False)
    assert len(unpack(tmp_path / "demo")) == 2
