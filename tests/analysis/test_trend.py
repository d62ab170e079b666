from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from tests.analysis.lived import copied, sampled
from tests.generated import quietly

METHODS = sampled({"mean_diff": 1.0, "pca": 2.0}, prompts=24)
DOSES = sampled({"mean_diff": 1.0, "pca": 1.5}, prompts=12, alphas=(0.5, 1.0, 2.0))


def test_the_trend_over_two_doses_is_the_test_of_both() -> None:
    two = DOSES.filter(pl.col("alpha") < 2)
    table = quietly(two).compare("alpha", trend="alpha", bootstrap=0)
    assert table.get_column("test").to_list() == ["logrank", "trend in alpha", "logrank"]
    assert table.get_column("statistic").to_list() == pytest.approx([table["statistic"][0]] * 3)


def test_a_trend_is_tested_within_each_group_of_the_other_columns() -> None:
    runs = quietly(DOSES)
    for by in (["method", "alpha"], ["alpha", "method"], ["method"]):
        rows = runs.compare(by, trend="alpha", bootstrap=0).filter(test="trend in alpha")
        assert rows.select("group_a", "group_b", "df").rows() == [("mean_diff", None, 1), ("pca", None, 1)]
        for method, found in rows.select("group_a", "statistic").rows():
            alone = quietly(DOSES.filter(method=method)).compare("alpha", trend="alpha", bootstrap=0)
            assert found == pytest.approx(alone.filter(test="trend in alpha").get_column("statistic").item())


def test_the_trend_is_that_of_dose() -> None:
    runs = quietly(DOSES)
    rows = runs.compare("method", trend="alpha", bootstrap=0).filter(test="trend in alpha")
    doses = runs.dose("method", bootstrap=0).group_by("method", maintain_order=True).first()
    assert rows.get_column("p").to_list() == pytest.approx(doses.get_column("trend_p").to_list())
    assert rows.get_column("statistic").sqrt().to_list() == pytest.approx(doses.get_column("trend_z").abs().to_list())


def test_a_trend_is_tested_within_the_strata_too() -> None:
    def trend(source: pl.DataFrame, **options: Any) -> dict[str, Any]:
        return quietly(source).compare("alpha", trend="alpha", bootstrap=0, **options).row(1, named=True)

    once, twice = trend(DOSES), trend(copied(DOSES), stratify="seed")
    assert twice["statistic"] == pytest.approx(2 * once["statistic"], rel=1e-12)
    # The variance of one stratum has n − 1 for n, so that doubling it is not the same.
    assert trend(copied(DOSES))["statistic"] != pytest.approx(twice["statistic"], rel=1e-6)


def test_a_trend_in_seeds_that_are_not_known_is_not_tested() -> None:
    row = (
        quietly(METHODS.with_columns(seed=pl.lit(None, pl.Int64))).compare(trend="seed", bootstrap=0).row(1, named=True)
    )
    assert (row["test"], row["statistic"], row["df"], row["p"]) == ("trend in seed", None, 0, None)
