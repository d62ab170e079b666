from __future__ import annotations

import math
from types import ModuleType
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from klsurv.frames.history import before_fork, covariates, intervals, lags
from klsurv.params import Scoring
from tests.frames.drawn import INF, NAN, PROPERTY, rows
from tests.frames.plain import Floats, measured, scale, smoothed
from tests.frames.source import Row, scored, trajectory

ROLLS = st.sampled_from([0, 1, 2, 3, 4, 5, 9, 65])
CALIB = st.sampled_from([1, 2, 4, 20])
# Most live on for several forks, and most KL is finite.
STEERED = rows(alphas=(1.0, 0.5), kl=(0.02, 0.4, 1.0, 3.0, 25.0, 0.0, NAN, INF), pmass=(0.9,) * 8 + (0.1, None))


def at_risk(*made: Row, keep: tuple[str, ...] = ("prompt",)) -> pl.DataFrame:
    """Rows at risk, with the KL inside the length beside each."""
    lives = scored(*made).collect()
    found = intervals(lives.lazy(), keep=keep).collect()
    return found.join(lives.with_row_index("row").select("row", "kl"), on="row", maintain_order="left")


def before(made: list[Row], fork: int, n_lags: int, scoring: Scoring) -> dict[tuple[int, int], tuple[float, float]]:
    """(row, lag) → (raw, relative)."""
    at_fork = at_risk(*made).lazy().filter(pl.col("fork") == fork)
    kl = before_fork(at_fork, fork=fork, n_lags=n_lags, scoring=scoring)
    rows = set(at_fork.collect_schema().names()) - {"kl"}
    assert set(kl.collect_schema().names()) == rows | {"raw", "early"}
    found = lags(kl, fork=fork, n_lags=n_lags, scoring=scoring).collect()
    assert set(found.columns) == rows | {"raw", "lag", "relative"}
    return {
        (row, lag): (raw, relative) for row, lag, raw, relative in found.select("row", "lag", "raw", "relative").rows()
    }


def known(*made: Row, scoring: Scoring) -> list[Row]:
    at_fork = at_risk(*made)
    found = covariates(at_fork.lazy(), scoring=scoring).collect()
    assert set(found.columns) == set(at_fork.columns) - {"kl"} | {"early_kl", "spike"}
    return found.to_dicts()


def near(value: float | None) -> Any:
    """As far as finite values go; what is not finite must be so on either side."""
    return None if value is None else pytest.approx(value, rel=1e-9, abs=1e-12, nan_ok=True)


def finite(value: float | None) -> float | None:
    return NAN if value is not None and not math.isfinite(value) else value


def lived(n: int, forks: list[int], dies: int | None = None, **rest: Any) -> Row:
    kl = [0.1 + 0.01 * (t * t % 7) for t in range(n)]
    return trajectory(kl, fork=forks, pmass=[0.1 if fork == dies else 0.9 for fork in forks], **rest)


def test_each_fork_at_risk_knows_the_two_measured_before_it() -> None:
    made = trajectory([0.1] * 9, fork=[0, 2, 4, 6, 9], pmass=[0.9, None, 0.9, 0.9, 0.1])
    found = at_risk(made)
    assert found.select("fork", "prev", "prev2", "event", "censored").rows() == [
        (0, None, None, False, False),
        (4, 0, None, False, False),
        (6, 4, 0, False, False),
        (9, 6, 4, True, False),
    ]


def test_forks_before_are_those_of_the_same_trajectory() -> None:
    found = at_risk(lived(9, [0, 3, 5]), lived(9, [1, 4], dies=4), lived(2, [0, 2, 4]))
    assert found.select("row", "fork", "prev", "prev2").rows() == [
        (0, 0, None, None),
        (0, 3, 0, None),
        (0, 5, 3, 0),
        (1, 1, None, None),
        (1, 4, 1, None),
        (2, 0, None, None),
        (2, 2, 0, None),
    ]
    assert found.filter("event").select("row", "fork").rows() == [(1, 4)]
    assert found.filter("censored").select("row", "fork").rows() == [(0, 5), (2, 2)]


