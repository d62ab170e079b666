from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from klsurv.frames.grids import brackets, mixed
from klsurv.frames.risk import risk
from klsurv.inference import Interval
from klsurv.stats import survival as surviving


def test_where_a_death_lies_is_told_by_its_own_group_of_brackets() -> None:
    # One died in (0, 10]; another was looked at at 5, and lived on: no one saw the first at 5.
    counts = pl.DataFrame(
        {"fork": [0, 5, 10, 20], "n_risk": [2, 1, 1, 1], "n_events": [0, 0, 1, 0], "n_censored": [0, 0, 0, 1]}
    )
    bounds = pl.DataFrame({"left": [0, 20], "right": [10, None], "n": [1, 1]})
    table = surviving.survival(
        counts.with_columns(g=0), by=["g"], interval=Interval(), brackets=bounds.with_columns(g=0)
    )
    means = surviving.lifetimes(table, by=["g"], tau_at=20)
    assert means.select("median", "median_left", "rmst", "rmst_left").rows() == [(10, 0, 15.0, 10.0)]


def test_one_that_was_never_alive_died_at_the_start() -> None:
    counts = pl.DataFrame({"fork": [0, 5], "n_risk": [2, 1], "n_events": [1, 1], "n_censored": [0, 0]})
    bounds = pl.DataFrame({"left": [-1, 0], "right": [0, 5], "n": [1, 1]})
    table = surviving.survival(
        counts.with_columns(g=0), by=["g"], interval=Interval(), brackets=bounds.with_columns(g=0)
    )
    means = surviving.lifetimes(table, by=["g"])
    assert means.select("median", "median_left", "rmst", "rmst_left").rows() == [(0, 0, 2.5, 0.0)]


def test_on_one_grid_it_is_kaplan_meier_at_the_forks() -> None:
    rng = np.random.default_rng(6)
    rows = []
    for group in range(60):
        grid = np.unique(rng.integers(0, 50, rng.integers(1, 12))).tolist()
        for _ in range(rng.integers(1, 60)):
            dies = rng.random() < 0.6
            rows.append(
                {
                    "group": group,
                    "gen_len": int(rng.integers(grid[0], 60)),
                    "death_t": int(rng.choice(grid)) if dies else None,
                    "fork": grid,
                    "pmass": [0.9] * len(grid),
                }
            )
    lives = pl.LazyFrame(rows, schema_overrides={"death_t": pl.Int64})
    assert mixed(lives, by=["group"]).collect().is_empty()

    counts, bounds = risk(lives, by=["group"]).collect(), brackets(lives, by=["group"]).collect()
    kaplan_meier = surviving.survival(counts, by=["group"], interval=Interval())
    npmle = surviving.survival(counts, by=["group"], interval=Interval(), brackets=bounds)
    assert kaplan_meier.get_column("n_events").sum() > 300
    assert npmle.get_column("estimator").unique().to_list() == ["turnbull"]
    assert npmle.select("group", "fork").equals(kaplan_meier.select("group", "fork"))
    for column in ("survival", "hazard"):
        assert npmle.get_column(column).to_numpy() == pytest.approx(
            kaplan_meier.get_column(column).to_numpy(), abs=1e-9
        )
    assert npmle.select("std_error", "ci_low", "ci_high").null_count().row(0) == (npmle.height,) * 3


def test_a_group_that_mixes_grids_is_estimated_beside_those_that_do_not() -> None:
    def life(method: str | None, fork: list[int], death: int | None, gen_len: int = 20) -> dict[str, object]:
        return {"method": method, "gen_len": gen_len, "death_t": death, "fork": fork, "pmass": [0.9] * len(fork)}

    rows = [
        # Two grids, and no name: one died in (0, 10], one in (5, 10], one in (10, 20], one lives at 20.
        life(None, [0, 10, 20], 10),
        life(None, [0, 5, 10, 20], 10),
        life(None, [0, 10, 20], 20),
        life(None, [0, 5, 10, 20], None),
        life("pca", [0, 10], 10),
        life("pca", [0, 10], None),
    ]
    lives = pl.LazyFrame(rows, schema_overrides={"death_t": pl.Int64})
    apart = mixed(lives, by=["method"]).collect()
    assert apart.rows() == [(None,)]
    bounds = brackets(lives.filter(pl.col("method").is_null()), by=["method"]).collect()
    assert bounds.rows() == [(None, 0, 10, 1), (None, 5, 10, 1), (None, 10, 20, 1), (None, 20, None, 1)]
    table = surviving.survival(
        risk(lives, by=["method"]).collect(), by=["method"], interval=Interval(), brackets=bounds
    )
    assert table.select("method", "fork", "n_risk", "n_events", "estimator").rows() == [
        ("pca", 0, 2, 0, "kaplan-meier"),
        ("pca", 10, 2, 1, "kaplan-meier"),
        (None, 0, 4, 0, "turnbull"),
        (None, 5, 2, 0, "turnbull"),
        (None, 10, 4, 2, "turnbull"),
        (None, 20, 2, 1, "turnbull"),
    ]
    assert table.get_column("survival").to_list() == pytest.approx([1, 0.5, 1, 1, 0.5, 0.25], abs=1e-9)
    assert table.get_column("hazard").to_list() == pytest.approx([0, 0.5, 0, 0, 0.5, 0.5], abs=1e-9)
    assert table.get_column("std_error").is_null().to_list() == [False, False, True, True, True, True]
    means = surviving.lifetimes(table, by=["method"])
    assert means.select("method", "median", "median_left", "median_low", "tau").rows() == [
        ("pca", 10, 0, 0, 10),
        (None, 10, 5, None, 10),
    ]
    assert means.get_column("rmst").to_list() == pytest.approx([10, 10], abs=1e-8)
    assert means.get_column("rmst_left").to_list() == pytest.approx([5, 7.5], abs=1e-8)
    assert means.get_column("rmst_error").to_list() == [0.0, None]


def test_where_no_one_died_survival_is_1_at_every_fork() -> None:
    counts = pl.DataFrame({"g": [0, 0], "fork": [0, 5], "n_risk": [3, 2], "n_events": [0, 0], "n_censored": [1, 2]})
    bounds = pl.DataFrame({"g": [0, 0], "left": [0, 5], "right": [None, None], "n": [1, 2]})
    table = surviving.survival(counts, by=["g"], interval=Interval(), brackets=bounds)
    assert table.select("survival", "hazard", "estimator").rows() == [(1.0, 0.0, "turnbull")] * 2


def test_once_all_have_died_no_one_dies_any_more() -> None:
    counts = pl.DataFrame({"g": 0, "fork": [0, 5, 9], "n_risk": [2, 2, 1], "n_events": [0, 1, 1], "n_censored": 0})
    bounds = pl.DataFrame({"g": [0], "left": [0], "right": [5], "n": [2]})
    table = surviving.survival(counts, by=["g"], interval=Interval(), brackets=bounds)
    assert table.select("survival", "hazard").rows() == [(1.0, 0.0), (0.0, 1.0), (0.0, 0.0)]
