"""Parameters of a wrong kind are told of by name."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import numpy as np
import polars as pl
import pytest

import klsurv
from klsurv.errors import ParameterError
from klsurv.params import Scoring
from tests.analysis.lived import frame, life
from tests.generated import quietly

RUNS = frame(life(3), life(None, prompt=1))


@pytest.mark.parametrize(
    ("ask", "told"),
    [
        (lambda: klsurv.scan(RUNS, alphas=1), "alphas must be a list of numbers, not 1"),
        (lambda: klsurv.scan(RUNS, alphas="1,2"), "alphas must be a list of numbers, not '1,2'"),
        (lambda: klsurv.scan(RUNS, alphas=["1"]), "each of alphas must be a number, not '1'"),
        (lambda: klsurv.scan(RUNS, where=pl.col("seed") == 1), "where must be SQL, such as"),
        (lambda: klsurv.scan(RUNS, where="method = pca"), r"no column pca; .*\(text is in quotes"),
        (lambda: quietly(RUNS).summary(threshold="0.3"), "threshold must be a number, not '0.3'"),
        (lambda: quietly(RUNS).summary(threshold=None), "threshold must be a number, not None"),
        (lambda: quietly(RUNS).summary(roll=9.5), "roll must be a whole number, not 9.5"),
        (lambda: quietly(RUNS).summary(roll=True), "roll must be a number, not True"),
        (lambda: quietly(RUNS).summary(by=None), "by must name columns, not be None"),
        (lambda: quietly(RUNS).summary(by=[1]), r"by must name columns, not be \[1\]"),
        (lambda: quietly(RUNS).compare(at_alpha="1"), "at_alpha must be a number, not '1'"),
        (lambda: quietly(RUNS).compare(tau=1.5), "tau must be a whole number, not 1.5"),
        (lambda: quietly(RUNS).compare(bootstrap="x"), "bootstrap must be a number, not 'x'"),
        (lambda: quietly(RUNS).compare(stratify=3), "stratify must name columns, not be 3"),
        (lambda: quietly(RUNS).compare(stratify="foo"), "stratify cannot be 'foo': choose from cell"),
        (lambda: quietly(RUNS).study(lags=8.5), "lags must be a whole number, not 8.5"),
        (lambda: quietly(RUNS).landmark(landmarks=[20.5]), "each of landmarks must be a whole number, not 20.5"),
        (lambda: quietly(RUNS).landmark(landmarks=20), "landmarks must be a list of tokens, not 20"),
        (lambda: quietly(RUNS).landmark(landmarks="20"), "landmarks must be a list of tokens, not '20'"),
        (lambda: quietly(RUNS).landmark(landmarks=[]), "landmarks must name at least one token"),
        (lambda: quietly(RUNS).summary(normalize_kl="no"), "normalize_kl must be True or False, not 'no'"),
        (lambda: quietly(RUNS).summary(normalize_kl=np.array([1, 2])), "normalize_kl must be True or False, not array"),
        (lambda: quietly(RUNS).summary(roll=10**400), "roll must be a number, not 1000"),
        (lambda: quietly(RUNS).compare(tau=10**400), "tau must be a number, not 1000"),
        (lambda: klsurv.scan(RUNS, model_contains=None), "model_contains must be text, not None"),
        (lambda: quietly(RUNS).story("pca_0", "1.0", 0), "alpha must be a number, not '1.0'"),
        (lambda: quietly(RUNS).story("pca_0", 1.0, "0"), "prompt must be a number, not '0'"),
        (lambda: quietly(RUNS).generation(0, 1.0, 0), "cell must be a name, not 0"),
        (lambda: quietly(RUNS).survival(level="x"), "level must be a number, not 'x'"),
        (lambda: quietly(RUNS).plot.spaghetti(columns=2.5), "columns must be a whole number, not 2.5"),
        (lambda: quietly(RUNS).plot.quantiles(kl_log="no"), "kl_log must be True or False, not 'no'"),
        (lambda: quietly(RUNS).survival(event=np.array(["kl", "kl"])), "event must be one of pmass, kl, not array"),
        (lambda: quietly(RUNS).survival(ci=pl.Series([1])), "ci must be one of log-log, log, plain, not shape"),
        (lambda: quietly(RUNS).compare(test=np.array([1, 2])), "test must be one of logrank, .*, not array"),
        (lambda: klsurv.scan("runs", metric=np.array([1, 2])), "metric must be one of pmass_eval, pmass, not array"),
        (lambda: klsurv.scan(RUNS, strict="no"), "strict must be True or False, not 'no'"),
        (lambda: klsurv.scan(RUNS, executor="threads"), "executor must be a .*Executor, not 'threads'"),
        (lambda: klsurv.scan(RUNS, executor=ThreadPoolExecutor), "executor must be a .*Executor, not <class"),
        (lambda: klsurv.update_store("runs", "store", executor=[]), r"executor must be a .*Executor, not \[\]"),
        (lambda: klsurv.update_store("runs", "store", workers="2"), "workers must be a number, not '2'"),
        (lambda: klsurv.update_store("runs", "store", workers=0), "workers must be 1 or more, not 0"),
        (lambda: klsurv.update_store("runs", "store", prune="no"), "prune must be True or False, not 'no'"),
        (lambda: klsurv.update_store(None, "store"), "expected the path of a file or directory, not None"),
        (lambda: klsurv.update_store("runs", b"store"), "expected the path of a file or directory, not b'store'"),
        (lambda: klsurv.update_store("runs", "a\0b"), r"expected the path of a file or directory, not 'a\\x00b'"),
        (lambda: klsurv.scan("a\0b").summary(), r"expected the path of a file or directory, not 'a\\x00b'"),
        (lambda: klsurv.convert("runs", "long.parquet", force="no"), "force must be True or False, not 'no'"),
    ],
)
def test_what_is_no_number_or_no_name_is_told_with_its_parameter(ask: Callable[[], Any], told: str) -> None:
    with pytest.raises(ParameterError, match=told):
        ask()


def test_numbers_of_numpy_and_whole_ones_with_a_point_are_numbers() -> None:
    want = Scoring(threshold=0.5, roll=9, window=4)
    assert Scoring(threshold=np.float64(0.5), roll=np.int64(9), window=np.int32(4)) == want
    assert Scoring(threshold=Decimal("0.5"), roll=9.0, window=np.array(4.0), normalize_kl=np.bool_(True)) == want
    assert klsurv.scan(RUNS, alphas=np.array([1.0])).alphas == [1.0]
    runs = quietly(RUNS)
    assert runs.story("pca_0", np.float64(1), np.int64(1)).equals(runs.story("pca_0", 1, 1.0))


def test_a_level_next_to_1_has_intervals_as_wide_as_floats_can_tell() -> None:
    runs = quietly(frame(*(life(3 if i else None, prompt=i, method=m) for m in ("pca", "b") for i in range(4))))
    level = 1 - 2**-53
    low, high = runs.survival("method", level=level).select("ci_low", "ci_high").row(1)
    assert 0 <= low < 0.01 and 0.9 < high <= 1
    low, high = runs.compare(level=level, bootstrap=0).select("ci_low", "ci_high").row(1)
    assert low < -8 * 0.5 and high > 8 * 0.5
    assert runs.dose("method", level=level, bootstrap=100).height == 2
    assert quietly(RUNS).landmark(landmarks=np.array([2, 1.0, 2])).equals(quietly(RUNS).landmark(landmarks=[1, 2]))
    assert quietly(RUNS).study(lags=2.0).equals(quietly(RUNS).study(lags=2))
    assert klsurv.scan(RUNS, alphas=[Decimal("1")]).alphas == [1.0]
    assert quietly(RUNS).summary(roll=np.int64(9)).equals(quietly(RUNS).summary(roll=9))