def test_alpha_0_is_left_out_and_the_index_of_the_others_is_still_theirs() -> None:
    made = [lived(5, [0, 3], alpha=alpha) for alpha in (0.0, 2.0, 0.0, -1.0)]
    found = at_risk(*made)
    assert found.select("row", "alpha", "fork").rows() == [(1, 2.0, 0), (1, 2.0, 3), (3, -1.0, 0), (3, -1.0, 3)]


def test_columns_are_kept_once_and_alpha_always() -> None:
    found = at_risk(lived(5, [0], method="pca"), keep=("method", "alpha", "prompt", "method"))
    assert found.select("method", "alpha", "prompt", "fork").rows() == [("pca", 1.0, 0, 0)]


def test_without_a_steered_trajectory_there_are_no_intervals() -> None:
    assert at_risk(lived(5, [0, 3], alpha=0.0)).is_empty()
    assert at_risk().is_empty()


@PROPERTY
@given(made=rows(alphas=(0.0, 1.0, -2.0)))
def test_intervals_are_the_forks_at_risk_of_the_steered(made: list[Row]) -> None:
    expected = [
        (i, fork, *([None, None, *measured(row)][k : k + 2][::-1]))
        for i, row in enumerate(made)
        if row["alpha"] != 0
        for k, fork in enumerate(measured(row))
    ]
    assert at_risk(*made).select("row", "fork", "prev", "prev2").rows() == expected


@PROPERTY
@given(made=STEERED, roll=ROLLS, calib_tokens=CALIB, n_lags=st.sampled_from([1, 2, 5, 40]))
def test_lags_are_r2_and_r3_of_the_kl_cut_at_the_fork(
    made: list[Row], roll: int, calib_tokens: int, n_lags: int
) -> None:
    scoring = Scoring(roll=roll, calib_tokens=calib_tokens)
    for fork in sorted({fork for row in made for fork in row["fork"]}):
        expected = {}
        for i, row in enumerate(made):
            kl = row["kl"][: row["gen_len"]]
            if fork not in measured(row) or len(kl) < fork:
                continue
            curve = smoothed(kl[:fork], roll)
            own = scale(curve, calib_tokens)
            for t in range(max(0, fork - n_lags), fork):
                expected[i, t - fork] = (finite(curve[t]), None if own is None else finite(curve[t] / own))
        found = before(made, fork, n_lags, scoring)
        assert {key: tuple(map(finite, both)) for key, both in found.items()} == {
            key: tuple(map(near, both)) for key, both in expected.items()
        }


@PROPERTY
@given(made=STEERED, other=STEERED, roll=ROLLS, calib_tokens=CALIB)
def test_no_token_at_or_after_the_fork_enters_a_lag(
    made: list[Row], other: list[Row], roll: int, calib_tokens: int
) -> None:
    scoring = Scoring(roll=roll, calib_tokens=calib_tokens)
    for fork in sorted({fork for row in made for fork in row["fork"]}):
        # As long as before, at least up to the fork, and of other values from the fork on.
        changed = [
            {
                **row,
                "kl": row["kl"][:fork] + [x * 7 + 1 for x in (one["kl"] + [2.0] * 20)[: max(len(row["kl"]) - fork, 0)]],
            }
            for row, one in zip(made, other * len(made), strict=False)
        ]
        found, again = before(made, fork, 4, scoring), before(changed, fork, 4, scoring)
        assert str(found) == str(again)


