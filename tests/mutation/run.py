"""Mutants against tests. In: names of modules. Out: one line of JSON per mutant, in a process that has loaded all."""

from __future__ import annotations

import importlib
import json
import os
import resource
import signal
import sys
import threading
import time
from collections import defaultdict
from pathlib import Path
from typing import Any, TextIO

import pytest
from _pytest.runner import runtestprotocol

from tests.mutation.mutate import PACKAGE, Mutant, mutants
from tests.mutation.near import near
from tests.mutation.swap import swapped


class Hangs(BaseException):
    """A mutant took far longer than its tests do."""


class Runner:
    """A pytest plugin: collect once, see which test calls which function, then run the tests of each mutant.

    A test that fails ends a mutant. Its tests are those that call its function, the quickest first, as many as
    `budget` seconds of processor time allow; those `near` it, or with `only`, the survivors of these, all.
    """

    def __init__(
        self, *, paths: list[str], traced: Path, out: TextIO, done: set[str], only: list[str] | None, budget: float
    ) -> None:
        self.paths, self.traced, self.out, self.budget = paths, traced, out, budget
        self.done, self.only, self.wide = done, only, only is not None

    def pytest_configure(self) -> None:
        # Not above: pytest wants to load it first.
        from hypothesis import Phase, settings

        # Shrinking would take most of the time.
        settings.register_profile(
            "mutation",
            phases=[Phase.explicit, Phase.generate],
            database=None,
            derandomize=True,
            report_multiple_bugs=False,
            deadline=None,
        )
        settings.load_profile("mutation")

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        signal.signal(signal.SIGPROF, _hang)
        self.items = {item.nodeid: item for item in session.items}
        self.anchor = _Anchor(session)
        self.trace = json.loads(self.traced.read_text()) if self.traced.exists() else {"seconds": {}, "calls": {}}
        for path in self.paths:
            self._module(path)
        return True

    def _learn(self, items: list[pytest.Item]) -> None:
        """Run each test, and add which functions of klsurv it calls and the seconds it takes."""
        trace, seen = self.trace, set[str]()
        items = [item for item in items if item.nodeid not in trace["seconds"]]
        root = str(PACKAGE) + os.sep

        def note(frame: Any, event: str, _: object) -> None:
            if event == "call" and frame.f_code.co_filename.startswith(root):
                seen.add(f"{frame.f_code.co_filename[len(root) :]} {frame.f_code.co_qualname.split('.<locals>')[0]}")

        for at, item in enumerate(items):
            # A sign of life.
            os.utime(self.out.name)
            seen.clear()
            start = time.process_time()
            # Threads that the test starts count too.
            sys.setprofile(note)
            threading.setprofile(note)
            try:
                reports = runtestprotocol(item, log=False, nextitem=items[at + 1] if items[at + 1 :] else self.anchor)  # type: ignore[arg-type]
            finally:
                sys.setprofile(None)
                threading.setprofile(None)
            trace["seconds"][item.nodeid] = time.process_time() - start
            if any(report.failed for report in reports):
                print("fails without a mutant:", item.nodeid, file=sys.stderr)
                trace["seconds"][item.nodeid] = -1.0
                continue
            for function in seen:
                trace["calls"].setdefault(function, []).append(item.nodeid)
        self.traced.write_text(json.dumps(trace))

    def _module(self, path: str) -> None:
        module = importlib.import_module("klsurv." + path.removesuffix(".py").replace("/", "."))
        text = (PACKAGE / path).read_text()
        self._learn([item for name, item in self.items.items() if self.wide or name.split("::")[0] in near(path)])
        killers: dict[str, list[str]] = defaultdict(list)
        for mutant in mutants(PACKAGE / path):
            if mutant.name in self.done or (self.only is not None and mutant.name not in self.only):
                continue
            self._say(mutant, "started")
            start = time.process_time()
            tests = self._tests(mutant, killers[mutant.function])
            try:
                with swapped(module, mutant.source(text)) as differs:
                    killer = self._killer(tests) if differs else "same code"
            except SyntaxError:
                self._say(mutant, "invalid")
                continue
            except Exception as error:
                killer = f"import: {type(error).__name__}"
            status = "survived" if killer is None else "same" if killer == "same code" else "killed"
            if killer == "hangs":
                status = "timeout"
            if status == "killed" and killer in self.items:
                killers[mutant.function] = [killer, *(k for k in killers[mutant.function] if k != killer)][:5]
            self._say(mutant, status, killer=killer, tests=len(tests), seconds=round(time.process_time() - start, 3))
        for function, tests in killers.items():
            if self._killer(tests) is not None:
                raise SystemExit(f"{path} {function}: the tests fail after the mutants are gone")

    def _tests(self, mutant: Mutant, killers: list[str]) -> list[str]:
        calls, seconds = self.trace["calls"], self.trace["seconds"]
        if mutant.function == "module" or f"{mutant.path} {mutant.function}" not in calls:
            able = {t for key, tests in calls.items() if key.startswith(mutant.path + " ") for t in tests}
        else:
            able = set(calls[f"{mutant.path} {mutant.function}"])
        able = {test for test in able if test in self.items and seconds[test] >= 0}
        if not self.wide:
            able = {test for test in able if test.split("::")[0] in near(mutant.path)}
        ordered = sorted(able, key=lambda test: seconds[test])
        spent, chosen = 0.0, list(killers)
        for test in ordered:
            spent += seconds[test]
            if spent > self.budget and chosen:
                break
            if test not in killers:
                chosen.append(test)
        return chosen

    def _killer(self, tests: list[str]) -> str | None:
        """The first test that fails; None if none does."""
        for at, name in enumerate(tests):
            after = self.items[tests[at + 1]] if tests[at + 1 :] else self.anchor
            signal.setitimer(signal.ITIMER_PROF, 10 + 5 * self.trace["seconds"][name])
            try:
                reports = runtestprotocol(self.items[name], log=False, nextitem=after)  # type: ignore[arg-type]
            except Hangs:
                reports = None
            finally:
                signal.setitimer(signal.ITIMER_PROF, 0)
            if reports is None or any(report.failed for report in reports):
                self.anchor.session._setupstate.teardown_exact(self.anchor)  # type: ignore[arg-type]
                hung = reports is None or any("Hangs" in str(report.longrepr) for report in reports if report.failed)
                return "hangs" if hung else name
        return None

    def _say(self, mutant: Mutant, status: str, **more: object) -> None:
        said = {"name": mutant.name, "path": mutant.path, "status": status, **more}
        self.out.write(json.dumps(said, ensure_ascii=False) + "\n")
        self.out.flush()


class _Anchor:
    """In place of the next test, so that what a session holds is kept."""

    def __init__(self, session: pytest.Session) -> None:
        self.session = session

    def listchain(self) -> list[object]:
        return [self.session]


def _hang(*_: object) -> None:
    raise Hangs


def main(arguments: list[str]) -> int:
    """`traced results only budget paths... -- tests...`, where the file `only` holds null or the names of mutants."""
    cut = arguments.index("--")
    traced, results, only, budget, *paths = arguments[:cut]
    # Not of addresses, of which the drawing engine reserves more.
    resource.setrlimit(resource.RLIMIT_DATA, (12 << 30, 12 << 30))
    lines = [json.loads(line) for line in Path(results).read_text().splitlines()] if Path(results).exists() else []
    done = {line["name"] for line in lines if line["status"] != "started"}
    with open(results, "a") as out:
        runner = Runner(
            paths=paths,
            traced=Path(traced),
            out=out,
            done=done,
            only=json.loads(Path(only).read_text()),
            budget=float(budget),
        )
        return pytest.main(
            ["-n0", "-p", "no:cacheprovider", "--tb=native", "-q", *arguments[cut + 1 :]], plugins=[runner]
        )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
