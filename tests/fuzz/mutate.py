"""One input into another, by its structure: the texts of a cell stay JSON, and become other values."""

from __future__ import annotations

import json
import math
import random
from typing import Any

from tests.fuzz.documents import joined, split

ATOMS: list[Any] = [
    None, True, False, 0, 1, -1, 2, 8, 0.5, -0.0, 1.0, 96.0, 1.5, 1.0000005, 1.00001, -1e-7, 1e-320, 1e308, -1e308,
    2**31 - 1, 2**31, 2**53 + 1, 2**63, 10**400, math.nan, math.inf, -math.inf, "", "1.0", "NaN", "é\u202e\x1b[31m",
    "x" * 70, [], {}, [[]], [None], {"1.0": []}, [0.5, math.nan], [[0.5], [0.25, 0.5]],
]  # fmt: skip
KEYS = [
    "0", "0.0", "-0", "1", "1.0", "1e0", "+1", ".5", "5.", "1_0", " 1", "nan", "inf", "1e999", "1" * 40, "", "٣",
    "window", "fork_points", "pmass_eval", "gen_lens_eval", "pmass", "gen_lens_qa", "computed", "per_prompt_per_t_kl",
    "model", "seed", "target_kl", "coeff", "n_pos", "alpha", "kind", "prompt_idx", "p_true", "argmax_str",
]  # fmt: skip


def mutate(data: bytes, chance: random.Random) -> bytes:
    """The input with one to four changes in one of its texts, or a text less."""
    texts = split(data)
    i = chance.randrange(len(texts))
    if chance.random() < 0.02:
        return joined(texts[:i])
    # Generations are a text of many documents.
    parts = texts[i].split(b"\n") if i == 4 else [texts[i]]
    j = chance.randrange(len(parts))
    try:
        value = json.loads(parts[j])
        for _ in range(chance.choice([1, 1, 2, 4])):
            value = _changed(value, chance)
        parts[j] = json.dumps(value, indent=chance.choice([None, None, 1])).encode()
    except (ValueError, RecursionError):
        parts[j] = _scratched(parts[j], chance)
    texts[i] = b"\n".join(parts)
    return joined(texts)


def _places(value: Any) -> list[tuple[Any, Any]]:
    """Every place in a value, as the container and the index or key in it."""
    found: list[tuple[Any, Any]] = []
    todo = [value]
    while todo and len(found) < 5000:
        at = todo.pop()
        keys: list[Any] = list(at) if isinstance(at, dict) else list(range(len(at))) if isinstance(at, list) else []
        found += [(at, key) for key in keys]
        todo += [at[key] for key in keys]
    return found


def _changed(value: Any, chance: random.Random) -> Any:
    places = _places(value)
    if not places or chance.random() < 0.01:
        return chance.choice(ATOMS)
    within, key = chance.choice(places)
    at = within[key]
    match chance.randrange(9):
        case 0 | 1:
            within[key] = _another(at, chance)
        case 2:
            del within[key]
        case 3:
            within[key] = json.loads(json.dumps(chance.choice(places)[0]))
        case 4 if isinstance(within, dict):
            within[chance.choice(KEYS)] = within.pop(key) if chance.random() < 0.7 else at
        case 5 if isinstance(at, list):
            within[key] = at * chance.choice([2, 3, 9])
        case 6 if isinstance(at, list):
            within[key] = at[: chance.randint(0, len(at))] + [chance.choice(ATOMS)] * chance.randint(0, 2)
        case 7 if isinstance(within, list):
            within.insert(key, _another(at, chance))
        case 8 if isinstance(at, list):
            chance.shuffle(at)
        case _:
            within[key] = chance.choice(ATOMS)
    return value


def _another(value: Any, chance: random.Random) -> Any:
    """A number near a number, a string beside a string, or something else."""
    if isinstance(value, int | float) and abs(value) < 2**60 and chance.random() < 0.7:
        return chance.choice([value + 1, value - 1, -value, value * 2, value / 2, float(value), int(value), str(value)])
    return chance.choice(KEYS if isinstance(value, str) else ATOMS)


def _scratched(text: bytes, chance: random.Random) -> bytes:
    """Text that is no JSON with a piece of it taken out, doubled or replaced."""
    start = chance.randint(0, len(text))
    end = min(len(text), start + chance.choice([0, 1, 1, 2, 8]))
    new = chance.choice([b"", text[start:end] * 2, b'"', b"NaN", b"[", b"}", b",", b"\\", b"\0", b"\xff", b"1e5"])
    return text[:start] + new + text[end:]
