"""Quantiles across trajectories, against plain loops."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import numpy as np
import polars as pl
import pytest

from klsurv.exprs.axes import Axes
from klsurv.frames.bands import PERCENTS, kl_bands, pmass_bands, pmass_counts, pmass_lines

WIDE = Axes(width=400, height=100, x_max=100, y_max=1)


def drawn(n: int, seed: int) -> list[dict[str, Any]]:
    rng = np.random.default_rng(seed)
    rows: list[dict[str, Any]] = []
    for _ in range(n):
        length = int(rng.integers(1, 30))
        y = [float(v) if rng.random() > 0.1 else math.nan for v in rng.gamma(1, 1, length)]
        death = int(rng.integers(0, 30)) if rng.random() < 0.5 else None
        rows.append({"length": length, "window": 25, "y": y, "death_t": death})
    return rows


def test_bands_of_kl_are_those_of_a_plain_loop() -> None:
    rows = drawn(17, seed=3)
    schema = {"length": pl.Int64, "window": pl.Int64, "y": pl.List(pl.Float64), "death_t": pl.Int64}
    frame = pl.LazyFrame([{"first": 0, **row} for row in rows], schema={**schema, "first": pl.Int64})
    longest = max((row["length"] for row in rows), default=0)
    found = {row["t"]: row for row in kl_bands(frame, longest=longest, axes=WIDE).collect().to_dicts()}
    for t in range(30):
        present = [row for row in rows if t < row["length"] and t < 25 and math.isfinite(row["y"][t])]
        assert (t in found) == bool(present)
        if present:
            values = [row["y"][t] for row in present]
            for p in PERCENTS:
                assert found[t][f"p{p}"] == pytest.approx(np.percentile(values, p))
            alive = [row["death_t"] is None or t < row["death_t"] for row in present]
            assert (found[t]["n"], found[t]["alive"]) == (len(present), pytest.approx(sum(alive) / len(alive)))


def test_there_are_no_more_tokens_than_two_to_a_pixel() -> None:
    frame = pl.LazyFrame({"length": [1000], "window": [2000], "y": [[1.0] * 1000], "first": [0], "death_t": [None]})
    frame = frame.with_columns(pl.col("death_t").cast(pl.Int64))
    axes = Axes(width=50, height=100, x_max=1000, y_max=1)
    t = kl_bands(frame, longest=1000, axes=axes).collect()["t"].to_list()
    assert t == [*range(32), *range(40, 1000, 10)]


def scored(n: int, seed: int) -> list[dict[str, Any]]:
    rng = np.random.default_rng(seed)
    rows: list[dict[str, Any]] = []
    for i in range(n):
        pmass = [float(v) if rng.random() > 0.2 else None for v in rng.random(4)]
        gen_len = int(rng.integers(0, 12))
        death = next((f for f, p in zip((0, 2, 5, 9), pmass, strict=True) if p is not None and p < 0.3), None)
        row = {"cell": "a", "alpha": float(i % 2), "prompt": i, "gen_len": gen_len, "death_t": death}
        rows.append({**row, "fork": [0, 2, 5, 9], "pmass": pmass})
    return rows


def test_bands_and_lines_of_pmass_are_those_of_a_plain_loop() -> None:
    rows = scored(40, seed=5)
    frame = pl.LazyFrame(rows, infer_schema_length=None)
    want: dict[tuple[float, int], list[float]] = {}
    lines = []
    for line, row in enumerate(rows):
        dies = row["death_t"] is not None and row["death_t"] <= row["gen_len"]
        for fork, pmass in zip(row["fork"], row["pmass"], strict=True):
            if pmass is not None and fork <= row["gen_len"]:
                want.setdefault((row["alpha"], fork), []).append(pmass)
                lines.append((line, "a", row["alpha"], row["prompt"], fork, pmass, dies))
    bands = pmass_bands(frame).collect()
    assert [(row["alpha"], row["t"], row["n"]) for row in bands.to_dicts()] == [
        (*key, len(want[key])) for key in sorted(want)
    ]
    for row in bands.to_dicts():
        for p in PERCENTS:
            assert row[f"p{p}"] == pytest.approx(np.percentile(want[row["alpha"], row["t"]], p))
    assert pmass_lines(frame, most=100).collect().rows() == lines


def test_of_many_lines_of_pmass_some_are_kept_evenly_spaced_and_all_are_counted() -> None:
    frame = pl.LazyFrame(scored(40, seed=5), infer_schema_length=None)
    whole = pmass_lines(frame, most=100).collect()
    for most in (1, 3, 7, 19):
        kept = pmass_lines(frame, most=most).collect()
        for (alpha,), rows in kept.partition_by("alpha", as_dict=True).items():
            lines = whole.filter(alpha=alpha).get_column("line").unique().sort().to_list()
            found = [lines.index(line) for line in rows.get_column("line").unique().sort()]
            assert len(found) == min(most, len(lines))
            gaps = {b - a for a, b in pairwise(found)}
            assert not gaps or max(gaps) - min(gaps) <= 1
            assert rows.equals(whole.filter(pl.col("line").is_in(rows["line"].unique().implode())))
    counts = whole.group_by("alpha").agg(
        n=pl.col("line").n_unique().cast(pl.Int64),
        n_died=pl.col("line").filter("dies").n_unique().cast(pl.Int64),
    )
    assert pmass_counts(frame).collect().sort("alpha").equals(counts.sort("alpha"))


def test_two_of_five_lines_are_the_third_and_the_fifth_and_two_of_two_are_both() -> None:
    plain = {"cell": "a", "gen_len": 5, "death_t": None, "fork": [0], "pmass": [0.9]}
    rows = [{**plain, "alpha": alpha, "prompt": i} for alpha, n in ((0.0, 5), (1.0, 2)) for i in range(n)]
    frame = pl.LazyFrame(rows, schema_overrides={"death_t": pl.Int64})
    kept = pmass_lines(frame, most=2).collect()
    assert kept.select("alpha", "prompt").rows() == [(0.0, 2), (0.0, 4), (1.0, 0), (1.0, 1)]


@pytest.mark.parametrize(("longest", "step"), [(41, 1), (42, 2)])
def test_past_the_early_tokens_a_panel_has_two_rows_per_pixel_at_most(longest: int, step: int) -> None:
    axes = Axes(width=20, height=10, x_max=50, y_max=1)
    frame = pl.LazyFrame({"first": [0], "window": [50], "death_t": [None], "y": [[0.5] * longest]})
    found = kl_bands(frame.cast({"death_t": pl.Int64}), longest=longest, axes=axes).collect()
    assert found["t"].to_list() == [*range(32), *range(32, longest, step)]
