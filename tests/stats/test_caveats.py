from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from klsurv.stats.caveats import (
    of_beginnings,
    of_control,
    of_draws,
    of_duplicates,
    of_failures,
    of_grids,
    of_other_grids,
    of_pooling,
    of_prompts,
    of_reach,
    of_recurring,
    of_size,
    of_targets,
    of_tau,
    of_together,
    of_unlike,
    of_unmeasured,
)

ALPHA = {"alpha": pl.Float64}


def controls(*rows: tuple[str, int, int]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema={"model": pl.String, "n": pl.UInt32, "at_once": pl.UInt32}, orient="row")


def copies(*rows: tuple[list[str], list[float], int]) -> pl.DataFrame:
    schema = {"cells": pl.List(pl.String), "alphas": pl.List(pl.Float64), "n": pl.Int64}
    return pl.DataFrame(list(rows), schema=schema, orient="row")


def sizes(*n: int, by: dict[str, list[Any]] | None = None) -> pl.DataFrame:
    return pl.DataFrame({**(by or {"alpha": [float(i) for i in range(len(n))]}), "n": list(n)})


def test_of_nothing_there_is_nothing_to_say() -> None:
    assert of_duplicates(copies()) == []
    assert of_size(sizes(5, 5), by=["alpha"]) == []
    assert of_size(sizes().cast({"n": pl.Int64}), by=["alpha"]) == []
    assert of_grids(pl.DataFrame(schema=ALPHA), by=["alpha"], consequence="x") == []
    assert of_pooling([], choose="") == []
    assert of_control(controls(), threshold=0.8) == []
    assert of_unmeasured(pl.DataFrame(schema=ALPHA), by=["alpha"]) == []
    empty = pl.DataFrame(schema={**ALPHA, "n_failed": pl.Int64, "end_if_died": pl.Float64, "end_if_alive": pl.Float64})
    assert of_failures(empty, by=["alpha"]) == []


def test_copies_are_told_with_cells_number_and_doses() -> None:
    assert of_duplicates(copies((["a", "b", "c"], [0.0, 0.5], 16))) == [
        "a and b and c hold the same 16 trajectories (alpha 0.0, 0.5): they are one piece of evidence, not several"
    ]


def test_of_a_set_of_copies_five_cells_are_named_and_the_rest_is_counted() -> None:
    # Unsteered, all cells of a model are copies, which in a sweep over layers and methods are many.
    assert of_duplicates(copies((list("abcdefgh"), [0.0], 8))) == [
        "a and b and c and d and e and 3 more hold the same 8 trajectories (alpha 0.0): they are one piece of "
        "evidence, not several"
    ]


def test_past_five_sets_of_copies_the_rest_is_counted() -> None:
    five = of_duplicates(copies(*((["a", f"b{i}"], [1.0], 1) for i in range(5))))
    seven = of_duplicates(copies(*((["a", f"b{i}"], [1.0], 1) for i in range(7))))
    assert len(five) == 5 and "a and b0 hold the same trajectory (alpha 1.0)" in five[0]
    assert seven == [*five, "2 more sets of cells share trajectories"]


def test_past_five_doses_the_rest_is_counted() -> None:
    (said,) = of_duplicates(copies((["a", "b"], [float(i) for i in range(7)], 9)))
    assert "(alpha 0.0, 1.0, 2.0, 3.0, 4.0 and 2 more)" in said


@pytest.mark.parametrize(("n", "few"), [(0, False), (1, True), (4, True), (5, False)])
def test_fewer_than_five_trajectories_are_few_and_none_at_all_are_not(n: int, few: bool) -> None:
    said = of_size(sizes(n, 100), by=["alpha"])
    expected = f"fewer than 5 trajectories, so that intervals and tests say little: alpha=0.0 ({n})"
    assert said == ([expected] if few else [])


def test_small_groups_are_named_in_one_sentence() -> None:
    (said,) = of_size(sizes(*[1] * 8), by=["alpha"])
    assert said.endswith("alpha=0.0 (1), alpha=1.0 (1), alpha=2.0 (1), alpha=3.0 (1), alpha=4.0 (1) and 3 more")


def test_groups_are_named_by_all_their_columns_and_no_group_is_all() -> None:
    two = sizes(2, by={"method": ["pca"], "alpha": [0.5]})
    assert of_size(two, by=["method", "alpha"])[0].endswith("say little: method=pca, alpha=0.5 (2)")
    assert of_size(sizes(2), by=[])[0].endswith("say little: all trajectories (2)")


