from __future__ import annotations

import sys
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest
from scipy.optimize import linprog
from scipy.stats import t as student
from statsmodels.genmod.families import Binomial
from statsmodels.genmod.families.links import CLogLog
from statsmodels.genmod.generalized_linear_model import GLM

from klsurv.errors import ParameterError
from klsurv.inference import Interval
from klsurv.stats.hazard import COVARIATES, can_fit, hazard, known
from tests.frames.drawn import INF, NAN
from tests.frames.source import Row

Floats = npt.NDArray[np.float64]

COLUMNS = {
    "event": pl.Boolean,
    "fork": pl.Int64,
    "prompt": pl.Int64,
    "early_kl": pl.Float64,
    "spike": pl.Float64,
    "alpha": pl.Float64,
}
NOTHING = dict.fromkeys(("hazard_ratio", "ci_low", "ci_high", "p"))


def drawn(
    seed: int, *, n: int = 300, prompts: int = 12, forks: tuple[int, ...] = (20, 31, 54), **fixed: Any
) -> pl.DataFrame:
    """Person-forks that die at a rate which grows with early KL and the fork; a column that is given is as given."""
    rng = np.random.default_rng(seed)
    alpha = rng.choice([0.5, 1.0, 2.0], n)
    early = alpha**2 * rng.lognormal(0, 0.7, n)
    fork = rng.choice(forks, n)
    rate = 0.15 * early**0.4 * (1 + (fork == forks[-1]))
    columns = {
        "event": rng.random(n) < 1 - np.exp(-rate),
        "fork": fork,
        "prompt": rng.integers(0, prompts, n),
        "early_kl": early,
        "spike": rng.lognormal(0, 0.5, n),
        "alpha": alpha,
    }
    return pl.DataFrame({**columns, **fixed}, schema=COLUMNS)


def answered(rows: pl.DataFrame, *, level: float = 0.95) -> dict[str, Row]:
    """Covariate → its row, with null where it has no value."""
    return {str(row["covariate"]): NOTHING | row for row in hazard(known(rows), interval=Interval(level=level))}


def design(rows: pl.DataFrame) -> Floats:
    """An intercept, three logarithms, and each fork but the first."""
    logs = [np.log2(rows.get_column(name).to_numpy()) for name in COVARIATES.values()]
    forks = [(rows.get_column("fork") == fork).to_numpy() for fork in sorted(set(rows.get_column("fork")))[1:]]
    return np.column_stack([np.ones(rows.height), *logs, *forks]).astype(float)


def separated(x: Floats, event: npt.NDArray[np.bool_]) -> bool:
    """Whether some combination of columns is never below 0 for the dead, never above for the living, and not always 0.

    Then, and only then, the likelihood has no maximum (Albert & Anderson 1984; Silvapulle 1981).
    """
    x = x / np.ptp(np.column_stack([x, np.zeros(len(x))]), axis=0).max()
    signed = np.where(event[:, None], x, -x)
    return bool(-linprog(-signed.sum(0), A_ub=-signed, b_ub=np.zeros(len(x)), bounds=(-1, 1)).fun > 1e-7)


def likelihood(x: Floats, event: npt.NDArray[np.bool_], coefficients: Floats) -> float:
    rate = np.exp(x @ coefficients)
    return float(np.log(-np.expm1(-rate[event])).sum() - rate[~event].sum())


def largest(x: Floats, event: npt.NDArray[np.bool_]) -> Floats:
    """Coefficients at which the likelihood is largest, by Newton's method on its first two derivatives."""
    b = np.zeros(x.shape[1])
    for _ in range(50):
        rate = np.exp(x @ b)
        grown = np.expm1(rate)
        slope = np.where(event, rate / grown, -rate)
        bend = np.where(event, rate / grown - rate**2 * np.exp(rate) / grown**2, -rate)
        b -= np.linalg.solve((x.T * bend) @ x, x.T @ slope)
    return b


