"""What the fuzzer found worth keeping is read again, and so are some thousand inputs near it."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path
from types import ModuleType

import pytest

from tests.effort import examples
from tests.fuzz.documents import seed
from tests.fuzz.invariants import check
from tests.fuzz.mutate import mutate

CORPUS = sorted((Path(__file__).parent / "corpus").iterdir())


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "root").mkdir()
    return tmp_path / "root"


def test_every_input_of_the_corpus_keeps_the_rules(root: Path, oracle: ModuleType) -> None:
    status = Counter(check(path.read_bytes(), root, oracle, tables=True).status for path in CORPUS)
    assert set(status) == {"ok", "partial", "skipped", "broken"}


def test_inputs_near_an_accepted_one_keep_the_rules(root: Path, oracle: ModuleType) -> None:
    chance = random.Random(6)
    first = seed(root.parent / "seed")
    near, status = first, Counter[str]()
    for _ in range(examples(8000)):
        data = mutate(near, chance)
        cell = check(data, root, oracle, tables=False)
        status[cell.status] += 1
        if cell.doses:
            # Not far from the first: what was taken out of a cell never comes back.
            near = data if chance.random() < 0.8 and len(data) < 5000 else first
    assert min(status[name] for name in ("ok", "partial", "skipped", "broken")) > 10, status
