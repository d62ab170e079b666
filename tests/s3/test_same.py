"""Run cells and stores in a bucket give what those on disk give."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import klsurv
from klsurv.errors import CellError
from klsurv.exports import export
from klsurv.ingest.remote import Remote
from klsurv.store.ingest import ingest
from tests.conftest import Klsurv
from tests.ingest.handmade import write_cell, write_file
from tests.s3.objects import upload
from tests.store.asked import same, told

SCORING: dict[str, Any] = {"threshold": 0.3, "roll": 9}


class Places(NamedTuple):
    """The same cells, four times."""

    runs: Path
    store: Path
    remote_runs: Remote
    remote_store: Remote


@pytest.fixture(scope="module")
def places(shared: Path, tmp_path_factory: pytest.TempPathFactory, shared_bucket: Remote) -> Places:
    """Real cells, a broken one, a partial one, one that is not all there, and what is to be passed over."""
    root = tmp_path_factory.mktemp("places")
    runs = root / "runs"
    shutil.copytree(shared / "cells", runs)
    broken = write_cell(runs, "broken")
    write_file(broken / "trajectory.json", "{")
    write_file(write_cell(runs, "partial") / "history.json", "[7]")
    write_file(write_cell(runs, "other names: #%41 é") / "gens.jsonl", "no json\n")
    (write_cell(runs, "waiting") / "pmass.json").unlink()
    write_cell(runs, "_staging")
    write_cell(runs / "deeper" / "still", "cell")
    found = Places(runs, root / "store", upload(runs, shared_bucket / "sweeps" / "runs"), shared_bucket / "store")
    ingest(found.runs, found.store)
    ingest(found.remote_runs, found.remote_store)
    return found


def answers(places: Places, source: Any, **selection: Any) -> dict[str, str]:
    """The answer to every question; paths as they are on disk."""
    found = told(source, scoring=SCORING, **selection)
    return {name: text.replace(str(places.remote_runs), str(places.runs)) for name, text in found.items()}


@pytest.mark.parametrize(
    "selection",
    [{}, {"alphas": [1.0, 77.0], "where": "method = 'pca'"}],
    ids=str,
)
def test_every_table_is_the_same(places: Places, selection: dict[str, Any]) -> None:
    want = answers(places, places.runs, **selection)
    same(answers(places, places.remote_runs, **selection), want)
    same(answers(places, str(places.remote_store), **selection), answers(places, places.store, **selection))
    assert want["summary"] == answers(places, places.remote_store, **selection)["summary"]


def test_a_cell_that_is_not_ok_is_refused_in_the_same_words(places: Places) -> None:
    said = set()
    for source in places:
        with pytest.raises(CellError, match="broken") as raised:
            klsurv.scan(source, strict=True).cells()
        said.add(str(raised.value).replace(str(places.remote_runs), str(places.runs)))
    assert len(said) == 1


def test_one_cell_and_a_parquet_file_can_be_read(places: Places, shared_bucket: Remote, tmp_path: Path) -> None:
    cell = "SmolLM2-135M-Instruct_pca_s0_w96"
    want = klsurv.scan(places.runs / cell).summary(**SCORING)
    assert klsurv.scan(f"{places.remote_runs}/{cell}/").summary(**SCORING).equals(want)
    file = tmp_path / "scored.parquet"
    export(klsurv.scan(places.runs / cell), file, name="scored", **SCORING)
    (shared_bucket / "scored.parquet").write(file.read_bytes())
    assert klsurv.scan(shared_bucket / "scored.parquet").summary(**SCORING).equals(want)


def test_a_whole_bucket_can_be_a_run_root(bucket: Remote, real_cells: Path) -> None:
    upload(real_cells, bucket)
    found = klsurv.scan(f"s3://{bucket.bucket}").summary(**SCORING)
    assert found.equals(klsurv.scan(real_cells).summary(**SCORING))


def test_a_path_that_lost_a_slash_is_still_an_url(bucket: Remote, real_cells: Path) -> None:
    upload(real_cells, bucket / "runs")
    assert klsurv.scan(Path(f"{bucket}/runs")).cells().height == 2


COMMANDS = [
    ("check",),
    ("summary", "--threshold", "0.3", "--roll", "9", "--format", "md"),
    ("inspect", "--cell", "pca", "--alpha", "1", "--prompt", "0", "--format", "md"),
]


@pytest.mark.parametrize("words", COMMANDS, ids=lambda words: str(words[0]))
def test_every_command_says_the_same(places: Places, klsurv: Klsurv, words: tuple[str, ...]) -> None:
    want = klsurv(words[0], places.runs, *words[1:])
    assert want.stdout
    for source in (places.remote_runs, places.remote_store):
        found = klsurv(words[0], source, *words[1:])
        assert (found.returncode, found.stdout, found.stderr) == (want.returncode, want.stdout, want.stderr)


def test_files_are_made_of_what_is_in_a_bucket(places: Places, klsurv: Klsurv, tmp_path: Path) -> None:
    scoring = ["--threshold", "0.3", "--roll", "9"]
    for i, source in enumerate((places.runs, places.remote_runs, places.remote_store)):
        chart, csv = tmp_path / f"{i}.json", tmp_path / f"{i}.csv"
        for words in (
            ("plot", "spaghetti", source, "-o", chart, *scoring),
            ("export", source, csv, "--table", "scored", *scoring),
        ):
            done = klsurv(*words)
            assert done.returncode == 0, done.stderr
        assert chart.read_bytes() == (tmp_path / "0.json").read_bytes()
        assert csv.read_bytes() == (tmp_path / "0.csv").read_bytes()


def test_the_report_has_what_was_generated(
    places: Places, klsurv: Klsurv, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Its charts take long, and are the same.
    monkeypatch.setattr("klsurv.report.build.sections", lambda *_, drawn: iter(()))
    page = tmp_path / "report.html"
    done = klsurv("report", places.remote_store, "-o", page, "--threshold", "0.3", "--model-contains", "pca")
    assert done.returncode == 0, done.stderr
    line = (places.runs / "SmolLM2-135M-Instruct_pca_s0_w96" / "gens.jsonl").read_text().splitlines()[0]
    assert json.loads(line)["gen_text"].split()[0] in page.read_text()