@pytest.mark.parametrize("level", [0.5, 0.95])
@pytest.mark.parametrize("seed", range(5))
def test_ratios_and_intervals_are_those_of_the_model_asked_directly(seed: int, level: float) -> None:
    rows = drawn(seed)
    event, prompt = rows.get_column("event").to_numpy(), rows.get_column("prompt").to_numpy()
    model = GLM(event.astype(float), design(rows), family=Binomial(CLogLog()))
    # One step from where the likelihood is largest changes nothing.
    fit = model.fit(start_params=largest(design(rows), event), cov_type="cluster", cov_kwds={"groups": prompt})
    found = answered(rows, level=level)
    assert list(found) == [*COVARIATES, "fork 31", "fork 54"]
    width = student.ppf(0.5 + level / 2, len(set(prompt.tolist())) - 1)
    for row, beta, error in zip(found.values(), fit.params[1:], fit.bse[1:], strict=True):
        assert row["hazard_ratio"] == pytest.approx(np.exp(beta), rel=1e-9)
        assert row["ci_low"] == pytest.approx(np.exp(beta - width * error), rel=1e-9)
        assert row["ci_high"] == pytest.approx(np.exp(beta + width * error), rel=1e-9)
        assert row["p"] == pytest.approx(2 * student.sf(abs(beta / error), len(set(prompt.tolist())) - 1), rel=1e-9)
        assert (row["n"], row["n_events"]) == (300, int(event.sum()))


def test_no_other_coefficients_make_the_deaths_more_likely() -> None:
    rows = drawn(7)
    event, x = rows.get_column("event").to_numpy(), design(rows)
    slopes = np.log([row["hazard_ratio"] for row in answered(rows).values()])
    # The intercept that goes with them, by bisection of its score.
    low, high = -20.0, 5.0
    for _ in range(80):
        middle = (low + high) / 2
        rate = np.exp(middle + x[:, 1:] @ slopes)
        low, high = (
            (middle, high) if (rate[event] / np.expm1(rate[event])).sum() > rate[~event].sum() else (low, middle)
        )
    best = np.concatenate([[middle], slopes])
    top = likelihood(x, event, best)
    rng = np.random.default_rng(0)
    assert all(likelihood(x, event, best + rng.normal(0, 0.02, len(best))) < top for _ in range(200))


def test_a_fit_that_comes_near_slowly_is_waited_for() -> None:
    # Takes 114 steps.
    rows = drawn(309).head(32)
    ratio, narrow = (
        answered(rows.with_columns(pl.col("early_kl") ** power))["log2_early_kl"]["hazard_ratio"] for power in (1, 0.01)
    )
    assert np.log(narrow) == pytest.approx(100 * np.log(ratio), rel=1e-8)


def test_the_same_prompts_again_are_no_more_evidence_and_other_prompts_are() -> None:
    rows = drawn(1)
    once, again, others = (
        answered(table)
        for table in (rows, pl.concat([rows, rows]), pl.concat([rows, rows.with_columns(pl.col("prompt") + 100)]))
    )
    for name in COVARIATES:
        assert again[name]["hazard_ratio"] == pytest.approx(once[name]["hazard_ratio"], rel=1e-6)
        first, second, third = (
            np.log(found[name]["ci_high"] / found[name]["ci_low"]) for found in (once, again, others)
        )
        # But for the correction for the number of coefficients.
        assert second == pytest.approx(first, rel=0.02)
        assert third < 0.75 * first


def test_person_forks_without_a_covariate_above_0_are_not_known() -> None:
    rows = drawn(0, n=12)
    bad = [0.0, -1.0, NAN, INF, None]
    for name in COVARIATES.values():
        spoilt = rows.with_columns(pl.Series(name, [*bad, *rows.get_column(name)[len(bad) :]], dtype=pl.Float64))
        assert known(spoilt).equals(rows[len(bad) :])
    assert known(rows).equals(rows)


def test_forks_at_which_none_or_all_die_are_left_out() -> None:
    rows = drawn(2)
    none = drawn(3, n=40, forks=(9,), event=[False] * 40)
    every = drawn(4, n=40, forks=(99,), event=[True] * 40)
    assert answered(pl.concat([none, rows, every])) == answered(rows)


