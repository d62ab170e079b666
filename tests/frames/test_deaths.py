"""How each trajectory ended."""

from __future__ import annotations

import polars as pl

from klsurv.frames.deaths import deaths


def test_a_death_after_the_end_is_none_and_the_rest_ended_or_run_on() -> None:
    frame = pl.LazyFrame(
        {
            "cell": ["a"] * 5,
            "alpha": [1.0] * 5,
            "prompt": range(5),
            "gen_len": [8, 3, 8, 3, 4],
            "death_t": [2, 4, None, None, 4],
            "end": ["window", "eos", "window", "eos", "eos"],
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
