from __future__ import annotations

import csv
import math
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from statsmodels.regression.linear_model import OLS
from statsmodels.tools import add_constant

import klsurv
from klsurv.inference import Interval
from klsurv.schema import BAND, CALIBRATION, CELLS, HELDOUT, RUN
from klsurv.stats.calibration import calibration, heldout
from tests.analysis import lived
from tests.frames.source import trajectory

Rows = list[dict[str, Any]]


def cells(*made: dict[str, Any]) -> pl.DataFrame:
    """The table `cells`; what a cell does not name is plain, and its seed counts the cells."""
    plain = {"model": "toy", "method": "pca", "window": 96, "target_kl": 1.0, "c_star": 10.0, "status": "ok"}
    rows = [{**plain, "cell": f"s{i}", "seed": i, **one} for i, one in enumerate(made)]
    return pl.DataFrame(rows, schema=CELLS.schema)


def quantiles(doses: dict[float, float | None], **facts: Any) -> pl.DataFrame:
    """alpha → p95 of held-out KL."""
    of_run = {"model": "toy", "method": "pca", "window": 96, **facts}
    rows = [{**of_run, "alpha": alpha, "kl_p95": p95} for alpha, p95 in doses.items()]
    names = [*RUN, "alpha", "kl_p95"]
    return pl.DataFrame(rows, schema={name: HELDOUT.schema[name] for name in names})


def calibrated(made: pl.DataFrame, p95: pl.DataFrame, *, level: float = 0.95) -> Rows:
    table = calibration(made, heldout(made, p95), interval=Interval(level=level))
    assert table.schema == CALIBRATION.schema
    return table.to_dicts()


def spread(*made: dict[str, Any]) -> tuple[Any, ...]:
    """n_cells, n_seeds, mean, standard deviation and coefficient of variation of c_star."""
    (row,) = calibrated(cells(*made), quantiles({1.0: 1.0}))
    return tuple(row[name] for name in ("n_cells", "n_seeds", "c_star_mean", "c_star_std", "c_star_cv"))


def test_c_star_over_seeds_has_a_mean_and_the_deviation_of_a_sample() -> None:
    # 8, 10, 15: mean 11, squares 9 + 1 + 16 over two.
    deviation = math.sqrt(13)
    found = spread({"c_star": 8.0}, {"c_star": 15.0}, {"c_star": 10.0})
    assert found == (3, 3, pytest.approx(11.0), pytest.approx(deviation), pytest.approx(deviation / 11))


def test_a_spread_takes_two_seeds_whose_c_star_is_known() -> None:
    found = spread({"c_star": 5.0, "seed": 0}, {"c_star": 6.0, "seed": 0}, {"c_star": None, "seed": 1})
    assert found == (3, 2, 5.5, None, None)


def test_a_cell_of_a_frame_may_have_several_methods_and_counts_in_each() -> None:
    def made(cell: str, method: str | None, prompt: int, c_star: float) -> dict[str, Any]:
        facts = {"model": "m", "method": method, "seed": 0, "layer": 3, "window": 20, "target_kl": 1.0}
        kl = [0.1, 0.2, 0.3, 1.0] * 5
        return {"cell": cell, **facts, "c_star": c_star, "alpha": 1.0, "prompt": prompt, "kl": kl} | {
            "gen_len": 20,
            "fork": [0, 20],
            "pmass": [0.9, 0.9],
        }

    frame = pl.DataFrame([made("x", "pca", 0, 5.0), made("x", "md", 1, 5.0), made("y", None, 2, 9.0)])
    runs = klsurv.scan(frame)
    assert runs.calibration().select("method", "n_cells", "c_star_mean", "ratio").rows() == [
        ("md", 1, 5.0, 1.0),
        ("pca", 1, 5.0, 1.0),
        (None, 1, 9.0, 1.0),
    ]
    assert runs.heldout().get_column("target_kl").to_list() == [1.0, 1.0, 1.0]


def test_seeds_that_agree_have_a_deviation_of_0() -> None:
    assert spread({"c_star": 8.0}, {"c_star": 8.0}) == (2, 2, 8.0, 0.0, 0.0)