def test_failures_are_told_with_both_ends() -> None:
    bounds = pl.DataFrame(
        {"alpha": [4.0, 5.0], "n_failed": [3, 1], "end_if_died": [0.12345, 0], "end_if_alive": [1.0, 1]}
    )
    assert of_failures(bounds, by=["alpha"]) == [
        "trajectories have failed measurements of pmass in alpha=4.0 (3: survival at the end 0.123 if each was a "
        "death, 1 if each was a survival), alpha=5.0 (1: survival at the end 0 if each was a death, 1 if each was a "
        "survival)"
    ]


def test_where_there_is_no_one_event_failures_are_told_without_what_they_change() -> None:
    bounds = pl.DataFrame({"method": [None, "pca"], "n_failed": [3, 1]})
    assert of_failures(bounds, by=["method"], what="KL") == [
        "trajectories have failed measurements of KL in method=unknown (3), method=pca (1)"
    ]
    assert of_failures(bounds.head(0), by=["method"]) == []


def test_past_five_groups_with_failures_the_rest_is_counted() -> None:
    bounds = pl.DataFrame({"alpha": [float(i) for i in range(6)], "n_failed": [1] * 6})
    (said,) = of_failures(bounds, by=["alpha"])
    assert said.endswith("alpha=4.0 (1) and 1 more")


def test_grids_that_differ_are_told_with_the_groups_and_what_follows() -> None:
    mixed = pl.DataFrame({"method": ["pca", None]})
    assert of_grids(mixed, by=["method"], consequence="left out") == [
        "the fork grids of the cells differ in method=pca, method=unknown: left out"
    ]


def test_groups_that_were_never_measured_are_named() -> None:
    assert of_unmeasured(pl.DataFrame({"method": ["pca", None]}), by=["method"]) == [
        "left out, as none was measured at a fork: method=pca, method=unknown"
    ]


def test_doses_that_are_pooled_are_told_and_one_dose_is_not_pooled() -> None:
    assert of_pooling([1.0], choose="x") == []
    assert of_pooling([0.0, 1.0], choose="at_alpha") == [
        "groups pool 2 doses (alpha 0.0, 1.0): choose one with at_alpha"
    ]


def test_groups_that_end_the_means_early_are_named() -> None:
    limiting = pl.DataFrame({"prompt": [3, None], "last": [10, 10], "longest": [96, 96]})
    assert of_reach(limiting.clear(), by=["prompt"]) == []
    assert of_reach(limiting.head(1), by=["prompt"]) == [
        "means end at 10, to which prompt=3 was followed; others were followed to 96 (tau)"
    ]
    assert of_reach(limiting, by=["prompt"]) == [
        "means end at 10, to which prompt=3, prompt=unknown was followed; others were followed to 96 (tau)"
    ]


def test_few_prompts_of_many_trajectories_are_told_and_few_trajectories_are_not_told_again() -> None:
    n = pl.DataFrame({"method": ["pca", None, "sae", "lda"], "n": [5, 60, 4, 60], "prompts": [1, 4, 4, 5]})
    assert of_prompts(n, by=["method"]) == [
        "fewer than 5 prompts, so that intervals of whole prompts may be too narrow: method=pca (1), method=unknown (4)"
    ]
    assert of_prompts(n.tail(2), by=["method"]) == []


@pytest.mark.parametrize(
    ("level", "enough"), [(0.95, 39), (0.9, 19), (0.5, 3), (0.999, 1999), (1 - 1 / 400_000, 799_999)]
)
def test_draws_of_which_a_percentile_is_no_rank_are_told(level: float, enough: int) -> None:
    assert of_draws(0, level=level) == of_draws(enough, level=level) == []
    assert of_draws(1, level=level) != []
    assert of_draws(enough - 1, level=level) == [
        f"{enough - 1} draws are too few for intervals at level {level:g}, which end at the least and the greatest of "
        f"them: take {enough} or more (--bootstrap), or a lower level (--level)"
    ]


