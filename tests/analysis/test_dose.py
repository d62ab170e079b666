from __future__ import annotations

from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from klsurv.errors import ParameterError
from klsurv.schema import DOSE
from tests.analysis.lived import frame, life, sampled
from tests.generated import quietly

BANDS = ["rmst_low", "rmst_high", "survival_low", "survival_high", "ed50_low", "ed50_high"]
DOSES = sampled({"mean_diff": 0.6, "pca": 1.2}, prompts=20, alphas=(0.5, 1.0, 2.0, 4.0))


def killing(**shares: list[int]) -> pl.DataFrame:
    """Of 8 prompts at alpha 1, 2 and 3, as many die at 3 as each method says; the others live to 10."""
    return frame(
        *(
            life(3 if i < n else None, method=method, alpha=alpha, prompt=i)
            for method, deaths in shares.items()
            for alpha, n in zip((1.0, 2.0, 3.0), deaths, strict=True)
            for i in range(8)
        )
    )


def test_one_row_per_dose_with_the_columns_that_the_schema_declares() -> None:
    table = quietly(DOSES).dose(bootstrap=50)
    assert table.schema == DOSE.schema
    assert table.get_column("alpha").to_list() == [0.5, 1.0, 2.0, 4.0]
    assert table.get_column("n").to_list() == [40] * 4


def test_groups_have_their_columns_first_and_their_rows_together() -> None:
    table = quietly(DOSES).dose("method", bootstrap=50)
    assert table.schema == {"method": pl.String, **DOSE.schema}
    assert table.select("method", "alpha").rows() == [
        (method, alpha) for method in ("mean_diff", "pca") for alpha in (0.5, 1.0, 2.0, 4.0)
    ]


def test_the_means_and_survivals_are_those_of_the_curves() -> None:
    runs = quietly(DOSES)
    table, lives = runs.dose(bootstrap=0), runs.lifetimes("alpha")
    for name in ("n", "n_events", "rmst", "tau"):
        assert table.get_column(name).to_list() == lives.get_column(name).to_list()
    curves = runs.survival("alpha").filter(pl.col("fork") <= table["tau"][0])
    ends = curves.group_by("alpha", maintain_order=True).last().get_column("survival")
    assert table.get_column("survival_tau").to_list() == ends.to_list()


def test_each_band_holds_its_value_and_is_not_as_wide_as_the_range() -> None:
    table = quietly(DOSES).dose("method", bootstrap=500)
    for value, name in (("rmst", "rmst"), ("survival_tau", "survival"), ("ed50", "ed50")):
        inside = pl.col(value).is_between(f"{name}_low", f"{name}_high").fill_null(True)
        assert table.select(inside.all()).item()
    assert table.select((pl.col("survival_high") - pl.col("survival_low")).max()).item() < 0.6
    assert table.select(BANDS[:4]).null_count().row(0) == (0, 0, 1, 1)
    # The one of which all are dead by the end.
    assert table.filter(pl.col("survival_low").is_null()).get_column("survival_tau").to_list() == [0.0]


def test_half_are_dead_half_way_between_the_doses_that_enclose_a_half() -> None:
    table = quietly(killing(pca=[2, 6, 8], sae=[0, 2, 4], gcd=[6, 7, 8], caa=[0, 1, 2])).dose("method", bootstrap=0)
    found = dict(table.group_by("method").agg(pl.col("ed50").first()).rows())
    assert found == {"pca": pytest.approx(1.5), "sae": pytest.approx(3.0), "gcd": None, "caa": None}


def test_a_bound_of_ed50_beyond_the_doses_is_null() -> None:
    table = quietly(killing(pca=[1, 3, 5], sae=[3, 6, 8])).dose("method", bootstrap=500)
    low, high = (dict(table.group_by("method").agg(pl.col(name).first()).rows()) for name in ("ed50_low", "ed50_high"))
    assert low["pca"] is not None and high["pca"] is None
    assert low["sae"] is None and high["sae"] is not None


def test_more_deaths_at_more_is_a_positive_trend() -> None:
    table = quietly(killing(up=[0, 4, 8], down=[8, 4, 0], level=[4, 4, 4])).dose("method", bootstrap=0)
    found = dict(table.group_by("method").agg(pl.col("trend_z").first()).rows())
    assert found["up"] > 2
    assert found["down"] == pytest.approx(-found["up"])
    assert found["level"] == pytest.approx(0)


def test_a_dose_at_which_all_or_none_die_has_no_band_since_no_draw_differs() -> None:
    table = quietly(killing(pca=[0, 4, 8])).dose(bootstrap=200)
    assert table.select("rmst_low", "survival_low").is_duplicated().to_list() == [True, False, True]
    assert table.get_column("survival_high").is_null().to_list() == [True, False, True]