@pytest.mark.parametrize(
    ("made", "n_seeds"),
    [
        pytest.param([{"c_star": 8.0}], 1, id="one cell"),
        pytest.param([{"seed": 4, "c_star": 8.0}, {"seed": 4, "c_star": 10.0}], 1, id="one seed in two cells"),
        pytest.param([{"seed": None, "c_star": 8.0}, {"seed": None, "c_star": 10.0}], 1, id="unknown seeds are one"),
        pytest.param([{"c_star": 8.0}, {"c_star": None}], 2, id="one c_star known"),
        pytest.param([{"c_star": None}, {"c_star": None}], 2, id="no c_star known"),
    ],
)
def test_one_seed_has_no_deviation_and_neither_has_one_c_star(made: Rows, n_seeds: int) -> None:
    n_cells, found, _, std, cv = spread(*made)
    assert (n_cells, found, std, cv) == (len(made), n_seeds, None, None)


@pytest.mark.parametrize(("level", "student"), [(0.95, 4.302653), (0.9, 2.919986)])
def test_the_mean_of_c_star_has_student_s_interval_over_the_cells_of_which_it_is_known(
    level: float, student: float
) -> None:
    made = cells({"c_star": 8.0}, {"c_star": 15.0}, {"c_star": None}, {"c_star": 10.0})
    (row,) = calibrated(made, quantiles({}), level=level)
    width = student * math.sqrt(13) / math.sqrt(3)
    assert (row["c_star_low"], row["c_star_high"]) == (pytest.approx(11 - width), pytest.approx(11 + width))


def test_an_unknown_seed_is_another_than_a_known_one() -> None:
    found = spread({"seed": 0, "c_star": 8.0}, {"seed": None, "c_star": 10.0}, {"seed": None, "c_star": 12.0})
    assert found[:4] == (3, 2, pytest.approx(10.0), pytest.approx(2.0))


def test_a_c_star_that_is_unknown_is_left_out_of_the_mean() -> None:
    assert spread({"c_star": 8.0}, {"c_star": None}, {"c_star": 12.0})[2:4] == (
        pytest.approx(10.0),
        pytest.approx(math.sqrt(8)),
    )


def test_runs_are_apart_by_model_method_and_window_and_unknown_ones_come_last() -> None:
    of_runs: Rows = [
        {"method": None, "c_star": 1.0},
        {"method": "pca", "c_star": 2.0},
        {"method": "pca", "window": 50, "c_star": 3.0},
        {"model": None, "c_star": 4.0},
        {"model": "big", "c_star": 5.0},
    ]
    rows = calibrated(cells(*of_runs), quantiles({1.0: 0.9}, method=None))
    assert [(row["model"], row["method"], row["window"], row["c_star_mean"]) for row in rows] == [
        ("big", "pca", 96, 5.0),
        ("toy", "pca", 50, 3.0),
        ("toy", "pca", 96, 2.0),
        ("toy", None, 96, 1.0),
        (None, "pca", 96, 4.0),
    ]
    assert [row["kl_p95"] for row in rows] == [None, None, None, 0.9, None]


def test_held_out_kl_is_held_against_the_target_times_alpha_squared() -> None:
    made = cells({"target_kl": 0.5})
    found = heldout(made, quantiles({2.0: 1.0, 0.0: 0.0, 1.0: 0.5, -1.0: 0.4}))
    assert found.schema == HELDOUT.schema
    assert found.select("alpha", "target_kl", "ratio", "in_band").rows() == [
        (-1.0, 0.5, pytest.approx(0.8), True),
        (0.0, 0.0, None, None),
        (1.0, 0.5, pytest.approx(1.0), True),
        (2.0, 2.0, pytest.approx(0.5), False),
    ]


@pytest.mark.parametrize(
    ("p95", "in_band"), [(0.69, False), (BAND[0], True), (1.0, True), (BAND[1], True), (1.41, False), (None, None)]
)
def test_the_band_holds_its_ends(p95: float | None, in_band: bool | None) -> None:
    (row,) = calibrated(cells({}), quantiles({1.0: p95}))
    assert (row["kl_p95"], row["ratio"], row["in_band"]) == (p95, p95, in_band)


