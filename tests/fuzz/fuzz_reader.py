"""Coverage-guided fuzzing of the reader of run cells, with atheris (`pip install 'klsurv[fuzz]'`).

    python -m tests.fuzz.fuzz_reader NEW tests/fuzz/corpus -max_total_time=3600 -max_len=20000

New inputs go to NEW, what breaks a rule to `crash-…`. `-merge=1 tests/fuzz/corpus NEW` keeps the few that add coverage.
"""

from __future__ import annotations

import hashlib
import os
import random
import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["klsurv.ingest", "klsurv.limits", "klsurv.errors", "klsurv.names"]):
    from tests.fuzz.invariants import check
from tests.conftest import load_oracle
from tests.fuzz.documents import seed
from tests.fuzz.mutate import mutate

# Its tables take ten times as long as reading a cell: those of one in so many are asked for.
_TABLES = 64
# Bytes: no cell is grown further.
_LARGE = 5000


def main() -> None:
    """Fuzz until libFuzzer has enough."""
    oracle = load_oracle()
    in_memory = "/dev/shm" if os.path.isdir("/dev/shm") else None
    with tempfile.TemporaryDirectory(dir=in_memory) as directory:
        root = Path(directory) / "root"
        root.mkdir()
        first = near = seed(Path(directory) / "seed")

        def try_one(data: bytes) -> None:
            nonlocal near
            cell = check(data, root, oracle, tables=hashlib.blake2b(data, digest_size=1).digest()[0] % _TABLES == 0)
            if cell.doses:
                near = data if len(data) < _LARGE else first

        def changed(data: bytes, max_size: int, number: int) -> bytes:
            # Most inputs that add coverage are broken. What is near a cell that was accepted finds what should not be.
            chance = random.Random(number)
            if chance.random() < 0.5:
                return mutate(near if chance.random() < 0.8 else first, chance)[:max_size]
            return mutate(data, chance)[:max_size] if chance.random() < 0.5 else bytes(atheris.Mutate(data, max_size))

        # A merge runs the first word once more, in a shell.
        command = [f"{sys.executable} -m tests.fuzz.fuzz_reader", *sys.argv[1:]]
        atheris.Setup(command, try_one, custom_mutator=changed)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
