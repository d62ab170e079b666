from __future__ import annotations

from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal
from scipy.stats import chi2
from statsmodels.stats.multitest import multipletests

import klsurv
from klsurv.errors import NothingUsableError, ParameterError
from klsurv.schema import COMPARE
from tests.analysis.lived import copied, frame, life, sampled
from tests.analysis.pairs import BOOT, NAIVE, pair
from tests.generated import quietly

TWO = sampled({"mean_diff": 1.0, "pca": 2.0}, prompts=24)
THREE = sampled({"mean_diff": 1.0, "pca": 2.0, "sae": 0.5}, prompts=24)
DOSES = sampled({"mean_diff": 1.0, "pca": 1.5}, prompts=12, alphas=(0.5, 1.0, 2.0))


def overall(runs: pl.DataFrame, by: str = "method", **options: Any) -> dict[str, Any]:
    return quietly(runs).compare(by, bootstrap=0, **options).row(0, named=True)


def test_the_columns_are_those_that_the_schema_declares() -> None:
    assert quietly(TWO).compare(bootstrap=50).schema == COMPARE.schema


def test_a_copy_of_every_row_narrows_the_naive_interval_and_leaves_the_bootstrap_as_it_is() -> None:
    once, twice = pair(TWO), pair(copied(TWO))
    assert twice["rmst_diff"] == pytest.approx(once["rmst_diff"], rel=1e-12)
    widths = [row["ci_high"] - row["ci_low"] for row in (once, twice)]
    assert widths[1] == pytest.approx(widths[0] / 2**0.5, rel=1e-12)
    assert twice["rmst_p"] < once["rmst_p"]
    assert [twice[name] for name in BOOT] == [once[name] for name in BOOT]
    assert once["boot_low"] < once["rmst_diff"] < once["boot_high"]


def test_copies_are_told_with_the_names_of_their_cells() -> None:
    runs = quietly(copied(TWO))
    runs.compare(bootstrap=0)
    assert any("mean_diff_0 and mean_diff_1 hold the same 24 trajectories" in text for text in runs.warnings)


def test_the_same_seed_gives_the_same_bytes() -> None:
    tables = [quietly(THREE).compare(bootstrap=300, seed=seed).write_csv() for seed in (7, 7, 8)]
    assert tables[0] == tables[1]
    assert tables[0] != tables[2]


def test_another_seed_changes_the_bootstrap_a_little_and_nothing_else() -> None:
    one, other = (quietly(TWO).compare(bootstrap=2000, seed=seed) for seed in (0, 1))
    assert_frame_equal(one.drop(BOOT), other.drop(BOOT))
    first, second = (table.row(1, named=True) for table in (one, other))
    width = first["boot_high"] - first["boot_low"]
    for name in BOOT:
        assert first[name] != second[name]
        assert first[name] == pytest.approx(second[name], abs=0.15 * width)


def test_without_a_bootstrap_its_columns_are_null_and_the_others_as_they_were() -> None:
    with_, without = (quietly(THREE).compare(bootstrap=n) for n in (100, 0))
    assert without.select(BOOT).null_count().row(0) == (4, 4)
    assert with_.filter(pl.col("group_b").is_not_null()).select(BOOT).null_count().row(0) == (0, 0)
    assert_frame_equal(with_.drop(BOOT), without.drop(BOOT))


def test_the_order_of_rows_changes_nothing() -> None:
    shuffled = THREE.sample(fraction=1, shuffle=True, seed=3)
    assert_frame_equal(quietly(shuffled).compare(bootstrap=100), quietly(THREE).compare(bootstrap=100))


def test_the_overall_test_comes_first_and_then_each_pair_in_order() -> None:
    table = quietly(THREE).compare(bootstrap=0)
    assert table.select("group_a", "group_b", "df").rows() == [
        (None, None, 2),
        ("mean_diff", "pca", 1),
        ("mean_diff", "sae", 1),
        ("pca", "sae", 1),
    ]


def test_groups_of_several_columns_are_named_by_all_of_them() -> None:
    table = quietly(DOSES).compare(["alpha", "method"], bootstrap=0)
    assert table.height == 1 + 15
    assert table.select("group_a", "group_b").row(1) == ("alpha=0.5, method=mean_diff", "alpha=0.5, method=pca")


def test_the_pair_turned_round_has_the_same_test_and_the_interval_turned_round() -> None:
    names = {"mean_diff": "pca", "pca": "mean_diff"}
    one, other = pair(TWO), pair(frame(*TWO.with_columns(pl.col("method").replace(names)).to_dicts()))
    for name in ("statistic", "p", "rmst_p"):
        assert other[name] == pytest.approx(one[name])
    for left, right in (("rmst_diff", "rmst_diff"), ("ci_low", "ci_high"), ("boot_low", "boot_high")):
        assert (other[left], other[right]) == pytest.approx((-one[right], -one[left]))