@pytest.mark.parametrize(
    ("targets", "target"),
    [
        pytest.param([1.0, 1.0], 1.0, id="alike"),
        pytest.param([1.0, None], 1.0, id="known of one"),
        pytest.param([1.0, 2.0], None, id="different"),
        pytest.param([None, None], None, id="unknown"),
    ],
)
def test_cells_with_different_targets_have_none_together(targets: list[float | None], target: float | None) -> None:
    made = cells(*({"target_kl": one} for one in targets))
    (row,) = heldout(made, quantiles({1.0: 1.2})).to_dicts()
    ratio = None if target is None else 1.2
    assert (row["kl_p95"], row["target_kl"], row["ratio"]) == (1.2, target, ratio)
    assert row["in_band"] == (None if target is None else True)


@pytest.mark.parametrize("target", [0.0, -1.0])
def test_a_target_that_is_not_above_0_gives_no_ratio(target: float) -> None:
    (row,) = heldout(cells({"target_kl": target}), quantiles({1.0: 1.2})).to_dicts()
    assert (row["ratio"], row["in_band"]) == (None, None)


def test_targets_of_another_method_do_not_matter() -> None:
    made = cells({"target_kl": 1.0}, {"target_kl": 2.0, "method": "other"}, {"target_kl": 3.0, "method": None})
    p95 = pl.concat([quantiles({1.0: 1.0}), quantiles({1.0: 1.0}, method="other"), quantiles({1.0: 1.0}, method=None)])
    found = heldout(made, p95)
    assert found.select("method", "target_kl").rows() == [("other", 2.0), ("pca", 1.0), (None, 3.0)]


def exponent(doses: dict[float, float | None], **options: Any) -> tuple[Any, ...]:
    (row,) = calibrated(cells({}), quantiles(doses), **options)
    return tuple(row[name] for name in ("exponent", "exponent_low", "exponent_high", "n_doses"))


@pytest.mark.parametrize("scale", [1e-9, 0.3, 1e9])
@pytest.mark.parametrize("power", [2.0, 1.0, -0.5, 0.0])
def test_kl_that_is_a_power_of_alpha_has_that_exponent_and_no_width(power: float, scale: float) -> None:
    doses = (0.25, 0.5, 1.0, 1.5, 4.0)
    value, low, high, n = exponent({alpha: scale * alpha**power for alpha in doses})
    assert (value, low, high, n) == (*[pytest.approx(power, abs=1e-9)] * 3, 5)


@pytest.mark.parametrize("level", [0.5, 0.95, 0.999])
@pytest.mark.parametrize("n", [3, 4, 9])
def test_the_exponent_and_its_interval_are_those_of_least_squares(n: int, level: float) -> None:
    rng = np.random.default_rng(n)
    alpha = np.sort(rng.uniform(0.1, 8, n))
    p95 = 0.7 * alpha**1.7 * rng.lognormal(0, 0.4, n)
    fit = OLS(np.log(p95), add_constant(np.log(alpha))).fit()
    low, high = fit.conf_int(alpha=1 - level)[1]
    found = exponent(dict(zip(alpha.tolist(), p95.tolist(), strict=True)), level=level)
    assert found == (pytest.approx(fit.params[1], rel=1e-9), pytest.approx(low), pytest.approx(high), n)


def test_the_exponent_is_of_positive_doses_with_positive_kl() -> None:
    doses: dict[float, float | None] = {-2.0: 9.0, 0.0: 3.0, 0.5: 0.25, 1.0: 1.0, 2.0: 4.0, 4.0: None, 8.0: 0.0}
    assert exponent(doses) == (pytest.approx(2.0), pytest.approx(2.0), pytest.approx(2.0), 3)


def test_two_doses_give_a_slope_without_interval_and_one_gives_none() -> None:
    assert exponent({0.5: 0.25, 1.0: 1.0}) == (pytest.approx(2.0), None, None, 2)
    assert exponent({1.0: 1.0}) == (None, None, None, 1)
    assert exponent({0.0: 0.0}) == (None, None, None, 0)


