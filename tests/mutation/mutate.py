"""What faults there are. In: a source file. Out: its mutants, by the operators of mutmut."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import libcst as cst
from libcst.metadata import MetadataWrapper, PositionProvider
from mutmut.mutation.mutators import mutation_operators

PACKAGE = Path(__file__).parents[2] / "klsurv"


@dataclass(frozen=True)
class Mutant:
    """A fault: what replaces `old`, the text from `start` to `end` of the file."""

    path: str
    function: str
    nth: int
    start: int
    end: int
    old: str
    new: str
    line: str
    """The line as it stands, and as the mutant has it."""
    changed: str

    @property
    def name(self) -> str:
        """The same after the lines around it have moved."""
        again = f" ({self.nth})" if self.nth > 1 else ""
        return f"{self.path} {self.function}: {self.line} → {self.changed}{again}"

    def source(self, text: str) -> str:
        """The whole file with the fault in it."""
        return text[: self.start] + self.new + text[self.end :]


def mutants(path: Path) -> list[Mutant]:
    """All mutants of a file of klsurv, in order of what they replace."""
    text = path.read_text()
    wrapper = MetadataWrapper(cst.parse_module(text), unsafe_skip_copy=True)
    found = _Finder(text)
    wrapper.visit(found)
    where = str(path.relative_to(PACKAGE))
    seen: dict[tuple[str, str, str], int] = {}
    result = []
    for function, start, end, new in sorted(found.mutations, key=lambda m: (m[1], m[2])):
        left, right = text.rfind("\n", 0, start) + 1, text.find("\n", end)
        line = " ".join(text[left:right].split())
        changed = " ".join((text[left:start] + new + text[end:right]).split())
        key = (function, line, changed)
        seen[key] = seen.get(key, 0) + 1
        result.append(Mutant(where, function, seen[key], start, end, text[start:end], new, line, changed))
    return result


class _Finder(cst.CSTVisitor):
    METADATA_DEPENDENCIES = (PositionProvider,)

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text
        self.starts = [0]
        for line in text.splitlines(keepends=True):
            self.starts.append(self.starts[-1] + len(line))
        self.scope: list[str] = []
        self.mutations: list[tuple[str, int, int, str]] = []

    def on_visit(self, node: cst.CSTNode) -> bool:
        if isinstance(node, cst.Annotation | cst.Decorator | cst.Import | cst.ImportFrom) or _is_guard(node):
            return False
        # What a call of these would become is an error at once.
        if isinstance(node, cst.Call) and isinstance(node.func, cst.Name) and node.func.value in ("len", "isinstance"):
            return False
        if isinstance(node, cst.FunctionDef | cst.ClassDef):
            self.scope.append(node.name.value)
        for kind, operator in mutation_operators:
            if isinstance(node, kind):
                self.mutations.extend(self._placed(node, operator(node)))
        return True

    def on_leave(self, node: cst.CSTNode) -> None:
        if isinstance(node, cst.FunctionDef | cst.ClassDef):
            self.scope.pop()

    def _placed(self, node: cst.CSTNode, faults: object) -> Iterator[tuple[str, int, int, str]]:
        for fault in faults:  # type: ignore[attr-defined]
            span = self.get_metadata(PositionProvider, node, None)
            if span is None:
                continue
            start = self.starts[span.start.line - 1] + span.start.column
            end = self.starts[span.end.line - 1] + span.end.column
            if hasattr(fault, "lpar"):
                fault = fault.with_changes(lpar=[], rpar=[])
            new = cst.Module([]).code_for_node(fault)
            if isinstance(node, cst.BaseCompOp | cst.BaseBinaryOp | cst.BaseBooleanOp):
                new = f" {new.strip()} "
            yield ".".join(self.scope) or "module", start, end, new


def _is_guard(node: cst.CSTNode) -> bool:
    return isinstance(node, cst.If) and isinstance(node.test, cst.Name) and node.test.value == "TYPE_CHECKING"
