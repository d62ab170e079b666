"""What the report says of its tables."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

import klsurv
from klsurv.report import numbers
from klsurv.schema import DOSE
from tests.analysis.lived import frame, life
from tests.generated import quietly


@pytest.fixture(scope="module")
def runs(real_cells: Path) -> klsurv.Runs:
    return quietly(real_cells)


def test_where_none_died_it_says_no_more(runs: klsurv.Runs) -> None:
    said = numbers.of_lifetimes(runs.lifetimes("method,alpha", threshold=0.3))
    assert said == [
        "α = 1, mean_diff: none of 8 died.",
        "α = 1, pca: 5 of 8 died, half were dead by token 0; S at the last fork is 0.38 (0.09 to 0.67).",
    ]


def test_what_was_not_measured_is_not_said_to_have_lived() -> None:
    lives = quietly(frame(life(pmass=[None, None, None]), life(prompt=1, pmass=[None, None, None]))).lifetimes()
    assert numbers.of_lifetimes(lives) == ["α = 1: none of 2 was measured at a fork."]


def test_a_dose_between_those_tried_is_said_to_be_one(runs: klsurv.Runs) -> None:
    between, tried = numbers.of_dose(runs.dose("method", threshold=0.3, bootstrap=0))
    assert "at α = 2.85, by a straight line: no dose was tried between 2 and 4; trend" in between
    assert between.endswith("as if trajectories were independent.")
    assert "at α = 0.50; trend" in tried
    assert numbers.of_dose(DOSE.schema.to_frame()) == []


def test_a_difference_says_at_which_dose_and_how_it_was_tested(runs: klsurv.Runs) -> None:
    asked = {"threshold": 0.3, "at_alpha": 1.0, "stratify": "prompt", "bootstrap": 0}
    table = runs.compare("method", **asked)
    (said,) = numbers.of_compare(table, at_alpha=1.0)
    p = table.get_column("p_holm").drop_nulls().item()
    assert said == (
        "At α = 1 mean_diff stays alive 60.0 tokens longer than pca: difference 60.0; "
        f"log-rank within prompts: p = {p:.2g} (Holm), as if independent within each."
    )


def test_no_difference_is_not_one_of_0_tokens(runs: klsurv.Runs) -> None:
    table = runs.compare("method", threshold=0.8, at_alpha=1.0, bootstrap=0)
    (said,) = numbers.of_compare(table, at_alpha=1.0)
    assert said == "At α = 1 mean_diff stays alive as long as pca: difference 0.0."


def test_a_list_that_is_cut_says_how_many_more_there_are(runs: klsurv.Runs) -> None:
    (said,) = numbers.of_recovery(runs.lifetimes("method,alpha", threshold=0.3))
    assert said.endswith("; and 2 more.") and said.count(";") == 8
    (ends,) = numbers.of_incidence(runs.incidence(threshold=0.3))
    assert ends.endswith("α = 4: 100% / 0% / 0%.")


def test_sentences_that_are_cut_say_how_many_more_there_are(runs: klsurv.Runs) -> None:
    prompts = runs.compare("prompt", threshold=0.3, at_alpha=1.0, bootstrap=0)
    assert numbers.of_compare(prompts, at_alpha=1.0)[8:] == ["And 20 more."]
    lives = runs.lifetimes("method,alpha", threshold=0.3).filter(pl.col("alpha") != 1.0)
    assert numbers.of_lifetimes(lives)[8:] == ["And 4 more."]
    assert numbers.of_lifetimes(lives.head(8))[8:] == []
    dose = pl.concat(
        runs.dose(threshold=0.3, bootstrap=0).with_columns(method=pl.lit(f"method {i}")) for i in range(10)
    )
    assert numbers.of_dose(dose)[8:] == ["And 2 more."]
    seeds = pl.concat(
        runs.calibration().with_columns(pl.col("method") + str(i), in_band=pl.lit(False)) for i in range(5)
    )
    assert numbers.of_calibration(seeds)[8:] == ["And 2 more."]
    (unequal,) = numbers.of_doses(seeds)
    assert unequal.endswith("; and 2 more.")


def test_methods_whose_dose_is_not_what_it_says_are_named(runs: klsurv.Runs) -> None:
    table = runs.calibration()
    assert numbers.of_doses(table) == [
        "Doses may not be equal: held-out p95 KL at α = 1 over its target is 0.67 for mean_diff."
    ]
    assert numbers.of_doses(table.filter(pl.col("in_band"))) == []
    layers = pl.concat([table, table.with_columns(layer=pl.lit(9, pl.Int64), method=pl.lit(None, pl.String))])
    assert numbers.of_doses(layers)[0].endswith(
        "0.67 for method=mean_diff, layer=18; 0.67 for method=unknown, layer=9."
    )
    assert numbers.of_doses(table.with_columns(in_band=pl.lit(None, pl.Boolean))) == []


def test_groups_are_named_in_what_came_before_death(runs: klsurv.Runs) -> None:
    asked = {"threshold": 0.5, "roll": 9, "bootstrap": 0}
    (together,) = numbers.of_study(runs.study(**asked))
    both = " the last token before the fork (15 deaths) the dying have 0.69 of their own p95, those alive "
    assert together == f"At{both}0.67; difference +0.01."
    (alone,) = numbers.of_study(runs.study(**asked).with_columns(n_deaths=pl.lit(1, pl.Int64)))
    assert "before the fork (1 death) the dying" in alone
    # None of pca dies after its first fork: its living are no control of the other's dead.
    (one,) = numbers.of_study(runs.study("method", **asked), by=("method",))
    assert one == f"mean_diff: at{both}0.69; difference -0.01."