@pytest.mark.parametrize("roll", [1, 2, 3, 8, 9])
def test_lags_are_those_of_the_oracle_on_the_kl_that_was_known(oracle: ModuleType, roll: int) -> None:
    rng = np.random.default_rng(roll)
    kl = rng.exponential(size=40)
    kl[[3, 17]] = NAN
    made = trajectory(kl.tolist(), fork=[0, 7, 25, 40], pmass=[0.9, 0.9, 0.9, 0.1])
    for fork in (7, 25, 40):
        curve = oracle.smooth(kl[:fork], roll)
        own = oracle.scale_of(curve, 20)
        found = before([made], fork, 12, Scoring(roll=roll))
        assert sorted(lag for _, lag in found) == list(range(-min(12, fork), 0))
        for (_, lag), (raw, relative) in found.items():
            assert (raw, relative) == (near(curve[lag]), near(curve[lag] / own))


def test_a_spike_at_the_fork_itself_is_not_known_and_one_before_it_is() -> None:
    calm = [0.1] * 20
    at_fork, just_before = calm.copy(), calm.copy()
    at_fork[10], just_before[9] = 50.0, 50.0
    for kl, highest in ((at_fork, 0.1), (just_before, 50.0)):
        found = before([trajectory(kl, fork=[10], pmass=[0.1])], 10, 3, Scoring(roll=1))
        assert max(raw for raw, _ in found.values()) == highest


def test_a_fork_that_ends_the_generation_has_all_its_lags() -> None:
    found = before([lived(6, [6])], 6, 4, Scoring(roll=1))
    assert [raw for raw, _ in found.values()] == pytest.approx([0.14, 0.12, 0.12, 0.14])
    assert sorted(found) == [(0, -4), (0, -3), (0, -2), (0, -1)]


def test_before_fork_0_nothing_is_known() -> None:
    assert before([lived(6, [0]), lived(0, [0])], 0, 4, Scoring()) == {}


def test_a_trajectory_whose_kl_is_shorter_than_the_fork_has_no_lags_there() -> None:
    made = [lived(6, [5]), lived(4, [5], gen_len=6), lived(5, [5], gen_len=6)]
    assert {row for row, _ in before(made, 5, 2, Scoring(roll=1))} == {0, 2}


def test_lags_without_a_scale_are_in_nats_alone() -> None:
    made = trajectory([0.0] * 4 + [9.0] * 4, fork=[8], pmass=[0.9])
    assert before([made], 8, 2, Scoring(roll=1, calib_tokens=4)) == {(0, -2): (9.0, None), (0, -1): (9.0, None)}


def test_covariates_are_of_the_interval_before_and_end_where_the_interval_begins() -> None:
    made = trajectory([1.0, 3.0, 2.0, 8.0, 5.0, 100.0, 4.0, 4.0], fork=[0, 2, 5, 8], pmass=[0.9, 0.9, 0.9, 0.1])
    found = known(made, scoring=Scoring(roll=1, calib_tokens=2))
    assert [row["fork"] for row in found] == [5, 8]
    first, second = found
    # At token 2 tokens 0 and 1 are known; the interval before is theirs.
    assert (first["prev2"], first["prev"], first["early_kl"]) == (0, 2, 2.0)
    assert first["spike"] == pytest.approx(3.0 / 2.9)
    # At token 5 the spike at token 5 is not known.
    assert (second["prev2"], second["prev"], second["early_kl"]) == (2, 5, 2.0)
    assert second["spike"] == pytest.approx(8.0 / 2.9)


@pytest.mark.parametrize("roll", [3, 4])
def test_the_own_scale_is_of_the_kl_that_was_known_when_the_interval_began(roll: int) -> None:
    # Smoothing reaches from the first four tokens over the fifth, which is not there at token 4.
    calm, spike = ([1.0] * 4 + [later] * 4 for later in (1.0, 100.0))
    for kl in (calm, spike):
        row, _ = known(trajectory(kl, fork=[0, 4, 7, 8], pmass=[0.9] * 4), scoring=Scoring(roll=roll, calib_tokens=4))
        assert (row["fork"], row["prev"], row["spike"]) == (7, 4, 1.0)


