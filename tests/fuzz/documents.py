"""The files of a cell as one input of the fuzzer: texts, one below the other, with a line `%%` between them."""

from __future__ import annotations

import json
from pathlib import Path

from klsurv.ingest.discover import GENS, HISTORY, NEEDED
from tests.ingest.handmade import write_cell, write_file

FILES = (*NEEDED, HISTORY, GENS)
_BETWEEN = b"\n%%\n"


def split(data: bytes) -> list[bytes]:
    """The texts in an input: calib, trajectory, pmass and, where there are more, history and generations."""
    return data.split(_BETWEEN, len(FILES) - 1)


def joined(texts: list[bytes]) -> bytes:
    """The input that holds the texts."""
    return _BETWEEN.join(texts)


def place(data: bytes, cell: Path) -> None:
    """Make a directory hold the files that an input says, and no others."""
    cell.mkdir(exist_ok=True)
    texts = split(data)
    for name, text in zip(FILES, texts, strict=False):
        write_file(cell / name, text)
    for name in FILES[len(texts) :]:
        (cell / name).unlink(missing_ok=True)


def seed(directory: Path) -> bytes:
    """A small cell with all its files, from which every other input can be grown."""
    cell = write_cell(directory)
    history = json.dumps([{"coeff": 2.5, "kl_p95": 0.9, "n_pos": 3}, {"coeff": 5.0}])
    line = {"alpha": 1.0, "kind": "eval", "prompt_idx": 0, "gen_text": "a", "gen_len": 8, "fork_points": [0, 2],
            "p_true": [0.5, None], "argmax_str": ["true", "NaN"]}  # fmt: skip
    texts = [json.dumps(json.loads((cell / name).read_text())) for name in NEEDED]
    return joined([text.encode() for text in (*texts, history, json.dumps(line) + "\n")])
