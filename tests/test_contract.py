"""The house: imports point one way, and nothing heavy is imported before it is needed."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "klsurv"

# What each part may import of klsurv, besides itself. Anything not named here is not allowed.
BASE = {
    "as_json",
    "crew",
    "descriptors",
    "durable",
    "errors",
    "fanout",
    "inference",
    "limits",
    "names",
    "params",
    "schema",
    "validate",
    "where",
    "wording",
    "worker",
}
ALLOWED: dict[str, set[str]] = {
    "errors": set(),
    "names": set(),
    "fanout": set(),
    "as_json": set(),
    "crew": set(),
    "descriptors": set(),
    "durable": set(),
    "worker": set(),
    "cluster": {"errors", "names"},
    "validate": {"errors"},
    "params": {"validate"},
    "inference": {"errors", "validate"},
    "limits": {"errors", "validate"},
    "wording": {"params"},
    "schema": set(),
    "where": {"errors", "schema"},
    "data": {"errors", "interrupts", "names"},
    "ingest": BASE,
    "exprs": BASE,
    "frames": BASE | {"exprs"},
    "stats": BASE | {"exprs", "frames"},
    "source": BASE | {"frames"},
    "store": BASE | {"frames", "ingest", "interrupts", "source"},
    "analysis": BASE | {"exprs", "frames", "stats", "ingest", "source"},
    "watch": BASE | {"exprs", "frames", "stats", "ingest", "analysis"},
    "charts": BASE | {"exprs", "frames"},
    "output": BASE | {"charts", "interrupts", "watch"},
    "runs": BASE | {"exprs", "frames", "analysis", "plots", "source"},
    "loading": BASE | {"ingest", "source", "store", "runs"},
    "plots": BASE | {"exprs", "frames", "charts", "stats", "runs", "source"},
    "report": BASE | {"exprs", "frames", "ingest", "stats", "charts", "output", "plots", "runs", ""},
    "exports": BASE | {"frames", "output", "runs"},
    "produce": BASE | {"ingest", "interrupts", "output", "runs", "loading", "exports"},
    "cli": BASE
    | {
        "cluster",
        "data",
        "ingest",
        "interrupts",
        "store",
        "report",
        "frames",
        "charts",
        "output",
        "loading",
        "runs",
        "plots",
        "exports",
        "produce",
        "watch",
        "",
    },
    "interrupts": set(),
    "__main__": {"cli", "interrupts"},
    "": {"errors", "loading", "runs", "produce", "store"},
}

MODULES = sorted(path.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py"))


def part_of(module: Path) -> str:
    """The part of the house that a file is in: its folder, or its own name at the top."""
    if len(module.parts) > 1:
        return module.parts[0]
    return "" if module.stem == "__init__" else module.stem


def imports_of(module: Path) -> list[str]:
    """The names that a file imports, anywhere in it."""
    tree = ast.parse((PACKAGE / module).read_text())
    names = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} has a relative import"
            base = node.module or ""
            # `from klsurv.frames import spaghetti` imports a module, `from klsurv import scan` may.
            names += [f"{base}.{alias.name}" for alias in node.names]
    return names


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_a_module_holds_one_idea_and_says_what_comes_in_and_what_goes_out(module: Path) -> None:
    text = (PACKAGE / module).read_text()
    said = ast.get_docstring(ast.parse(text)) or ""
    assert len(text.splitlines()) <= 250
    assert module.name in ("__init__.py", "__main__.py") or ("In: " in said and "Out: " in said)


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_imports_point_one_way(module: Path) -> None:
    part = part_of(module)
    for name in imports_of(module):
        if name == "klsurv" or name.startswith("klsurv."):
            rest = name.split(".")[1] if "." in name else ""
            target = rest if (PACKAGE / rest).is_dir() or (PACKAGE / f"{rest}.py").exists() else ""
            assert target == part or target in ALLOWED[part], f"{module} imports {name}"


@pytest.mark.parametrize(
    ("part", "forbidden"),
    [
        ("exprs", {"altair", "rich", "rich_click", "jiter", "pyarrow", "pathlib", "vl_convert", "os"}),
        ("frames", {"altair", "rich", "rich_click", "jiter", "pyarrow", "pathlib", "vl_convert", "os"}),
        ("stats", {"altair", "rich", "rich_click", "jiter", "pyarrow", "pathlib", "vl_convert", "os"}),
        ("charts", {"rich", "rich_click", "jiter", "pyarrow", "pathlib", "vl_convert", "os"}),
        ("ingest", {"altair", "rich", "rich_click", "vl_convert"}),
    ],
)
def test_a_part_stays_away_from_what_is_not_its_business(part: str, forbidden: set[str]) -> None:
    for module in MODULES:
        if part_of(module) == part:
            used = {name.split(".")[0] for name in imports_of(module)}
            assert not used & forbidden, f"{module} imports {used & forbidden}"


@pytest.mark.parametrize("module", [m for m in MODULES if part_of(m) in ("exprs", "frames")], ids=str)
def test_expressions_and_frames_never_collect(module: Path) -> None:
    called = {
        node.attr for node in ast.walk(ast.parse((PACKAGE / module).read_text())) if isinstance(node, ast.Attribute)
    }
    assert not called & {"collect", "collect_all", "sink_parquet"}


def test_importing_klsurv_loads_no_library() -> None:
    heavy = {"polars", "altair", "pyarrow", "rich", "rich_click", "vl_convert", "jiter"}
    code = "import sys, klsurv; print(*sorted({name.split('.')[0] for name in sys.modules}))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "klsurv" in loaded
    assert not heavy & set(loaded)


def test_every_module_says_what_it_holds_in_its_first_line() -> None:
    for module in MODULES:
        text = ast.get_docstring(ast.parse((PACKAGE / module).read_text()))
        assert text, f"{module} has no docstring"
