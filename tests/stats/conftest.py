"""What the tests against other packages look at: 500 random data sets, made once."""

from __future__ import annotations

import polars as pl
import pytest

from klsurv.frames.risk import risk
from tests.stats.compared import BY
from tests.stats.drawn import DataSet, data_sets, trajectories


@pytest.fixture(scope="session")
def sets() -> list[DataSet]:
    return data_sets()


@pytest.fixture(scope="session")
def risks(sets: list[DataSet]) -> pl.DataFrame:
    """One risk table of all data sets and their groups."""
    return risk(trajectories(sets), by=BY).collect()