def test_the_order_of_rows_changes_nothing_that_matters() -> None:
    rows = drawn(5)
    found, again = answered(rows), answered(rows.reverse())
    assert list(found) == list(again)
    for name, row in found.items():
        assert row["ci_high"] == pytest.approx(again[name]["ci_high"], rel=1e-6)


@pytest.mark.parametrize("name", list(COVARIATES))
@pytest.mark.parametrize("wobble", [0.0, 1e-15])
def test_a_covariate_that_does_not_vary_has_no_ratio_and_the_others_have_theirs(name: str, wobble: float) -> None:
    rows = drawn(6)
    constant = 3.0 * (1 + wobble * np.arange(rows.height) / rows.height)
    found = answered(rows.with_columns(pl.Series(COVARIATES[name], constant)))
    for other, row in found.items():
        assert (row["hazard_ratio"] is None) == (other == name)
    assert found[name] == NOTHING | {"covariate": name, "n": 300, "n_events": found[name]["n_events"]}


def test_where_one_covariate_follows_from_another_neither_is_given_the_effect() -> None:
    rows = drawn(8)
    for power in (2, 1, -0.5):
        found = answered(rows.with_columns(early_kl=0.3 * pl.col("alpha") ** power))
        assert all(row["hazard_ratio"] is None for row in found.values())


@pytest.mark.parametrize("gap", [0.01, 0.5, 3.0, 20.0])
@pytest.mark.parametrize("seed", range(3))
def test_values_that_separate_the_dead_from_the_living_have_no_ratio(seed: int, gap: float) -> None:
    rng = np.random.default_rng(seed)
    event = rng.random(200) < 0.3
    for name in ("early_kl", "spike"):
        rows = drawn(seed, n=200, event=event, **{name: 2.0 ** (np.where(event, gap, -gap) * (1 + rng.random(200)))})
        assert separated(design(rows), event)
        assert {row["hazard_ratio"] for row in answered(rows).values()} == {None}


def test_where_a_fit_comes_to_rest_though_values_separate_there_is_no_ratio() -> None:
    rows = drawn(0, n=4, prompts=4, forks=(3,), alpha=[1.0] * 4, spike=[1.0] * 4, prompt=[0, 1, 2, 3])
    rows = rows.with_columns(early_kl=pl.Series([1.0, 2.0, 32.0, 64.0]), event=pl.Series([False, False, True, True]))
    assert all(row.items() >= NOTHING.items() for row in answered(rows).values())


def test_where_values_separate_it_is_seen_before_coefficients_have_grown_for_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    steps: list[int] = []
    fit = GLM.fit

    def counted(self: GLM, *args: Any, **options: Any) -> Any:
        found = fit(self, *args, **options)
        steps.append(found.fit_history["iteration"])
        return found

    monkeypatch.setattr(GLM, "fit", counted)
    rows = drawn(0, n=2000).with_columns(event=pl.col("early_kl") > 2)
    assert {row["hazard_ratio"] for row in answered(rows).values()} == {None}
    assert sum(steps) <= 100


def test_a_dose_at_which_none_die_has_no_ratio() -> None:
    rows = drawn(3, n=400).with_columns(
        event=pl.col("event") & (pl.col("alpha") > 1), early_kl=pl.col("early_kl") / pl.col("alpha") ** 2
    )
    assert separated(design(rows), rows.get_column("event").to_numpy())
    assert {row["hazard_ratio"] for row in answered(rows).values()} == {None}


