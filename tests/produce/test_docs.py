"""docs/producers.md says what the code does."""

from __future__ import annotations

from pathlib import Path

import klsurv
from klsurv.produce.files import KL_FIELDS, PMASS_FIELDS
from tests.docs.pages import ROOT, blocks
from tests.docs.reader import Reader
from tests.produce.producing import tables

PAGE = ROOT / "docs" / "producers.md"


def test_its_example_runs_and_goes_on(tmp_path: Path) -> None:
    (block,) = (block for block in blocks(PAGE) if block.kind == "python")
    with Reader(tmp_path) as reader:
        for _ in range(2):
            reader.python(block)
    cells, source = tables(tmp_path / "outputs")
    assert cells.select("cell", "status").rows() == [("my-model_pca_s0", "ok")]
    assert source.get_column("gen_len").to_list() == [96, 12, 96, 12]
    assert klsurv.scan(tmp_path / "outputs").alphas == [0.0, 1.0]


def test_it_names_every_field_that_is_written() -> None:
    for name in (*KL_FIELDS, *PMASS_FIELDS):
        assert f"`{name}[alpha]`" in PAGE.read_text()
