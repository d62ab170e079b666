"""Examples in docstrings are exact."""

from __future__ import annotations

import doctest
from importlib import import_module
from pathlib import Path

import pytest

from klsurv.data import unpack
from tests.docs.pages import ROOT
from tests.docs.reader import Reader

MODULES = [
    ".".join(path.relative_to(ROOT).with_suffix("").parts)
    for path in sorted((ROOT / "klsurv").rglob("*.py"))
    if ">>>" in path.read_text()
]
# The public names that have one, each with the module that it is defined in.
SHOWN = {
    "klsurv.loading.scan",
    "klsurv.runs.Runs.plot",
    "klsurv.analysis.survival.Survival.summary",
    "klsurv.analysis.survival.Survival.survival",
    "klsurv.analysis.compare.Comparisons.compare",
    "klsurv.produce.writer.CellWriter",
    "klsurv.store.ingest.ingest",
}


def examples(module: str) -> list[doctest.DocTest]:
    return [test for test in doctest.DocTestFinder(exclude_empty=True).find(import_module(module)) if test.examples]


@pytest.mark.parametrize("module", MODULES)
def test_examples_of_a_module_give_what_they_say(module: str, tmp_path: Path) -> None:
    tests = examples(module)
    assert tests
    for number, test in enumerate(tests):
        with Reader(tmp_path / str(number)) as reader:
            unpack(reader.folder / "klsurv-demo")
            # What an example uses it imports.
            test.globs, said = {}, list[str]()
            with reader.here():
                failed, _ = doctest.DocTestRunner(optionflags=doctest.REPORT_NDIFF).run(test, out=said.append)
            assert not failed, "".join(said)


def test_the_main_functions_have_examples() -> None:
    assert SHOWN <= {test.name for module in MODULES for test in examples(module)}
