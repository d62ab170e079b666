from __future__ import annotations

import polars as pl
import pytest

from klsurv.exprs.death import alive, at_risk, death, died_within, end, event, measured, running_min

FORK = [0, 4, 9]


def death_of(pmass: list[float | None], *, threshold: float = 0.8) -> int | None:
    frame = pl.DataFrame({"fork": FORK, "pmass": pmass}, schema={"fork": pl.Int64, "pmass": pl.Float64})
    found: int | None = frame.select(death(pl.col("fork"), pl.col("pmass"), threshold=threshold)).item()
    return found


@pytest.mark.parametrize(
    ("pmass", "expected"),
    [
        ([0.9, 0.7, 0.6], 4),
        ([0.7, 0.9, 0.9], 0),
        ([0.9, 0.9, 0.1], 9),
        ([0.9, 0.9, 0.9], None),
    ],
)
def test_death_is_the_first_fork_below_the_threshold(pmass: list[float | None], expected: int | None) -> None:
    assert death_of(pmass) == expected


def test_a_pmass_at_the_threshold_does_not_kill() -> None:
    assert death_of([0.8, 0.8, 0.8]) is None


@pytest.mark.parametrize(
    ("pmass", "expected"), [([None, 0.9, None], None), ([None, None, None], None), ([None, None, 0.1], 9)]
)
def test_a_missing_pmass_never_kills(pmass: list[float | None], expected: int | None) -> None:
    assert death_of(pmass) == expected


def test_without_forks_there_is_no_death() -> None:
    frame = pl.DataFrame(schema={"fork": pl.Int64, "pmass": pl.Float64})
    assert frame.select(death(pl.col("fork"), pl.col("pmass"), threshold=0.8)).item() is None


def test_each_group_dies_its_own_death() -> None:
    frame = pl.DataFrame({"row": [0, 0, 1, 1], "fork": [0, 4, 0, 4], "pmass": [0.9, 0.1, 0.9, 0.9]})
    found = frame.group_by("row", maintain_order=True).agg(death(pl.col("fork"), pl.col("pmass"), threshold=0.8))
    assert found.get_column("fork").to_list() == [4, None]


@pytest.mark.parametrize(
    ("pmass", "expected"),
    [
        ([0.9, 0.5, 0.7], [0.9, 0.5, 0.5]),
        ([0.9, None, 0.7], [0.9, 0.9, 0.7]),
        ([None, 0.7, None], [None, 0.7, 0.7]),
        ([None, None], [None, None]),
        ([], []),
    ],
)
def test_the_running_minimum_never_rises_and_is_carried_over_what_is_missing(
    pmass: list[float | None], expected: list[float | None]
) -> None:
    frame = pl.DataFrame({"pmass": [pmass]}, schema={"pmass": pl.List(pl.Float64)})
    assert frame.select(pl.col("pmass").list.eval(running_min(pl.element()))).item().to_list() == expected


def test_the_running_minimum_over_a_group_starts_afresh() -> None:
    frame = pl.DataFrame({"row": [0, 0, 1, 1], "pmass": [0.2, 0.9, None, 0.6]})
    found = frame.select(running_min(pl.col("pmass")).over("row")).to_series()
    assert found.to_list() == [0.2, 0.2, None, 0.6]


def test_alive_is_at_or_above_the_threshold_or_not_measured_yet() -> None:
    frame = pl.DataFrame({"pmass_min": [None, 0.9, 0.8, 0.79]})
    found = frame.select(alive(pl.col("pmass_min"), threshold=0.8)).to_series()
    assert found.to_list() == [True, True, True, False]


def test_a_rollout_shorter_than_the_window_ended_itself() -> None:
    frame = pl.DataFrame({"gen_len": [0, 9, 10, 11], "window": [10, 10, 10, 10]})
    found = frame.select(end(pl.col("gen_len"), pl.col("window"))).to_series()
    assert found.to_list() == ["eos", "eos", "window", "window"]


def test_death_at_the_last_token_is_within_and_no_death_is_not() -> None:
    frame = pl.DataFrame({"death_t": [3, 4, 5, None], "last": [4, 4, 4, 4]})
    found = frame.select(died_within(pl.col("death_t"), pl.col("last"))).to_series()
    assert found.to_list() == [True, True, False, False]


@pytest.mark.parametrize(
    ("fork", "pmass", "gen_len", "death_t", "expected"),
    [
        pytest.param(4, 0.9, 4, None, True, id="generated just as far as the fork"),
        pytest.param(5, 0.9, 4, None, False, id="the fork lies past the end"),
        pytest.param(4, None, 9, None, False, id="not measured there"),
        pytest.param(4, 0.1, 9, 4, True, id="at risk at the fork of its death"),
        pytest.param(5, 0.9, 9, 4, False, id="dead before"),
        pytest.param(3, 0.9, 9, 4, True, id="before its death"),
        pytest.param(0, 0.9, 0, None, True, id="nothing generated, at fork 0"),
    ],
)
def test_who_is_at_risk_at_a_fork(
    fork: int, pmass: float | None, gen_len: int, death_t: int | None, expected: bool
) -> None:
    frame = pl.DataFrame(
        {"fork": [fork], "pmass": [pmass], "gen_len": [gen_len], "death_t": [death_t]},
        schema={"fork": pl.Int64, "pmass": pl.Float64, "gen_len": pl.Int64, "death_t": pl.Int64},
    )
    found = frame.select(
        at_risk(pl.col("fork"), pl.col("pmass"), gen_len=pl.col("gen_len"), death_t=pl.col("death_t"))
    ).item()
    assert found is expected


def test_an_event_is_a_death_at_a_fork_that_was_reached() -> None:
    rows = pl.DataFrame({"death_t": [None, 0, 3, 4, 5], "gen_len": [4] * 5})
    assert rows.select(event()).to_series().to_list() == [False, True, True, True, False]


def test_a_trajectory_is_measured_if_pmass_is_known_at_a_fork_that_it_reached() -> None:
    rows: list[tuple[int, list[int], list[float | None]]] = [
        (8, [0, 4, 9], [None, 0.9, None]),
        (4, [0, 4, 9], [None, 0.9, None]),
        (3, [0, 4, 9], [None, 0.9, None]),
        (8, [0, 4, 9], [None, None, 0.9]),
        (8, [0, 4, 9], [None, None, None]),
        (8, [], []),
    ]
    schema = {"gen_len": pl.Int64, "fork": pl.List(pl.Int64), "pmass": pl.List(pl.Float64)}
    found = pl.DataFrame(rows, schema=schema, orient="row").select(measured()).to_series()
    assert found.to_list() == [True, True, False, False, False, False]
