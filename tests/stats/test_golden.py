from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from klsurv.inference import Interval, LogRank, Test
from klsurv.stats import survival as surviving
from klsurv.stats.compare import compare
from klsurv.stats.counted import counted
from klsurv.stats.logrank import logrank
from tests.conftest import Klsurv
from tests.stats.golden import Study, as_printed, risks, study, write_runs

BY = ["method"]
Rows = list[dict[str, Any]]
# (study, table, test, tau) → rows; the table is survival, lifetimes or compare.
Ask = Callable[[Study, str, Test, int | None], Rows]


def from_frames(published: Study, table: str, test: Test, tau: int | None) -> Rows:
    found = risks(published)
    curves = surviving.survival(found, by=BY, interval=Interval())
    means = surviving.lifetimes(curves, by=BY, tau_at=tau)
    compared = compare(counted(found, by=BY), means, by=BY, test=LogRank(test=test), interval=Interval(), draws=None)
    return {"survival": curves, "lifetimes": means, "compare": compared}[table].to_dicts()


@pytest.fixture(params=["frames", "command line"])
def ask(request: pytest.FixtureRequest, klsurv: Klsurv, tmp_path: Path) -> Ask:
    if request.param == "frames":
        return from_frames

    def from_run_cells(published: Study, table: str, test: Test, tau: int | None) -> Rows:
        root = tmp_path / "runs"
        if not root.exists():
            write_runs(root, published)
        command = {
            "survival": ("survival", root),
            "lifetimes": ("survival", root, "--summary"),
            "compare": ("compare", root, "--test", test, "--bootstrap", 0),
        }[table]
        limit = () if tau is None else ("--tau", tau)
        done = klsurv(*command, *limit, "--by", "method", "--format", "json")
        assert done.returncode == 0, done.stderr
        rows: Rows = json.loads(done.stdout)
        return rows

    return from_run_cells


@pytest.mark.parametrize("name", ["aml", "6mp", "all_events_by_wave"])
def test_the_published_curves_come_out(shared: Path, ask: Ask, name: str) -> None:
    published = study(shared, name)
    rows = ask(published, "survival", "logrank", None)
    for group, expected in published.expect.items():
        if group not in published.groups or "time" not in expected:
            continue
        falls = [row for row in rows if row["method"] == group and row["n_events"] > 0]
        assert [row["fork"] for row in falls] == expected["time"]
        for column in {"survival", "std_error"} & expected.keys():
            for row, printed in zip(falls, expected[column], strict=True):
                assert as_printed(row[column], printed), (group, column, row, printed)


@pytest.mark.parametrize("name", ["aml", "6mp", "lung"])
def test_the_published_medians_come_out(shared: Path, ask: Ask, name: str) -> None:
    published = study(shared, name)
    expected = published.expect.get("median") or {
        group: published.expect[group]["median"] for group in published.groups
    }
    rows = ask(published, "lifetimes", "logrank", None)
    assert {row["method"]: row["median"] for row in rows} == expected


@pytest.mark.parametrize(
    ("name", "test", "key"),
    [
        ("aml", "logrank", "logrank"),
        ("6mp", "logrank", "logrank"),
        ("6mp", "wilcoxon", "wilcoxon"),
        ("6mp", "tarone-ware", "tarone-ware"),
        ("6mp", "peto", "peto"),
        ("lung", "logrank", "logrank_sex"),
    ],
)
def test_the_published_tests_come_out(shared: Path, ask: Ask, name: str, test: Test, key: str) -> None:
    published = study(shared, name)
    expected = published.expect[key]
    overall, pair = ask(published, "compare", test, None)
    for row in (overall, pair):
        assert (row["test"], row["df"]) == (test, 1)
        assert as_printed(row["statistic"], expected["chisq"])
        if "p" in expected:
            assert as_printed(row["p"], expected["p"])
    assert pair["p_holm"] == pair["p"] == overall["p"]


def test_the_published_expected_deaths_come_out(shared: Path) -> None:
    published = study(shared, "aml")
    counts = counted(risks(published), by=BY)
    excess = logrank(counts.n_risk, counts.n_events, test=LogRank()).excess
    observed = counts.n_events.sum(axis=(0, 2))
    expected = published.expect["logrank"]["expected"]
    assert counts.groups.get_column("method").to_list() == list(expected)
    for value, printed in zip(observed - excess, expected.values(), strict=True):
        assert as_printed(value, printed)


def test_the_published_restricted_means_and_their_difference_come_out(shared: Path, ask: Ask) -> None:
    published = study(shared, "lung")
    expected = published.expect["rmst_965"]
    for row in ask(published, "lifetimes", "logrank", 965):
        mean, error = expected[row["method"]]
        assert row["tau"] == 965
        assert as_printed(row["rmst"], mean)
        assert as_printed(row["rmst_error"], error)
    _, pair = ask(published, "compare", "logrank", 965)
    assert (pair["group_a"], pair["group_b"]) == ("female", "male")
    assert as_printed(pair["rmst_a"], expected["female"][0])
    assert as_printed(pair["rmst_b"], expected["male"][0])
    assert as_printed(pair["rmst_diff"], expected["difference"])
    assert as_printed(pair["ci_low"], expected["ci95"][0])
    assert as_printed(pair["ci_high"], expected["ci95"][1])
    assert as_printed(pair["rmst_p"], expected["p"])
