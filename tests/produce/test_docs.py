"""docs/producers.md says what the code does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import klsurv
from klsurv.produce.files import KL_FIELDS, PMASS_FIELDS
from tests.produce.producing import tables

DOC = (Path(__file__).resolve().parents[2] / "docs" / "producers.md").read_text()


def test_its_example_runs_and_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (code,) = re.findall(r"```python\n(.*?)```", DOC, flags=re.DOTALL)
    for _ in range(2):
        exec(compile(code, "producers.md", "exec"), {})
    cells, source = tables(tmp_path / "outputs")
    assert cells.select("cell", "status").rows() == [("my-model_pca_s0", "ok")]
    assert source.get_column("gen_len").to_list() == [96, 12, 96, 12]
    assert klsurv.scan(tmp_path / "outputs").alphas == [0.0, 1.0]


def test_it_names_every_field_that_is_written() -> None:
    for name in (*KL_FIELDS, *PMASS_FIELDS):
        assert f"`{name}[alpha]`" in DOC
