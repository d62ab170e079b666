"""What the mutants tell. In: how each ended, and why some cannot be found. Out: a table, a page of the docs."""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from tests.mutation.mutate import PACKAGE, mutants

EXPLAINED = Path(__file__).with_name("explained.toml")
_HEAD = """# Mutants

Would the tests notice if a rule were wrong? `python -m tests.mutation` puts small faults into `klsurv/exprs`,
`klsurv/frames` and `klsurv/stats`, one at a time (a `<` for a `≤`, a `+` for a `−`, another number, an argument left
out, `None` in its place; the operators of [mutmut](https://mutmut.readthedocs.io), on constants and defaults too), and
runs the tests that call what was changed until one fails: first those of the same name, then, if the mutant survives
these, all that run in the same process. It needs `pip install -e '.[dev,mutation]'` and some hours of one core; what
ran is kept in `.mutation/`. `python -m tests.mutation stats/logrank.py` runs one file,
`python -m tests.mutation --again` tries the survivors again, and `python -m tests.mutation --write` writes this page.
Which lines the tests run at all: `coverage run -m pytest; coverage combine; coverage report`, worker processes and
commands included.

A mutant that hangs or takes its process down counts as killed (*timeout*). Those that survive are listed below, with
the reason why no test can tell them from the code as it stands, or why none should (`tests/mutation/explained.toml`).

"""


@dataclass(frozen=True)
class Tally:
    """How mutants ended: per module, those that survived by reason, and those without one."""

    counts: dict[str, Counter[str]] = field(default_factory=dict)
    explained: dict[str, list[str]] = field(default_factory=dict)
    unexplained: list[str] = field(default_factory=list)


def tally(paths: list[str], status: dict[str, str]) -> Tally:
    """Count them; a mutant with the code that there was (as of an annotation) is none."""
    reasons = [(entry["why"], entry.get("mutants", []), [re.compile(like) for like in entry.get("like", [])])
               for entry in tomllib.loads(EXPLAINED.read_text())["reason"]]  # fmt: skip
    found = Tally(explained={why: [] for why, _, _ in reasons})
    for path in paths:
        count = found.counts[path] = Counter[str]()
        for mutant in mutants(PACKAGE / path):
            ended = status.get(mutant.name, "not run")
            if ended in ("same", "invalid"):
                continue
            count[ended] += 1
            count["mutants"] += 1
            if ended != "survived":
                continue
            for why, names, like in reasons:
                if mutant.name in names or any(pattern.search(mutant.name) for pattern in like):
                    found.explained[why].append(mutant.name)
                    count["explained"] += 1
                    break
            else:
                found.unexplained.append(mutant.name)
    return found


def table(found: Tally) -> str:
    """A row per module, and one per folder."""
    columns = ("mutants", "killed", "timeout", "survived", "explained")
    lines = ["| module | " + " | ".join(columns) + " |", "| --- |" + " --: |" * len(columns)]
    folders: dict[str, Counter[str]] = {}
    for path, count in found.counts.items():
        folders.setdefault(path.split("/")[0], Counter()).update(count)
    for name, count in {**{f"**{name}**": count for name, count in folders.items()}, **found.counts}.items():
        lines.append(f"| {name} | " + " | ".join(str(count[column]) for column in columns) + " |")
        if count["not run"]:
            lines[-1] += f" {count['not run']} not run"
    return "\n".join(lines) + "\n"


def page(found: Tally) -> str:
    """The page, in Markdown."""
    parts = [_HEAD, table(found)]
    for why, names in found.explained.items():
        if names:
            parts.append(f"\n## {why}\n\n" + "".join(f"- {_code(name)}\n" for name in names))
    if found.unexplained:
        parts.append(
            "\n## Not explained yet, and not yet tried against all tests\n\n"
            + "".join(f"- {_code(name)}\n" for name in found.unexplained)
        )
    return "".join(parts)


def _code(name: str) -> str:
    """In code, the change in full where it is short, and its surroundings where it is not."""
    where, change = name.split(": ", 1)
    old, _, new = change.partition(" → ")
    if len(old) > 120:
        at = next((i for i, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), min(len(old), len(new)))
        start = max(0, at - 40)
        old, new = (f"… {text[start : start + 90]} …" for text in (old, new))
    return f"{where}: `{old}` → `{new}`"