def test_of_random_person_forks_those_that_can_be_fitted_are_and_the_others_are_not() -> None:
    fitted = 0
    for seed in range(150):
        rng = np.random.default_rng(seed)
        n = int(rng.integers(12, 60))
        alpha = rng.choice([0.5, 1.0, 2.0], n)
        slope = float(rng.choice([0.0, 1.0, 3.0]))
        kl = rng.normal(0, 1, n)
        event = rng.random(n) < 1 - np.exp(-0.3 * np.exp(np.clip(slope * kl, -9, 3)))
        rows = drawn(seed, n=n, forks=(20, 31), alpha=alpha, early_kl=2.0**kl, event=event)
        rows = rows.filter(pl.col("event").mean().over("fork").is_between(0, 1, closed="none"))
        ratio = None
        if rows.height:
            ratio = answered(rows)["log2_early_kl"]["hazard_ratio"]
        possible = rows.height > design(rows).shape[1] and not separated(
            design(rows), rows.get_column("event").to_numpy()
        )
        assert (ratio is not None) <= possible, seed
        fitted += ratio is not None
        # That a fit that is possible is not shown must be rare: its interval is beyond all bounds.
        assert ratio is not None or not possible or slope > 0, seed
    assert 80 < fitted < 150


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param(drawn(0, n=0), id="no rows"),
        pytest.param(drawn(0, n=1), id="one row"),
        pytest.param(drawn(0, n=30, event=[False] * 30), id="no deaths"),
        pytest.param(drawn(0, n=30, event=[True] * 30), id="all dead"),
    ],
)
def test_without_forks_to_compare_the_covariates_stand_there_without_values(rows: pl.DataFrame) -> None:
    found = answered(rows)
    assert list(found) == list(COVARIATES)
    for name, row in found.items():
        assert row == NOTHING | {"covariate": name, "n": 0, "n_events": 0}


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param(drawn(0, prompts=1), id="one prompt has no spread"),
        pytest.param(drawn(1, n=6, forks=(20,), event=[True, False] * 3).head(4), id="fewer rows than coefficients"),
        pytest.param(
            drawn(0, forks=(20,), early_kl=[1.0] * 300, spike=[1.0] * 300, alpha=[1.0] * 300), id="nothing varies"
        ),
    ],
)
def test_where_no_model_can_be_fitted_there_are_counts_alone(rows: pl.DataFrame) -> None:
    for row in answered(rows).values():
        assert row["n"] == rows.height and row["n_events"] == rows.get_column("event").sum() > 0
        assert {name: row[name] for name in NOTHING} == NOTHING


def test_one_row_more_than_coefficients_and_two_prompts_are_enough() -> None:
    one = {"early_kl": [1.0, 2.0, 4.0], "spike": [1.0] * 3, "alpha": [1.0] * 3}
    three = drawn(0, n=3, forks=(20,), prompt=[0, 1, 1], event=[True, False, True], **one)
    assert answered(three)["log2_early_kl"]["hazard_ratio"] == pytest.approx(1.0, rel=0.2)
    assert answered(three.head(2))["log2_early_kl"]["hazard_ratio"] is None


def test_a_covariate_that_hardly_varies_has_a_wide_interval_and_hides_no_other() -> None:
    rows = drawn(4)
    hardly = 2.0 ** (0.02 * np.random.default_rng(0).random(rows.height))
    found = answered(rows.with_columns(spike=hardly))
    assert found["log2_spike"]["ci_high"] / found["log2_spike"]["ci_low"] > 1e20
    assert found["log2_early_kl"]["ci_high"] < 10


@pytest.mark.parametrize("varies", [1e-9, 1e-4])
def test_a_ratio_too_large_for_a_float_is_null_and_not_an_error(varies: float) -> None:
    # KL that varies in its ninth digit only, or its fourth: a doubling is a billion times its range, or ten thousand.
    rows = drawn(4)
    tiny = 1 + varies * np.random.default_rng(0).random(rows.height)
    for row in answered(rows.with_columns(early_kl=tiny)).values():
        assert row["hazard_ratio"] is None or row["ci_high"] < INF


def test_without_statsmodels_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "statsmodels.genmod.families", None)
    with pytest.raises(ParameterError) as raised:
        answered(drawn(0))
    assert str(raised.value) == "the hazard model needs statsmodels: pip install 'klsurv[hazard]'"


def test_whether_a_model_can_be_fitted_is_whether_statsmodels_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    assert can_fit()
    monkeypatch.setitem(sys.modules, "statsmodels", None)
    assert not can_fit()
