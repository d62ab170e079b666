"""KL in order beside the rows of a store's file: the same quantiles of it, and it can be damaged."""

from __future__ import annotations

import os
import pickle
import shutil
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow.parquet as pq
import pytest

import klsurv
from klsurv.analysis.spread import kl_quantiles
from klsurv.errors import LayoutError
from klsurv.ingest.discover import discover
from klsurv.params import Scoring, Selection
from klsurv.store.file import Footer, file_of
from klsurv.store.order import _MAGIC, _directory, _n_marks
from klsurv.store.pin import Version, version_of
from klsurv.store.read import Store, read_store
from tests.ingest.handmade import NAN, write_cell
from tests.store.asked import same, told
from tests.store.ordered import in_small_blocks, without_order

SCORING = {"threshold": 0.3, "roll": 9}


@pytest.fixture(scope="module")
def made(real_cells: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of the real cells."""
    store = tmp_path_factory.mktemp("order") / "store"
    with pytest.MonkeyPatch.context() as monkeypatch:
        in_small_blocks(monkeypatch)
        klsurv.update_store(real_cells, store)
    return store


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    in_small_blocks(monkeypatch)


def opened(store: Path, **selection: Any) -> Store:
    return read_store(store, selection=Selection(**selection), strict=False)


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize(
    "selection", [{}, {"alphas": [0.5, 4.0]}, {"metric": "pmass"}, {"where": "method = 'pca'"}], ids=str
)
def test_every_answer_is_that_of_the_cells(real_cells: Path, made: Path, selection: dict[str, Any]) -> None:
    same(told(made, scoring=SCORING, **selection), told(real_cells, scoring=SCORING, **selection))


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("by", [["alpha"], ["method"], ["method", "alpha"], ["cell", "alpha"]], ids=str)
@pytest.mark.parametrize("values", [2**28, 1000, 1])
def test_quantiles_of_kl_are_made_without_the_rest_of_it(
    real_cells: Path, made: Path, monkeypatch: pytest.MonkeyPatch, by: list[str], values: int
) -> None:
    monkeypatch.setattr("klsurv.analysis.spread._VALUES", values)
    want = klsurv.scan(real_cells, tell=lambda _: None).summary(by)
    read: list[str] = []
    real = Store._rows

    def rows(self: Store, cells: Any, columns: Any, alphas: Any = None) -> pl.DataFrame:
        read.extend(columns)
        return real(self, cells, columns, alphas)

    monkeypatch.setattr(Store, "_rows", rows)
    assert klsurv.scan(made, tell=lambda _: None).summary(by).equals(want)
    assert "kl" not in read
    assert "early" in read


def test_blocks_hold_every_finite_value_inside_the_length_in_order(tmp_path: Path, small: None) -> None:
    kl = {
        "0.0": [[0.0] * 8, [0.0] * 5 + [NAN] * 3],
        "1.0": [[0.5, NAN, 0.3, 0.2, -0.1, 0.1, 0.1, 0.1], [0.7, 0.6, 0.65] + [9.0] * 5],
    }
    write_cell(tmp_path / "runs", "a", trajectory={"per_prompt_per_t_kl": kl})
    klsurv.update_store(tmp_path / "runs", tmp_path / "store")
    ordered = opened(tmp_path / "store").ordered()
    assert ordered is not None
    assert ordered.doses.select("cell", "alpha", "n").rows() == [("a", 0.0, 13), ("a", 1.0, 10)]
    blocks = ordered.blocks(ordered.doses)
    assert blocks.select("n", "least", "greatest").rows() == [(13, 0.0, 0.0), (10, -0.1, 0.7)]
    assert ordered.read(blocks).to_list() == [0.0] * 13 + [-0.1, 0.1, 0.1, 0.1, 0.2, 0.3, 0.5, 0.6, 0.65, 0.7]


def test_blocks_are_read_in_the_order_they_are_asked_for(made: Path, small: None) -> None:
    ordered = opened(made).ordered()
    assert ordered is not None
    blocks = ordered.blocks(ordered.doses)
    assert (blocks["least"] <= blocks["greatest"]).all()
    mixed = pl.concat([blocks.gather_every(7, 3), blocks.gather_every(11)]).reverse()
    each = [ordered.read(mixed[i]).to_list() for i in range(mixed.height)]
    assert ordered.read(mixed).to_list() == [x for block in each for x in block]
    assert [block[0] for block in each] == mixed["least"].to_list()
    assert ordered.read(blocks.clear()).to_list() == []


def test_whoever_reads_parquet_sees_the_same_rows(
    real_cells: Path, made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_order(monkeypatch)
    klsurv.update_store(real_cells, tmp_path)
    for cell in (cell.name for cell in discover(real_cells)):
        plain, ordered = (Path(str(file_of(store, cell))) for store in (tmp_path, made))
        assert _MAGIC not in plain.read_bytes()
        assert _MAGIC in ordered.read_bytes()
        assert pl.read_parquet(ordered).equals(pl.read_parquet(plain))
        assert pq.read_table(ordered).equals(pq.read_table(plain))
        footers = [Footer.read(file) for file in (plain, ordered)]
        assert None not in footers
        assert {str(footer and footer.cells) for footer in footers} == {str(footers[0] and footers[0].cells)}


def test_where_one_cell_has_none_all_kl_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root, store = tmp_path / "runs", tmp_path / "store"
    write_cell(root, "a")
    with monkeypatch.context() as before:
        without_order(before)
        klsurv.update_store(root, store)
    write_cell(root, "b")
    klsurv.update_store(root, store)
    assert opened(store, model_contains="a").ordered() is None
    assert opened(store, model_contains="b").ordered() is not None
    assert opened(store).ordered() is None
    same(told(store), told(root))


def test_rows_that_are_not_whole_doses_are_read(made: Path, small: None, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = klsurv.scan(made, tell=lambda _: None)
    whole = runs.rollouts()
    want = kl_quantiles(runs, ["alpha"], (50,), Scoring())
    monkeypatch.setattr(klsurv.Runs, "rollouts", lambda _: whole.filter(prompt=0))
    some = kl_quantiles(runs, ["alpha"], (50,), Scoring())
    assert some.height == want.height
    assert not some.equals(want)
    by_prompt = kl_quantiles(runs, ["prompt", "alpha"], (50,), Scoring())
    assert by_prompt.drop("prompt").equals(some)


def test_whatever_byte_of_it_is_changed_it_is_told_or_makes_no_difference(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, store = tmp_path / "runs", tmp_path / "store"
    in_small_blocks(monkeypatch, 4)
    write_cell(root, "a")
    klsurv.update_store(root, store)
    path, want = file_of(store, "a"), quantiles_of(store)
    assert isinstance(path, Path)
    content = path.read_bytes()
    with path.open("rb") as file:
        located = _directory(file)
    assert located is not None
    begin, _ = located
    end = content.index(_MAGIC) + len(_MAGIC)
    said = f"the store is damaged: {path}, the file of a, cannot be read (its KL is not in order)"
    damaged = 0
    for at in range(begin, end):
        for byte in (bytes([content[at] ^ 128]), b""):
            path.write_bytes(content[:at] + byte + content[at + 1 :])
            found = quantiles_of(store)
            if isinstance(found, str):
                damaged += 1
                assert found.startswith(said)
            else:
                assert found.equals(want)
    # All but the blocks that are not looked at, and the mark of what is in order.
    assert damaged > (end - begin) / 3


@pytest.mark.usefixtures("small")
def test_zeros_in_place_of_it_are_told(made: Path, tmp_path: Path) -> None:
    store = tmp_path / "store"
    shutil.copytree(made, store)
    path = next(store.glob("*.parquet"))
    with path.open("r+b") as file:
        located = _directory(file)
        assert located is not None
        begin, doses = located
        file.seek(begin)
        file.write(bytes(8 * sum(n + 2 * _n_marks(n) for _, _, n in doses)))
    found = quantiles_of(store)
    assert isinstance(found, str)
    assert found.startswith(f"the store is damaged: {path}, the file of ")


def quantiles_of(store: Path) -> pl.DataFrame | str:
    """The quantiles of KL, or what is wrong."""
    try:
        return kl_quantiles(klsurv.scan(store), ["alpha"], (50, 95), Scoring())
    except LayoutError as error:
        return str(error)


@pytest.mark.usefixtures("small")
def test_a_file_that_is_replaced_as_it_is_opened_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root, store = tmp_path / "runs", tmp_path / "store"
    write_cell(root, "a")
    klsurv.update_store(root, store)
    # In another process no file is held open.
    ordered = pickle.loads(pickle.dumps(opened(store))).ordered()
    blocks = ordered.blocks(ordered.doses)

    def replaced(path: Path) -> Version | None:
        version = version_of(path)
        content = path.read_bytes()
        path.unlink()
        path.write_bytes(content)
        return version

    monkeypatch.setattr("klsurv.store.pin.version_of", replaced)
    with pytest.raises(LayoutError, match="was replaced while the store was read: run it again"):
        ordered.read(blocks)


@pytest.mark.parametrize("size", [4, 0], ids=str)
def test_a_file_that_ends_too_soon_is_told(made: Path, small: None, tmp_path: Path, size: int) -> None:
    store = tmp_path / "store"
    shutil.copytree(made, store)
    source = opened(store)
    ordered = source.ordered()
    assert ordered is not None
    for path in store.glob("*.parquet"):
        os.truncate(path, size)
    blocks = ordered.blocks(ordered.doses)
    with pytest.raises(LayoutError, match=r"the store is damaged: .*its KL is not in order"):
        ordered.read(blocks)
    with pytest.raises(LayoutError, match=r"the store is damaged: .*its KL is not in order"):
        source.ordered()
