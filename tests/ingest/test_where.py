"""The same cells are kept of a root, of a store and of a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import klsurv
from klsurv.errors import CellError, NothingUsableError
from klsurv.exports import export
from tests.generated import quietly
from tests.ingest.handmade import write_cell, write_file


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Cells of two methods, one of no known method and one that is broken."""
    here = tmp_path_factory.mktemp("where")
    root = here / "root"
    for i, method in enumerate(("pca", "sae")):
        write_cell(root, method, calib={"method": method, "seed": i})
    write_cell(root, "unknown", calib={"method": ..., "seed": 2})
    write_file(write_cell(root, "broken") / "pmass.json", "{")
    klsurv.update_store(root, here / "store")
    export(quietly(root), here / "long.parquet", name="long")
    export(quietly(root), here / "lists.parquet", name="trajectories")
    return {"root": root, **{name: here / name for name in ("store", "long.parquet", "lists.parquet")}}


@pytest.mark.parametrize(
    ("where", "kept"),
    [
        ("method = 'pca'", ["pca"]),
        ("method = 'pca' AND n_prompts > 0", ["pca"]),
        ("method <> 'sae'", ["pca"]),
        ("method IS NULL", ["unknown"]),
        ("seed < 2 OR method = 'sae'", ["pca", "sae"]),
        ("status = 'partial'", ["unknown"]),
        ("layer = 3", ["pca", "sae", "unknown"]),
        ("layer = 4", []),
        # Each cell is looked at alone.
        ("seed = MAX(seed)", ["pca", "sae", "unknown"]),
        ("seed > AVG(seed)", []),
    ],
)
@pytest.mark.parametrize("source", ["root", "store", "long.parquet", "lists.parquet"])
def test_a_condition_keeps_the_same_usable_cells_of_every_source(
    sources: dict[str, Path], source: str, where: str, kept: list[str]
) -> None:
    runs = quietly(sources[source], where=where)
    if kept:
        assert runs.rollouts().get_column("cell").unique().sort().to_list() == kept
    else:
        with pytest.raises(NothingUsableError):
            runs.rollouts()


@pytest.mark.parametrize("source", ["root", "store", "long.parquet", "lists.parquet"])
@pytest.mark.parametrize(("options", "raises"), [({}, True), ({"where": "cell = 'pca'"}, False)])
def test_a_cell_that_is_left_out_is_an_error_of_every_source_if_it_shall_be(
    sources: dict[str, Path], source: str, options: dict[str, Any], raises: bool
) -> None:
    runs = quietly(sources[source], strict=True, **options)
    if raises:
        with pytest.raises(CellError, match=r"broken: pmass\.json"):
            runs.cells()
    else:
        assert runs.cells().get_column("status").to_list() == ["ok"]