def test_the_difference_is_that_of_the_lifetimes_and_its_interval_is_normal() -> None:
    runs = quietly(TWO)
    row, lives = pair(runs), runs.lifetimes("method")
    a, b = lives.select("rmst", "rmst_error").rows()
    error = (a[1] ** 2 + b[1] ** 2) ** 0.5
    assert (row["rmst_a"], row["rmst_b"], row["rmst_diff"]) == pytest.approx((a[0], b[0], a[0] - b[0]))
    assert (row["ci_low"], row["ci_high"]) == pytest.approx(
        (a[0] - b[0] - 1.959964 * error, a[0] - b[0] + 1.959964 * error)
    )
    assert row["rmst_p"] == pytest.approx(chi2.sf(((a[0] - b[0]) / error) ** 2, 1))


def test_a_higher_level_has_wider_intervals() -> None:
    narrow, wide = (pair(TWO, level=level, bootstrap=1000) for level in (0.8, 0.99))
    for low, high in (NAIVE, BOOT):
        assert wide[low] < narrow[low] < narrow[high] < wide[high]


def test_p_holm_is_that_of_statsmodels_over_the_pairs() -> None:
    table = quietly(THREE).compare(bootstrap=0)
    pairs = table.filter(pl.col("group_b").is_not_null())
    expected = multipletests(pairs.get_column("p").to_list(), method="holm")[1]
    assert pairs.get_column("p_holm").to_list() == pytest.approx(expected.tolist())
    assert table.get_column("p_holm")[0] is None


def test_the_pair_of_two_groups_has_the_overall_test_and_needs_no_adjustment() -> None:
    row, whole = pair(TWO), overall(TWO)
    assert (row["statistic"], row["p"]) == pytest.approx((whole["statistic"], whole["p"]))
    assert row["p_holm"] == row["p"]


def test_stratified_by_what_is_the_same_everywhere_the_test_is_the_same() -> None:
    for column in ("seed", "alpha", "model"):
        stratified, whole = overall(TWO, stratify=column), overall(TWO)
        assert stratified["statistic"] == pytest.approx(whole["statistic"], rel=1e-12)


def test_strata_that_are_copies_multiply_the_statistic() -> None:
    once, twice = overall(TWO), overall(copied(TWO), stratify="seed")
    assert twice["statistic"] == pytest.approx(2 * once["statistic"], rel=1e-12)


def test_stratified_by_prompt_the_log_rank_of_pairs_is_the_sign_test() -> None:
    # A pair says which died first; those that die together, or not at all, say nothing.
    deaths = [(3, None), (3, None), (3, 10), (10, None), (None, 3), (3, 3), (10, 10), (None, None)]
    rows = [
        life(death, method=method, prompt=prompt)
        for prompt, both in enumerate(deaths)
        for method, death in zip(("mean_diff", "pca"), both, strict=True)
    ]
    assert overall(frame(*rows), stratify="prompt")["statistic"] == pytest.approx((4 - 1) ** 2 / (4 + 1))


def test_a_difference_between_strata_that_the_groups_share_does_not_count_within_them() -> None:
    # pca dies at 3 in both seeds, but seed 1 dies much more, and holds most of the trajectories of pca.
    rows = [
        life(3 if i < n * share else None, method=method, seed=seed, prompt=i)
        for method, seed, n, share in (("mean_diff", 0, 40, 0.1), ("mean_diff", 1, 10, 0.8), ("pca", 0, 10, 0.1),
                                       ("pca", 1, 40, 0.8))
        for i in range(n)
    ]  # fmt: skip
    assert overall(frame(*rows))["p"] < 0.001
    assert overall(frame(*rows), stratify="seed")["p"] == pytest.approx(1.0)


def test_one_dose_is_compared_alone_if_asked() -> None:
    runs = quietly(DOSES)
    found = runs.compare(at_alpha=1.0, bootstrap=100)
    assert_frame_equal(found, quietly(DOSES.filter(alpha=1.0)).compare(bootstrap=100))
    assert not any("pool" in text for text in runs.warnings)


def test_doses_that_are_pooled_are_told() -> None:
    runs = quietly(DOSES)
    runs.compare("method", bootstrap=0)
    assert [text for text in runs.warnings if "pool" in text] == [
        "groups pool 3 doses (alpha 0.5, 1.0, 2.0): choose one with at_alpha (--at-alpha)"
    ]
    for options in ({"by": ["method", "alpha"]}, {"by": "method", "stratify": "alpha"}):
        apart = quietly(DOSES)
        apart.compare(**options, bootstrap=0)
        assert not any("pool" in text for text in apart.warnings)


@pytest.mark.parametrize("alpha", [3.0, -1.0])
def test_a_dose_that_no_cell_has_is_an_error_that_says_which_there_are(alpha: float) -> None:
    with pytest.raises(NothingUsableError, match=r"there are 0\.5, 1\.0, 2\.0$"):
        quietly(DOSES).compare(at_alpha=alpha)


def test_a_dose_that_is_no_number_is_refused() -> None:
    with pytest.raises(ParameterError, match="finite"):
        quietly(DOSES).compare(at_alpha=float("nan"))