def test_runs_of_an_unknown_method_have_their_exponent() -> None:
    (row,) = calibrated(cells({"method": None}), quantiles({0.5: 0.25, 1.0: 1.0}, method=None))
    assert (row["exponent"], row["n_doses"]) == (pytest.approx(2.0), 2)


def test_held_out_kl_of_a_run_without_cells_has_no_target() -> None:
    assert heldout(cells(), quantiles({1.0: 0.9})).select("kl_p95", "target_kl").rows() == [(0.9, None)]


def test_cells_without_held_out_kl_have_their_c_star() -> None:
    (row,) = calibrated(cells({"c_star": 7.0}), quantiles({}))
    assert (row["c_star_mean"], row["kl_p95"], row["exponent"], row["n_doses"]) == (7.0, None, None, None)


def test_without_cells_there_is_nothing_to_say() -> None:
    assert calibrated(cells(), quantiles({})) == []


def frame(**facts: Any) -> pl.DataFrame:
    """KL of alpha² at three doses, two cells of different windows."""
    rows = [
        trajectory([alpha**2] * 4, alpha=alpha, prompt=0, cell=f"w{window}", window=window, **facts)
        for window in (4, 8)
        for alpha in (0.5, 1.0, 2.0)
    ]
    return pl.DataFrame(rows).with_columns(fork=pl.lit([0]), pmass=pl.lit([0.9]))


def test_a_window_that_is_given_takes_the_place_of_each_cells_own_and_joins_their_runs() -> None:
    runs = klsurv.scan(frame(), tell=lambda message: None)
    own, given = runs.calibration(), runs.calibration(window=6)
    assert own.select("window", "n_cells", "exponent").rows() == [
        (4, 1, pytest.approx(2.0)),
        (8, 1, pytest.approx(2.0)),
    ]
    assert given.select("window", "n_cells", "kl_p95", "ratio").rows() == [(6, 2, 1.0, 1.0)]
    assert runs.heldout(window=6).get_column("window").to_list() == [6, 6, 6]


def test_cells_that_hold_the_same_trajectories_are_told() -> None:
    told: list[str] = []
    klsurv.scan(frame(), tell=told.append).calibration()
    assert told == [
        "w4 and w8 hold the same 3 trajectories (alpha 0.5, 1.0, 2.0): they are one piece of evidence, not several"
    ]


def test_without_alpha_1_there_is_no_ratio_and_the_exponent_is_of_the_doses_left() -> None:
    runs = klsurv.scan(frame(), alphas=[0.5, 2.0], tell=lambda message: None)
    for row in runs.calibration().to_dicts():
        assert (row["kl_p95"], row["ratio"], row["in_band"]) == (None, None, None)
        assert (row["exponent"], row["n_doses"]) == (pytest.approx(2.0), 2)


def test_the_held_out_p95_of_the_real_cells_is_what_their_producer_wrote(shared: Path) -> None:
    runs = klsurv.scan(shared / "cells", tell=lambda message: None)
    written = {}
    for cell, *run in runs.cells().select("cell", *RUN).rows():
        with (shared / "cells" / cell / "results.csv").open() as file:
            written |= {(*run, float(row["alpha"])): float(row["kl_p95"]) for row in csv.DictReader(file)}
    found = runs.heldout()
    assert found.height == len(written) == 14
    # The producer computes in single precision.
    assert {row[:-1]: row[-1] for row in found.select(*RUN, "alpha", "kl_p95").rows()} == {
        key: pytest.approx(p95, rel=1e-6) for key, p95 in written.items()
    }


def test_a_dose_whose_target_is_beyond_numbers_has_none() -> None:
    rows = [lived.life(alpha=alpha, target_kl=1.0) for alpha in (2.0, 1e200)]
    runs = klsurv.scan(lived.frame(*rows), tell=lambda _: None)
    found = runs.heldout().select("alpha", "target_kl", "ratio").rows()
    assert found == [(2.0, 4.0, pytest.approx(0.025)), (1e200, None, None)]
