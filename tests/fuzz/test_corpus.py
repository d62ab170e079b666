"""What the fuzzer found worth keeping is read again, and so are some thousand inputs near it."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path
from types import ModuleType

import pytest

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


def test_inputs_near_the_corpus_keep_the_rules(root: Path, oracle: ModuleType) -> None:
    chance = random.Random(6)
    data, status = seed(root.parent / "seed"), Counter[str]()
    for _ in range(1500):
        data = chance.choice([data, CORPUS[chance.randrange(len(CORPUS))].read_bytes()])
        data = mutate(data, chance)
        status[check(data, root, oracle, tables=False).status] += 1
    assert set(status) == {"ok", "partial", "skipped", "broken"}