@pytest.mark.parametrize(
    ("prompts", "level", "enough"), [(5, 0.95, 1048), (6, 0.95, 411), (100, 0.95, 43), (12, 0.99, 1696)]
)
def test_of_few_prompts_it_takes_more_draws(prompts: int, level: float, enough: int) -> None:
    # By scipy 1.17: 1 / norm.cdf(t.ppf((1 - level) / 2, n - 1) * sqrt(n / (n - 1))) - 1, rounded up.
    assert of_draws(enough, level=level, prompts=prompts) == []
    assert of_draws(enough - 1, level=level, prompts=prompts) == [
        f"{enough - 1} draws of {prompts} prompts are too few for intervals at level {level:g}, which end at the least "
        f"and the greatest of them: take {enough} or more (--bootstrap), or a lower level (--level)"
    ]


@pytest.mark.parametrize(("prompts", "level"), [(5, 0.999), (None, 1 - 2**-53), (2, 0.95)])
def test_more_draws_than_can_be_asked_for_are_not_advised(prompts: int | None, level: float) -> None:
    (said,) = of_draws(1_000_000, level=level, prompts=prompts)
    assert said.endswith("which end at the least and the greatest of them: take a lower level (--level)")


def test_what_groups_hold_other_values_of_is_told_with_what_to_do() -> None:
    assert of_unlike([], what="groups", ask="look ({})") == []
    assert of_unlike(["model", "layer"], what="groups", ask="test within each (--stratify {})") == [
        "groups do not hold the same values of model and layer, so that their differences may be of these: keep what "
        "all hold (--where), or test within each (--stratify model,layer)"
    ]


def test_groups_of_several_targets_are_told() -> None:
    several = pl.DataFrame({"method": ["pca", None], "n": [2, 3]})
    assert of_targets(several.clear(), by=["method"]) == []
    assert of_targets(several, by=["method"]) == [
        "cells have several target_kl in method=pca, method=unknown: one alpha is another dose in each; choose one "
        "(--where)"
    ]
    assert of_targets(several.head(1).drop("method"), by=[]) == [
        "cells have several target_kl in all trajectories: one alpha is another dose in each; choose one (--where)"
    ]


def test_a_tau_past_what_was_seen_is_told() -> None:
    assert of_tau(97, seen=96) == [
        "tau 97 is past 96, to which all groups were seen: after that S is taken to stay as it is"
    ]
    assert of_tau(96, seen=96) == of_tau(None, seen=96) == of_tau(97, seen=None) == []


def test_deaths_before_any_kl_are_told_with_their_number() -> None:
    assert of_beginnings(5, at_once=0) == of_beginnings(0, at_once=0) == []
    (said,) = of_beginnings(5, at_once=1)
    assert said.startswith("1 of 5 deaths are at token 0, before any KL")


def test_an_unsteered_model_that_is_dead_at_once_is_told_unless_it_was_seen_fewer_than_five_times() -> None:
    assert of_control(controls(("m", 4, 4)), threshold=0.8) == []
    assert of_control(controls(("m", 6, 5)), threshold=0.8) == []
    assert of_control(controls(("m", 5, 5)), threshold=0.8) == [
        "all 5 trajectories at alpha 0 die at their first fork: by the threshold 0.8 the model is dead before it is "
        "steered; look at others with threshold() (klsurv threshold RUNS)"
    ]


def test_of_several_models_the_one_that_is_dead_is_named() -> None:
    (said,) = of_control(controls(("a", 9, 0), ("b", 9, 9)), threshold=0.5)
    assert said.startswith("model=b: all 9 trajectories at alpha 0 die at their first fork: by the threshold 0.5 ")


def test_what_other_grids_mean_is_told() -> None:
    assert of_other_grids(False) == []
    assert of_other_grids(True) == [
        "the fork grids of the groups differ: tests are made within each grid alone, so that groups of two grids have "
        "none, and their means compare deaths that were looked for at other forks"
    ]


def test_prompts_that_recur_are_told_with_what_tells_them_apart() -> None:
    assert of_recurring(1, apart=["method"]) == []
    assert len(of_recurring(2, apart=["method"])) == 1
    assert of_recurring(3, apart=["method", "seed"]) == [
        "groups hold up to 3 trajectories of one prompt, which intervals and errors take to be independent, and are "
        "too narrow: tell them apart by method, seed (--by), or see compare and dose, which draw whole prompts"
    ]


def test_methods_that_are_together_may_look_like_a_precursor() -> None:
    assert of_together([]) == []
    assert of_together(["model", "method"]) == [
        "groups hold several values of model and method: one with higher KL and more deaths looks like a "
        "precursor; tell them apart by model, method (klsurv precursor --by), or choose one (--where)"
    ]
