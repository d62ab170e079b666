from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow.parquet as pq
import pytest
from polars.testing import assert_frame_equal

import klsurv
from klsurv.errors import LayoutError, NothingUsableError, ParameterError
from klsurv.exports import export
from klsurv.runs import Runs
from tests.ingest.handmade import INF, NAN, write_cell, write_file
from tests.whole import whole

SCORING: dict[str, Any] = {"threshold": 0.3, "roll": 9}

LONG = pl.DataFrame(
    {
        "alpha": [1.0] * 4,
        "prompt": [0] * 4,
        "t": [0, 1, 2, 3],
        "kl": [0.1, 0.2, 0.3, 0.4],
        "pmass": [0.9, None, 0.7, None],
    }
)
LISTS = pl.DataFrame(
    {"alpha": [1.0], "prompt": [0], "kl": [[0.1, 0.2, 0.3, 0.4]], "fork": [[0, 2]], "pmass": [[0.9, 0.7]]}
)


def scan(source: Any, **options: Any) -> Runs:
    return klsurv.scan(source, tell=lambda _: None, **options)


def same(one: pl.DataFrame, other: pl.DataFrame) -> None:
    assert_frame_equal(one, other, rel_tol=1e-12, abs_tol=0)


def export_of(runs: Runs, path: Path, table: str) -> Path:
    """What `klsurv export RUNS path --table table` writes."""
    export(runs, path, name=table, by=("alpha",))
    return path


@pytest.mark.parametrize("table", ["long", "trajectories", "scored"])
@pytest.mark.parametrize(
    "kind",
    [
        lambda frame: frame,
        pl.DataFrame.lazy,
        pl.DataFrame.to_pandas,
        pl.DataFrame.to_arrow,
        lambda frame: frame.sample(fraction=1, shuffle=True, seed=1),
    ],
    ids=["polars", "lazy", "pandas", "arrow", "shuffled"],
)
def test_a_frame_of_a_table_gives_the_summary_of_its_root(
    real_cells: Path, table: str, kind: Callable[[pl.DataFrame], Any]
) -> None:
    runs = scan(real_cells)
    frame = getattr(runs, table)().collect()
    same(scan(kind(frame)).summary(**SCORING), runs.summary(**SCORING))
    same(scan(kind(frame)).summary(["cell", "alpha"], **SCORING), runs.summary(["cell", "alpha"], **SCORING))


# Cells whose parquet file must say what its rows cannot.
HARD: dict[str, dict[str, Any]] = {
    "plain": {},
    "failed pmass": {"pmass": {"pmass_eval": {"1.0": [[0.9, None, NAN, 0.9], [NAN, 0.85, NAN, NAN]]}}},
    "gen_len longer than KL": {"pmass": {"gen_lens_eval": {"0.0": [80, 5], "1.0": [100, 30]}}},
    "failed KL": {
        "trajectory": {"per_prompt_per_t_kl": {"1.0": [[0.5, NAN, 0.3, None, INF, 0.1, 0.1, NAN], [NAN] * 8]}}
    },
    "no forks": {"pmass": {"fork_points": [], "pmass_eval": {"0.0": [[], []], "1.0": [[], []]}}},
    "a fork far away": {"pmass": {"fork_points": [0, 2, 4, 5000]}},
    "no token": {"pmass": {"gen_lens_eval": {"0.0": [0, 0], "1.0": [0, 0]}}},
    "no facts": {"calib": {name: ... for name in ("model", "method", "seed", "target_kl", "c_star", "layer")}},
}


@pytest.mark.parametrize("table", ["long", "scored", "trajectories"])
@pytest.mark.parametrize("cell", HARD.values(), ids=HARD.keys())
def test_an_exported_file_scanned_again_is_the_root_it_came_from(
    tmp_path: Path, table: str, cell: dict[str, Any]
) -> None:
    root = tmp_path / "runs"
    write_cell(root, "a", **cell)
    write_cell(root, "b", calib={"window": 9, "method": "sae"})
    write_file(write_cell(root, "c") / "calib.json", "{")
    runs = scan(root)
    again = scan(export_of(runs, tmp_path / "file.parquet", table))
    same(again.cells(), runs.cells())
    same(again.check(), runs.check())
    same(whole(again), whole(runs))
    same(again.summary(), runs.summary())
    same(again.summary("method"), runs.summary("method"))