def test_one_group_alone_is_told_and_compared_with_nothing() -> None:
    runs = quietly(DOSES)
    found = runs.compare("model", at_alpha=1.0, bootstrap=0)
    assert found.height == 1 and found.get_column("statistic").to_list() == [None]
    assert any("only one group by model" in text for text in runs.warnings)


def test_tau_is_the_smallest_last_fork_of_the_groups_if_not_said() -> None:
    rows = [life(None, method="pca", prompt=i) for i in range(6)] + [life(3, method="pca", prompt=6)]
    rows += [life(None, method="sae", gen_len=5, prompt=i) for i in range(6)] + [life(0, method="sae", prompt=6)]
    found = [pair(frame(*rows), tau=tau) for tau in (None, 2, 3, 10)]
    assert [row["tau"] for row in found] == [3, 2, 3, 10]
    assert [row["rmst_a"] for row in found] == pytest.approx([3, 2, 3, 3 + 7 * 6 / 7])
    assert [row["rmst_b"] for row in found] == pytest.approx([6 / 7 * tau for tau in (3, 2, 3, 10)])
    assert quietly(frame(*rows)).compare(bootstrap=0).get_column("tau").to_list() == [None, 3]


def test_death_by_kl_is_seen_at_every_token() -> None:
    calm, wild = [0.1] * 10, [0.1, 0.1, 3.0] + [0.1] * 7
    of_methods = {"pca": calm, "sae": wild}
    runs = quietly(frame(*(life(None, method=m, prompt=i, kl=kl) for m, kl in of_methods.items() for i in range(4))))
    assert pair(runs)["rmst_diff"] == 0
    row = pair(runs, event="kl", kl_threshold=1.0)
    # Alive at the tokens 0 and 1; the others up to the last, 9.
    assert (row["rmst_a"], row["rmst_b"], row["tau"]) == (9.0, 2.0, 9)
    assert pair(runs, event="kl", kl_threshold=5.0)["rmst_diff"] == 0


def test_where_nobody_dies_there_is_neither_a_test_nor_an_interval() -> None:
    row = pair(frame(*(life(None, method=method, prompt=i) for method in ("pca", "sae") for i in range(8))))
    assert row["rmst_diff"] == 0
    assert {row[name] for name in ("statistic", "p", "p_holm", "rmst_p", *NAIVE, *BOOT)} == {None}


def test_one_group_has_no_pair_and_nothing_to_test() -> None:
    table = quietly(TWO.filter(method="pca")).compare(bootstrap=50)
    assert table.select("group_a", "statistic", "df", "p").rows() == [(None, None, 0, None)]


def test_one_prompt_has_no_bootstrap() -> None:
    rows = [
        life(3 if seed < n else 10, method=method, seed=seed)
        for method, n in (("pca", 2), ("sae", 5))
        for seed in range(8)
    ]
    row = pair(frame(*rows))
    assert [row[name] for name in BOOT] == [None, None]
    assert row["ci_low"] < row["rmst_diff"] < row["ci_high"]


@pytest.mark.parametrize("options", [{"test": "wilcoxon"}, {"test": "fh", "rho": 1.0, "gamma": 0.5}, {"test": "peto"}])
def test_the_row_says_which_test_it_is(options: dict[str, Any]) -> None:
    named = {"wilcoxon": "wilcoxon", "fh": "fh(1, 0.5)", "peto": "peto"}[options["test"]]
    found = quietly(THREE).compare(**options, bootstrap=0)
    assert found.get_column("test").unique().to_list() == [named]
    assert found["statistic"][0] != pytest.approx(overall(THREE)["statistic"], rel=1e-6)


@pytest.mark.parametrize(
    ("options", "cause"),
    [
        ({"stratify": "method"}, "method cannot make groups"),
        ({"by": ["method", "seed"], "stratify": ["prompt", "seed"]}, "seed cannot make groups"),
        ({"trend": "alpha", "stratify": "alpha"}, "alpha cannot make groups"),
        ({"trend": "method"}, "trend must be in one of the columns alpha, seed, layer, window, prompt"),
        ({"trend": "alpha,seed"}, "trend must be in one of the columns"),
        ({"test": "mantel"}, "test must be one of"),
        ({"rho": 1.0}, "rho is for the test fh"),
        ({"tau": 0}, "tau must be 1 or more"),
        ({"level": 1.0}, "level must lie in"),
        ({"bootstrap": -1}, "bootstrap must be 0 to"),
        ({"by": "colour"}, "by cannot be 'colour'"),
    ],
)
def test_a_parameter_out_of_its_range_is_an_error_that_says_so(options: dict[str, Any], cause: str) -> None:
    with pytest.raises(ParameterError, match=cause):
        quietly(TWO).compare(**options)


def test_progress_is_told_group_by_group() -> None:
    told: list[tuple[int, int]] = []
    klsurv.scan(THREE, tell=lambda _: None).compare(bootstrap=10, progress=lambda *step: told.append(step))
    assert told == [(1, 3), (2, 3), (3, 3)]
