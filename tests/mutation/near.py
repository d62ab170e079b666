"""Where the tests of a module are. In: a module of klsurv. Out: the files of tests that are tried first."""

from __future__ import annotations

# Where the tests of a module are, if not in the file of its name.
ELSEWHERE = {
    "stats/compare.py": [
        "tests/stats/test_compare.py",
        "tests/stats/test_logrank.py",
        "tests/analysis/test_compare.py",
    ],
    "stats/counted.py": ["tests/stats/test_counted.py", "tests/stats/test_logrank.py"],
    "stats/dose.py": ["tests/stats/test_dose.py", "tests/analysis/test_dose.py"],
    "stats/labels.py": ["tests/stats/test_caveats.py", "tests/stats/test_compare.py"],
    "stats/landmark.py": ["tests/stats/test_landmark.py", "tests/analysis/test_precursor_simulated.py"],
    "stats/survival.py": ["tests/stats/test_survival.py", "tests/stats/test_turnbull_table.py"],
    "exprs/incidence.py": ["tests/exprs/test_incidence.py", "tests/stats/test_incidence.py"],
    "exprs/kaplan_meier.py": ["tests/exprs/test_kaplan_meier.py", "tests/stats/test_survival.py"],
    "exprs/smooth.py": ["tests/exprs/test_smooth.py", "tests/frames/test_smooth.py"],
    "exprs/measure.py": ["tests/exprs/test_measure.py", "tests/frames/test_score.py"],
    "frames/buckets.py": ["tests/stats/test_quantiles.py"],
    "frames/smooth.py": ["tests/frames/test_smooth.py", "tests/frames/test_score.py"],
    "frames/risk.py": ["tests/frames/test_risk.py", "tests/frames/test_event.py"],
    "frames/steps.py": ["tests/stats/test_incidence.py"],
}


def near(path: str) -> list[str]:
    """The files of tests that are tried first."""
    folder, file = path.split("/")
    return ELSEWHERE.get(path, [f"tests/{folder}/test_{file}"])