@pytest.mark.parametrize("table", ["long", "scored", "trajectories"])
@pytest.mark.parametrize(
    "chosen", [{"alphas": [1.0]}, {"model_contains": "b"}, {"where": "method = 'sae'"}, {"alphas": [0.0, 1.0, 7.0]}]
)
def test_a_selection_that_was_exported_stays_a_selection(tmp_path: Path, table: str, chosen: dict[str, Any]) -> None:
    root = tmp_path / "runs"
    write_cell(root, "a")
    write_cell(root, "b", calib={"method": "sae"})
    runs = scan(root, **chosen)
    again = scan(export_of(runs, tmp_path / "file.parquet", table))
    want = runs.summary()
    same(again.summary(), want.filter(pl.col("n") > 0))


@pytest.mark.parametrize("table", ["scored", "trajectories"])
def test_the_questions_can_be_exported_and_scanned_again(tmp_path: Path, table: str) -> None:
    write_cell(tmp_path, "a", pmass={"pmass": {"1.0": [[0.9, 0.5, 0.9, 0.9]]}, "gen_lens_qa": {"1.0": [8]}})
    runs = scan(tmp_path, metric="pmass")
    same(scan(export_of(runs, tmp_path / "file.parquet", table)).summary(roll=1), runs.summary(roll=1))


def test_a_parquet_file_of_ones_own_is_read(tmp_path: Path) -> None:
    LONG.write_parquet(tmp_path / "long.parquet")
    LISTS.write_parquet(tmp_path / "lists.parquet")
    want = scan(LONG).summary()
    assert want.select("alpha", "n", "n_died", "n_events", "median").row(0) == (1.0, 1, 1, 1, 2)
    same(scan(tmp_path / "long.parquet").summary(), want)
    same(scan(tmp_path / "lists.parquet").summary(), want)


def test_what_a_frame_does_not_say_is_taken_from_its_rollouts() -> None:
    frame = pl.concat([LONG, LONG.head(2).with_columns(prompt=pl.lit(1, pl.Int64))])
    runs = scan(frame)
    told = runs.cells().drop("path", "c_star", "layer", "reason").row(0, named=True)
    assert told == {
        "cell": "frame",
        "model": None,
        "method": None,
        "seed": None,
        "window": 4,
        "target_kl": None,
        "n_prompts": 2,
        "alphas": [1.0],
        "status": "ok",
    }
    assert runs.trajectories().select("gen_len", "end").collect().rows() == [(4, "window"), (2, "eos")]


def test_a_nan_pmass_is_a_fork_that_failed_and_a_null_one_is_no_fork() -> None:
    row = scan(LONG.with_columns(pmass=pl.Series([0.9, NAN, None, 0.85]))).trajectories().collect().row(0, named=True)
    assert (row["fork"], row["pmass"], row["n_pmass_failed"]) == ([0, 1, 3], [0.9, None, 0.85], 1)


def test_a_null_kl_inside_a_rollout_is_a_measurement_that_failed() -> None:
    row = scan(LONG.with_columns(kl=pl.Series([0.1, None, 0.3, 0.4]))).trajectories().collect().row(0, named=True)
    assert (row["length"], row["n_kl_failed"]) == (4, 1)


