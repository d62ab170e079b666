"""What else differs between cells that are together in a group, or between groups."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import polars as pl
import pytest

import klsurv
from tests.analysis.lived import frame, life
from tests.generated import quietly


@pytest.mark.parametrize(
    "ask",
    [
        lambda runs: runs.survival("method"),
        lambda runs: runs.compare("method", bootstrap=0),
        lambda runs: runs.dose("method", bootstrap=0),
        lambda runs: runs.threshold("method"),
        lambda runs: runs.calibration(),
    ],
)
def test_cells_with_several_targets_in_one_group_are_told(ask: Callable[[klsurv.Runs], Any]) -> None:
    facts = [("pca", 0, 1.0), ("pca", 1, 0.5), ("random", 0, 1.0), ("random", 1, 1.0), ("none", 0, None)]
    rows = [
        life(3, method=method, seed=seed, target_kl=target, prompt=prompt)
        for method, seed, target in facts
        for prompt in range(2)
    ]
    runs = quietly(frame(*rows))
    ask(runs)
    (said,) = [text for text in runs.warnings if "target_kl" in text]
    assert "method=pca" in said and "random" not in said and "none" not in said


def test_targets_of_what_is_not_steered_and_of_other_groups_are_not_told() -> None:
    rows = [life(3, seed=seed, target_kl=1.0 + seed, alpha=alpha) for seed in (0, 1) for alpha in (0.0, 1.0)]
    for by, alphas in (("seed", None), ("alpha", [0.0])):
        runs = quietly(frame(*rows), alphas=alphas)
        runs.survival(by)
        assert not [text for text in runs.warnings if "target_kl" in text]


# Of the two layers one was not tried with the second model, and of the second model each method has its own doses.
SWEEP = [
    ("a", "pca", 8, 1.0),
    ("a", "pca", 20, 1.0),
    ("b", "pca", 8, 1.0),
    ("b", "random", 8, 1.0),
    ("b", "pca", 8, 2.0),
]


@pytest.mark.parametrize(
    ("ask", "unlike"),
    [
        (lambda runs: runs.compare("layer", at_alpha=1, bootstrap=0), "model and method"),
        (lambda runs: runs.compare("layer", at_alpha=1, bootstrap=0, stratify="model,method"), ""),
        (lambda runs: runs.compare("model,layer", at_alpha=1, bootstrap=0), "method"),
        (lambda runs: runs.compare("cell", at_alpha=1, bootstrap=0), ""),
        # The layers of two models are not the same in any case.
        (lambda runs: runs.compare("model", at_alpha=1, bootstrap=0), "method"),
        (lambda runs: runs.dose(bootstrap=0), "model and method and layer"),
        (lambda runs: runs.dose("model", bootstrap=0), "method"),
        (lambda runs: runs.dose("model,method", bootstrap=0), ""),
    ],
)
def test_what_groups_or_doses_do_not_all_hold_is_told(ask: Callable[[klsurv.Runs], Any], unlike: str) -> None:
    rows = [
        life(3, model=model, method=method, layer=layer, alpha=alpha, seed=layer, prompt=prompt)
        for model, method, layer, alpha in SWEEP
        for prompt in range(2)
    ]
    cells = frame(*rows).with_columns(cell=pl.format("{}_{}", "model", "cell"))
    runs = quietly(cells)
    ask(runs)
    said = [text for text in runs.warnings if "same values" in text]
    assert [text.split(", so")[0].split(" of ")[1] for text in said] == [unlike] * bool(unlike)
