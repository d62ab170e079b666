from __future__ import annotations

import polars as pl

from klsurv.stats.counted import counted

# One row per group, stratum and fork, in no order: g, cell, fork, n_risk, n_events.
ROWS = [
    ("b", 1, 9, 2, 1),
    (None, 0, 0, 7, 0),
    ("a", None, 4, 5, 3),
    ("b", 0, 4, 6, 2),
    ("a", 0, 0, 8, 1),
]
RISK = pl.DataFrame(ROWS, schema=["g", "cell", "fork", "n_risk", "n_events"], orient="row")


def test_each_count_lies_at_its_stratum_group_and_fork_all_sorted_with_nulls_last_and_the_rest_is_0() -> None:
    found = counted(RISK, by=["g"], strata=["cell"])
    assert found.groups.rows() == [("a",), ("b",), (None,)]
    assert found.strata.rows() == [(0,), (1,), (None,)]
    assert found.forks.tolist() == [0, 4, 9]
    assert found.n_risk.tolist() == [
        [[8, 0, 0], [0, 6, 0], [7, 0, 0]],
        [[0, 0, 0], [0, 0, 2], [0, 0, 0]],
        [[0, 5, 0], [0, 0, 0], [0, 0, 0]],
    ]
    assert found.n_events.tolist() == [
        [[1, 0, 0], [0, 2, 0], [0, 0, 0]],
        [[0, 0, 0], [0, 0, 1], [0, 0, 0]],
        [[0, 3, 0], [0, 0, 0], [0, 0, 0]],
    ]


def test_without_strata_all_is_one_and_what_shares_a_place_is_added() -> None:
    found = counted(pl.concat([RISK, RISK.head(1)]), by=["g"])
    assert found.n_risk.tolist() == [[[8, 5, 0], [0, 6, 4], [7, 0, 0]]]
    assert found.n_events.tolist() == [[[1, 3, 0], [0, 2, 2], [0, 0, 0]]]


def test_without_a_row_there_is_one_stratum_without_groups_and_forks() -> None:
    assert counted(RISK.clear(), by=["g"]).n_risk.shape == (1, 0, 0)