@pytest.mark.parametrize("long", [False, True])
def test_kl_past_the_length_is_padding_whatever_is_asked(long: bool) -> None:
    """R1: a value that is high, and one that is not finite, both after the last token."""
    kl = [0.2, 0.4, 9.0, NAN]
    frame = LONG.with_columns(kl=pl.Series(kl)) if long else LISTS.with_columns(kl=pl.Series([kl]))
    runs = scan(frame.with_columns(gen_len=2, window=4))
    row = runs.trajectories(roll=2).collect().row(0, named=True)
    assert (row["kl"], row["length"], row["n_kl_failed"], row["end"]) == ([0.2, 0.4], 2, 0, "eos")
    assert row["scale"] == pytest.approx(0.295)
    smoothed = runs.scored(roll=2, normalize_kl=False).select("t", "kl_smooth").collect()
    assert dict(smoothed.rows()) == pytest.approx({0: 0.2, 1: 0.3, 2: None})
    assert runs.long().select("t", "kl").collect().rows() == [(0, 0.2), (1, 0.4), (2, None)]
    assert runs.summary().select("kl_p50", "kl_p99").row(0) == pytest.approx((0.3, 0.398))
    assert runs.survival(event="kl", kl_threshold=1).get_column("n_events").sum() == 0
    assert runs.check().select("n_kl_failed", "n_kl_negative").row(0) == (0, 0)