def test_intervals_that_began_before_the_first_tokens_were_there_are_left_out() -> None:
    made = lived(20, [0, 2, 5, 9, 14])
    forks = {
        tokens: [row["fork"] for row in known(made, scoring=Scoring(calib_tokens=tokens))] for tokens in (1, 5, 6, 10)
    }
    assert forks == {1: [5, 9, 14], 5: [9, 14], 6: [14], 10: []}


def test_without_two_forks_before_it_a_fork_has_no_covariates() -> None:
    assert known(lived(9, [5, 9]), lived(9, [9]), scoring=Scoring(calib_tokens=1)) == []


@pytest.mark.parametrize(
    ("kl", "early", "spike"),
    [
        pytest.param([NAN, 2.0, NAN, 6.0, 1.0], 2.0, 3.0, id="finite values only"),
        pytest.param([INF, 2.0, -INF, 6.0, 1.0], 2.0, 3.0, id="infinity is none"),
        pytest.param([2.0, 2.0, NAN, INF, 1.0], 2.0, None, id="nothing finite in the interval"),
        pytest.param([NAN, NAN, 5.0, 6.0, 1.0], None, None, id="nothing finite early"),
        pytest.param([0.0, 0.0, 5.0, 6.0, 1.0], 0.0, None, id="no scale"),
        pytest.param([2.0, 2.0], 2.0, None, id="KL ends before the interval"),
        pytest.param([2.0, 2.0, 8.0], 2.0, 4.0, id="KL ends inside the interval"),
        pytest.param([], None, None, id="no KL"),
    ],
)
def test_covariates_are_of_finite_values_and_null_where_there_are_none(
    kl: Floats, early: float | None, spike: float | None
) -> None:
    made = trajectory(kl, gen_len=5, fork=[2, 4, 5], pmass=[0.9, 0.9, 0.9])
    (row,) = known(made, scoring=Scoring(roll=1, calib_tokens=2))
    assert (row["early_kl"], row["spike"]) == (early, spike)


@PROPERTY
@given(made=STEERED, roll=ROLLS, calib_tokens=st.sampled_from([1, 2, 4]))
def test_covariates_are_what_a_loop_finds(made: list[Row], roll: int, calib_tokens: int) -> None:
    expected = []
    for i, row in enumerate(made):
        kl, forks = row["kl"][: row["gen_len"]], measured(row)
        for prev2, prev, fork in zip(forks, forks[1:], forks[2:], strict=False):
            if prev < calib_tokens:
                continue
            early = [x for x in kl[:calib_tokens] if math.isfinite(x)]
            interval = [x for x in kl[prev2:prev] if math.isfinite(x)]
            own = scale(smoothed(kl[:prev], roll), calib_tokens)
            mean = math.fsum(early) / len(early) if early else None
            expected.append((i, fork, near(mean), near(max(interval) / own) if interval and own else None))
    found = known(*made, scoring=Scoring(roll=roll, calib_tokens=calib_tokens))
    assert [(row["row"], row["fork"], row["early_kl"], row["spike"]) for row in found] == expected


@PROPERTY
@given(
    made=STEERED,
    roll=ROLLS,
    calib_tokens=st.sampled_from([1, 2, 4]),
    later=st.sampled_from([0.0, 7.0, NAN, INF]),
)
def test_no_token_at_or_after_the_beginning_of_the_interval_enters_a_covariate(
    made: list[Row], roll: int, calib_tokens: int, later: float
) -> None:
    scoring = Scoring(roll=roll, calib_tokens=calib_tokens)
    found = known(*made, scoring=scoring)
    for row in found:
        one = made[row["row"]]
        kept = one["kl"][: row["prev"]]
        changed = {**one, "kl": kept + [later] * (len(one["kl"]) - len(kept))}
        (again,) = (new for new in known(changed, scoring=scoring) if new["fork"] == row["fork"])
        assert [again[name] for name in ("early_kl", "spike")] == [row[name] for name in ("early_kl", "spike")]