def test_tau_can_be_chosen() -> None:
    table = quietly(killing(pca=[0, 4, 8])).dose(tau=5, bootstrap=0)
    assert table.get_column("tau").to_list() == [5] * 3
    assert table.get_column("rmst").to_list() == pytest.approx([5, 4, 3])
    assert table.get_column("survival_tau").to_list() == pytest.approx([1, 0.5, 0])
    early = quietly(killing(pca=[0, 4, 8])).dose(tau=2, bootstrap=0)
    assert early.get_column("rmst").to_list() == pytest.approx([2, 2, 2])
    assert early.get_column("survival_tau").to_list() == pytest.approx([1, 1, 1])


def test_without_a_bootstrap_there_are_no_bands_and_the_rest_is_as_it_was() -> None:
    with_, without = (quietly(DOSES).dose("method", bootstrap=n) for n in (100, 0))
    assert without.select(BANDS).null_count().row(0) == (8,) * 6
    assert_frame_equal(with_.drop(BANDS), without.drop(BANDS))


def test_the_same_seed_gives_the_same_bytes_and_another_other_bands() -> None:
    one, again, other = (quietly(DOSES).dose(bootstrap=200, seed=seed) for seed in (3, 3, 4))
    assert one.write_csv() == again.write_csv()
    assert_frame_equal(one.drop(BANDS), other.drop(BANDS))
    assert one.get_column("rmst_low").to_list() != other.get_column("rmst_low").to_list()


def test_copies_of_every_row_leave_the_bands_as_they_are() -> None:
    again = pl.concat([DOSES, DOSES.with_columns(pl.lit(1, pl.Int64).alias("seed"), cell=pl.format("{}_1", "method"))])
    once, twice = (quietly(source).dose(bootstrap=200) for source in (DOSES, again))
    kept = ["alpha", "rmst", "survival_tau", "ed50", *BANDS]
    assert_frame_equal(once.select(kept), twice.select(kept), rel_tol=1e-12)
    assert twice["trend_z"][0] > once["trend_z"][0]


def test_doses_that_mix_fork_grids_have_values_without_bands() -> None:
    rows = [
        life(grid[1] if i < alpha - 2 else 10 if i < alpha else None, fork=grid, alpha=alpha, seed=seed, prompt=i)
        for seed, grid in ((0, (0, 3, 10)), (1, (0, 5, 10)))
        for alpha in (1.0, 4.0, 6.0)
        for i in range(6)
    ]
    runs = quietly(frame(*rows))
    table = runs.dose(bootstrap=100)
    assert table.select(BANDS).null_count().row(0) == (3,) * 6
    assert table.select("rmst", "survival_tau", "trend_z", "ed50").null_count().row(0) == (0,) * 4
    # Within each grid, which here is a seed.
    within = runs.compare("alpha", trend="alpha", stratify="seed", bootstrap=0).row(1, named=True)
    assert table["trend_z"][0] ** 2 == pytest.approx(within["statistic"])
    assert table["trend_z"][0] > 2
    assert any("fork grids of the cells differ" in text for text in runs.warnings)


def test_one_prompt_has_no_bands() -> None:
    rows = [
        life(3 if seed < n else 10, alpha=alpha, seed=seed) for alpha, n in ((1.0, 2), (2.0, 6)) for seed in range(8)
    ]
    assert quietly(frame(*rows)).dose(bootstrap=50).select(BANDS).null_count().row(0) == (2,) * 6


def test_one_dose_has_neither_trend_nor_ed50() -> None:
    row = quietly(DOSES.filter(alpha=1.0)).dose(bootstrap=50).row(0, named=True)
    assert [row[name] for name in ("trend_z", "trend_p")] == [None, None]
    assert row["rmst_low"] < row["rmst"] < row["rmst_high"]


def test_alpha_0_is_a_dose_like_any_other() -> None:
    rows = [life(3 if i < 2 else None, alpha=alpha, prompt=i, kl=[0.0] * 10) for alpha in (0.0, 1.0) for i in range(8)]
    table = quietly(frame(*rows)).dose(bootstrap=0)
    assert table.select("alpha", "n_events", "survival_tau").rows() == [(0.0, 2, 0.75), (1.0, 2, 0.75)]


def test_death_by_kl_has_doses_too() -> None:
    rows = [
        life(None, alpha=alpha, prompt=i, kl=[0.1] * 4 + [alpha * (i + 1)] + [0.1] * 5)
        for alpha in (0.25, 0.5, 1.0)
        for i in range(8)
    ]
    table = quietly(frame(*rows)).dose(event="kl", kl_threshold=2.0, bootstrap=0)
    assert table.get_column("n_events").to_list() == [0, 4, 6]
    assert table.get_column("ed50").to_list() == [pytest.approx(0.5)] * 3


@pytest.mark.parametrize(
    ("options", "cause"),
    [
        ({"by": "alpha"}, "alpha cannot make groups: dose has a row for each alpha already"),
        ({"by": ["method", "alpha"]}, "alpha cannot make groups"),
        ({"tau": -3}, "tau must be 1 or more"),
        ({"level": 0}, "level must lie in"),
        ({"seed": -1}, "seed must be 0 or more"),
    ],
)
def test_a_parameter_out_of_its_range_is_an_error_that_says_so(options: dict[str, Any], cause: str) -> None:
    with pytest.raises(ParameterError, match=cause):
        quietly(DOSES).dose(**options)