def test_trajectories_are_measured_some_at_a_time_with_the_same_result(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [LISTS.with_columns(prompt=pl.lit(i, pl.Int64), kl=pl.Series([[0.1 * i] * (i + 1)])) for i in range(7)]
    frame = pl.concat(rows)
    whole = scan(frame)
    lives = whole.trajectories(roll=3).collect()
    for values in (1, 8, 20):
        monkeypatch.setattr("klsurv.source._PIECE", values)
        runs = scan(frame)
        assert len(list(runs.early(100))) == {1: 7, 8: 7, 20: 4}[values]
        assert runs.trajectories(roll=3).collect().equals(lives)
        assert runs.summary(roll=3).equals(whole.summary(roll=3))


def test_a_rollout_of_no_token_in_a_frame_is_a_trajectory_too() -> None:
    summary = scan(LISTS.with_columns(gen_len=0)).summary()
    assert summary.select("n", "n_skipped", "n_events", "n_running").row(0) == (1, 1, 0, 1)


def test_a_condition_is_asked_of_each_trajectory_where_a_frame_names_no_cells() -> None:
    both = pl.concat([LISTS] * 4).with_columns(prompt=pl.Series(range(4)), method=pl.Series(["a", "a", "b", None]))
    assert scan(both).cells().select("method", "n_prompts", "alphas").rows() == [(None, 4, [1.0])]
    for method, prompts in (("a", [0, 1]), ("b", [2])):
        runs = scan(both, where=f"method = '{method}'")
        assert runs.rollouts().get_column("prompt").to_list() == prompts
        assert runs.cells().select("method", "n_prompts").rows() == [(method, len(prompts))]
    assert scan(both, where="method IS NULL").rollouts().get_column("prompt").to_list() == [3]
    with pytest.raises(NothingUsableError):
        scan(both, where="method = 'c'").summary()


def test_of_the_two_zeros_a_dose_is_one() -> None:
    runs = scan(pl.concat([LISTS, LISTS]).with_columns(alpha=pl.Series([-0.0, 0.0]), prompt=pl.Series([0, 1])))
    assert [str(alpha) for alpha in runs.alphas] == ["0.0"]
    assert runs.summary().select("alpha", "n").rows() == [(0.0, 2)]
    assert str(runs.survival().get_column("alpha")[0]) == str(runs.summary().get_column("alpha")[0]) == "0.0"


def test_a_prompt_past_what_a_float_can_count_stays_what_it_is() -> None:
    rows = pl.concat([LISTS, LISTS]).with_columns(prompt=pl.Series([2**53, 2**53 + 1]))
    assert scan(rows).rollouts().get_column("prompt").to_list() == [2**53, 2**53 + 1]


def test_tokens_without_kl_are_none_that_failed_though_each_is_a_fork() -> None:
    kl = pl.Series([0.1, 0.2, None, None])
    rollouts = scan(LONG.with_columns(kl=kl, pmass=0.9, gen_len=4)).rollouts()
    assert rollouts.select("length", "gen_len", "n_kl_failed").rows() == [(2, 4, 0)]


@pytest.mark.parametrize("layer", ["mid", "layers.18", [10, 18], 17.5, NAN, None])
def test_what_is_not_one_layer_is_none_as_in_run_cells(layer: Any) -> None:
    for frame in (LONG, LISTS):
        runs = scan(frame.with_columns(layer=pl.Series([layer] * frame.height)))
        assert runs.cells().get_column("layer").to_list() == [None]
    assert scan(LONG.with_columns(layer=18.0)).cells().get_column("layer").to_list() == [18]


def test_rows_that_know_no_fact_have_that_of_the_others() -> None:
    fork = LONG.head(1).with_columns(t=pl.lit(6, pl.Int64), kl=pl.lit(None, pl.Float64))
    facts = {"method": ["a"] * 4 + [None], "seed": [1.0] * 4 + [NAN], "gen_len": [None, 8, 8, 8, None]}
    runs = scan(pl.concat([LONG, fork]).with_columns(**{name: pl.Series(values) for name, values in facts.items()}))
    assert runs.rollouts().select("method", "seed", "gen_len", "fork").rows() == [("a", 1, 8, [0, 2, 6])]


def test_a_fork_past_the_kl_is_no_kl_that_failed() -> None:
    fork = LONG.head(1).with_columns(t=pl.lit(6, pl.Int64), kl=pl.lit(None, pl.Float64))
    rollouts = scan(pl.concat([LONG, fork]).with_columns(gen_len=8)).rollouts()
    assert rollouts.select("length", "gen_len", "n_kl_failed", "fork").rows() == [(4, 8, 0, [0, 2, 6])]


def changed(frame: pl.DataFrame, **columns: Any) -> pl.DataFrame:
    return frame.with_columns(**{name: pl.lit(value) for name, value in columns.items()})


def with_row(**values: Any) -> pl.DataFrame:
    return pl.concat([LONG, LONG.head(1).with_columns(**{k: pl.lit(v, LONG.schema[k]) for k, v in values.items()})])


def but_null(column: str) -> pl.DataFrame:
    return LONG.with_columns(pl.when(pl.col("t") > 0).then(column).alias(column))


BAD: dict[str, tuple[pl.DataFrame, str]] = {
    **{f"long without {name}": (LONG.drop(name), "is missing") for name in LONG.columns},
    **{f"lists without {name}": (LISTS.drop(name), "is missing") for name in LISTS.columns},
    "no column": (pl.DataFrame({"x": [1]}), "column alpha, prompt, kl, pmass, fork is missing"),
    "text for alpha": (changed(LONG, alpha="x"), "wrong type"),
    "text for prompt": (changed(LONG, prompt="x"), "wrong type"),
    "text for t": (changed(LONG, t="x"), "wrong type"),
    "text for KL": (changed(LONG, kl="x"), "wrong type"),
    "text for pmass": (changed(LONG, pmass="x"), "wrong type"),
    "text for window": (changed(LONG, window="x"), "wrong type"),
    "lists in long": (changed(LONG, kl=[0.5]), "wrong type"),
    "numbers in lists": (changed(LISTS, kl=0.5), "wrong type"),
    "text in lists": (LISTS.with_columns(kl=pl.Series([["x"]])), "wrong type"),
    "half a prompt": (changed(LONG, prompt=0.5), "prompt"),
    "half a token": (LONG.with_columns(pl.col("t") + 0.5), "whole number"),
    "half a fork": (LISTS.with_columns(fork=pl.Series([[0.0, 1.5]])), "fork"),
    "alpha is NaN": (changed(LONG, alpha=NAN), "alpha that is not finite"),
    "alpha is infinite": (changed(LONG, alpha=INF), "alpha that is not finite"),
    "alpha is null": (but_null("alpha"), "is null"),
    "prompt is null": (but_null("prompt"), "is null"),
    "cell is null": (LONG.with_columns(cell=pl.lit(None, pl.String)), "is null"),
    "t is null": (with_row(t=None), "null"),
    "a fork is null": (LISTS.with_columns(fork=pl.Series([[0, None]])), "fork"),
    "the same token twice": (with_row(), "has a t that comes twice"),
    "the same prompt twice": (pl.concat([LISTS, LISTS]), "comes twice"),
    "a gap in t": (LONG.filter(pl.col("t") != 1), "lacks a token: t must count"),
    "t from 1": (LONG.with_columns(pl.col("t") + 1), "lacks a token: t must count"),
    "negative t": (with_row(t=-1), "lacks a token: t must count"),
    "pmass above 1": (changed(LONG, pmass=1.5), r"pmass outside \[0, 1\]"),
    "pmass below 0": (changed(LONG, pmass=-0.5), r"pmass outside \[0, 1\]"),
    "pmass infinite": (changed(LONG, pmass=INF), r"pmass outside \[0, 1\]"),
    "pmass above 1 in lists": (LISTS.with_columns(pmass=pl.Series([[0.5, 2.0]])), r"pmass outside \[0, 1\]"),
    "forks descend": (LISTS.with_columns(fork=pl.Series([[2, 0]])), "do not ascend"),
    "forks repeat": (LISTS.with_columns(fork=pl.Series([[2, 2]])), "do not ascend"),
    "forks negative": (LISTS.with_columns(fork=pl.Series([[-2, 0]])), "do not ascend from 0"),
    "fewer pmass than forks": (LISTS.with_columns(pmass=pl.Series([[0.9]])), "different lengths"),
    "negative length": (changed(LISTS, gen_len=-1), "negative gen_len"),
    "half a length": (changed(LISTS, gen_len=1.5), "has a gen_len that is not a whole number"),
    "half a seed": (changed(LONG, seed=1.5), "has a seed that is not a whole number"),
    "half a window": (changed(LISTS, window=3.5), "has a window that is not a whole number"),
    "no window": (changed(LISTS, window=0), "has a window below 1"),
    "two methods of a trajectory": (
        LONG.with_columns(method=pl.Series(["a", "a", "b", "a"])),
        "prompt 0 has several values of method",
    ),
    "two lengths of a trajectory": (LONG.with_columns(gen_len=pl.Series([4, 4, 4, 3])), "several values of gen_len"),
}


@pytest.mark.parametrize(("frame", "cause"), BAD.values(), ids=BAD.keys())
def test_a_frame_that_is_in_no_layout_is_an_error_that_says_why(frame: pl.DataFrame, cause: str) -> None:
    with pytest.raises(LayoutError, match=cause):
        scan(frame).summary()


def test_a_bad_parquet_file_is_named_in_the_error(tmp_path: Path) -> None:
    changed(LONG, pmass=1.5).write_parquet(tmp_path / "mine.parquet")
    with pytest.raises(LayoutError, match=r"mine\.parquet: cell frame, alpha 1\.0, prompt 0 has a pmass outside"):
        scan(tmp_path / "mine.parquet").summary()


def test_an_empty_frame_has_nothing_to_answer_with() -> None:
    with pytest.raises(NothingUsableError):
        scan(LONG.clear()).summary()


@pytest.mark.parametrize("table", ["summary", "cells"])
def test_a_parquet_file_of_another_table_is_named_in_the_error(tmp_path: Path, real_cells: Path, table: str) -> None:
    path = export_of(scan(real_cells), tmp_path / "other.parquet", table)
    with pytest.raises(LayoutError, match=rf"other\.parquet holds the table {table}: column .* is missing"):
        scan(path).summary()


@pytest.mark.parametrize("content", [b"", b"text", b"PAR1", b"PAR1" + b"\0" * 100 + b"PAR1", b"\x89PNG"])
def test_a_file_that_is_no_parquet_is_an_error(tmp_path: Path, content: bytes) -> None:
    path = write_file(tmp_path / "file.parquet", content)
    with pytest.raises(LayoutError, match=r"file\.parquet is not a parquet file"):
        scan(path).summary()


@pytest.mark.parametrize("table", ["long", "trajectories"])
def test_a_parquet_file_cut_short_is_an_error(tmp_path: Path, table: str) -> None:
    write_cell(tmp_path / "runs", "a")
    path = export_of(scan(tmp_path / "runs"), tmp_path / "file.parquet", table)
    whole = path.read_bytes()
    for part in range(40):
        cut = write_file(tmp_path / f"cut_{part}.parquet", whole[: (len(whole) - 1) * part // 39])
        with pytest.raises(LayoutError, match="parquet"):
            scan(cut).summary()


def test_a_parquet_file_with_damaged_pages_is_an_error(tmp_path: Path) -> None:
    LONG.write_parquet(tmp_path / "file.parquet", compression="zstd")
    data = bytearray((tmp_path / "file.parquet").read_bytes())
    footer = int.from_bytes(data[-8:-4], "little") + 8
    data[4 : len(data) - footer] = bytes(len(data) - footer - 4)
    with pytest.raises(LayoutError):
        scan(write_file(tmp_path / "file.parquet", bytes(data))).summary()


@pytest.mark.parametrize("key", ["klsurv.cells", "klsurv.rows"])
@pytest.mark.parametrize("value", [b"", b"{", b"[]", b"[1]", b'[{"cell": 3}]'])
def test_a_parquet_file_with_a_damaged_footer_is_an_error(tmp_path: Path, key: str, value: bytes) -> None:
    write_cell(tmp_path / "runs", "a")
    path = export_of(scan(tmp_path / "runs"), tmp_path / "file.parquet", "long")
    table = pq.read_table(path)
    pq.write_table(table.replace_schema_metadata({**table.schema.metadata, key.encode(): value}), path)
    with pytest.raises((LayoutError, NothingUsableError)):
        scan(path).summary()


@pytest.mark.parametrize("column", ["cell", "model", "method"])
def test_names_in_a_frame_are_escaped(column: str) -> None:
    frame = changed(LISTS, **{column: "a\x1b[31m\nb\u202e"})
    assert scan(frame).cells().get_column(column).item() == "a\\x1b[31m\\nb\\u202e"
    assert scan(frame).summary(column).get_column(column).item() == "a\\x1b[31m\\nb\\u202e"


def test_names_that_were_escaped_are_not_escaped_again(tmp_path: Path) -> None:
    write_cell(tmp_path / "runs", b"a\x1bb\\c")
    runs = scan(tmp_path / "runs")
    for table in ("long", "trajectories"):
        again = scan(export_of(runs, tmp_path / "file.parquet", table))
        assert again.cells().get_column("cell").to_list() == runs.cells().get_column("cell").to_list()


def test_a_frame_can_be_narrowed_like_a_root() -> None:
    frame = pl.concat([changed(LISTS, cell="pca_0", seed=0), changed(LISTS, cell="sae_0", seed=1)])
    assert scan(frame, where="seed = 1").cells().get_column("cell").to_list() == ["sae_0"]
    assert scan(frame, model_contains="pca").rollouts().get_column("cell").to_list() == ["pca_0"]
    for nothing in ({"where": "seed = 7"}, {"model_contains": "zzz"}):
        with pytest.raises(NothingUsableError):
            scan(frame, **nothing).summary()


@pytest.mark.parametrize("source", [3, None, [1], {"alpha": [1.0]}, b"path"])
def test_what_is_neither_path_nor_frame_is_a_type_error(source: Any) -> None:
    with pytest.raises(TypeError, match="expected a path or a frame"):
        scan(source)


def test_a_frame_has_one_prompt_set() -> None:
    with pytest.raises(ParameterError, match="a frame or parquet file has one"):
        scan(LONG, metric="pmass")
