"""How each trajectory ended."""

from __future__ import annotations

import polars as pl
import pytest

from klsurv.frames.deaths import deaths
from klsurv.frames.event import observe
from klsurv.params import Event
from tests.frames.source import scored, trajectory


def test_a_death_after_the_end_is_none_and_the_rest_ended_or_run_on() -> None:
    frame = pl.LazyFrame(
        {
            "cell": ["a"] * 5,
            "alpha": [1.0] * 5,
            "prompt": range(5),
            "gen_len": [8, 3, 8, 3, 4],
            "death_t": [2, 4, None, None, 4],
            "end": ["window", "eos", "window", "eos", "eos"],
            "fork": [[2]] * 5,
            "pmass": [[0.9]] * 5,
        }
    )
    found = deaths(frame).collect()
    assert found.columns == ["cell", "alpha", "prompt", "outcome", "t"]
    assert found.rows() == [
        ("a", 1.0, 0, "died", 2),
        ("a", 1.0, 1, "eos", 3),
        ("a", 1.0, 2, "running", 8),
        ("a", 1.0, 3, "eos", 3),
        ("a", 1.0, 4, "died", 4),
    ]


@pytest.mark.parametrize("end", ["window", "eos"])
def test_who_was_not_measured_at_a_fork_that_it_reached_neither_died_nor_lived(end: str) -> None:
    window = 3 if end == "window" else 4
    lives = scored(
        trajectory([0.1] * 3, fork=[0, 9], pmass=[None, 0.9], window=window),
        trajectory([0.1] * 3, fork=[0, 2], pmass=[None, 0.9], window=window),
        trajectory([0.1] * 3, window=window),
    )
    known = "eos" if end == "eos" else "running"
    assert deaths(lives).collect().get_column("outcome").to_list() == ["unmeasured", known, "unmeasured"]


def test_with_the_event_kl_it_is_kl_that_must_have_been_measured() -> None:
    lives = scored(trajectory([float("nan")] * 3), trajectory([0.1] * 3))
    found = deaths(observe(lives, event=Event(event="kl"))).collect()
    assert found.get_column("outcome").to_list() == ["unmeasured", "eos"]
