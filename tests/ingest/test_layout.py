from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from klsurv.errors import LayoutError, NothingUsableError, ParameterError
from klsurv.schema import CELL_FACTS
from tests.analysis.lived import life
from tests.ingest.handmade import INF, NAN
from tests.ingest.tables import LISTS, LONG, SCORING, changed, same, scan


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


@pytest.mark.parametrize("table", ["long", "trajectories"])
def test_a_frame_that_says_c_star_has_the_calibration_of_its_cells(real_cells: Path, table: str) -> None:
    runs = scan(real_cells)
    facts = runs.cells().select("cell", *CELL_FACTS)
    rows = getattr(runs, table)().collect()
    frame = rows.select("cell", *(name for name in rows.columns if name not in facts.columns)).join(facts, on="cell")
    again = scan(frame)
    assert again.cells().get_column("c_star").null_count() == 0
    same(again.calibration(), runs.calibration())
    same(again.heldout(), runs.heldout())


def test_of_several_c_star_in_a_cell_none_is_taken_and_nan_says_nothing() -> None:
    frame = pl.concat([LISTS.with_columns(prompt=pl.lit(i, pl.Int64), c_star=c) for i, c in enumerate((5.0, 6.0))])
    assert scan(frame).cells().get_column("c_star").to_list() == [None]
    assert scan(LISTS.with_columns(c_star=NAN)).cells().get_column("c_star").to_list() == [None]
    assert scan(LISTS.with_columns(c_star=5.0)).cells().get_column("c_star").to_list() == [5.0]


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


def test_an_empty_frame_has_nothing_to_answer_with() -> None:
    with pytest.raises(NothingUsableError):
        scan(LONG.clear()).summary()


@pytest.mark.parametrize("column", ["cell", "model", "method"])
def test_names_in_a_frame_are_escaped(column: str) -> None:
    frame = changed(LISTS, **{column: "a\x1b[31m\nb\u202e"})
    assert scan(frame).cells().get_column(column).item() == "a\\x1b[31m\\nb\\u202e"
    assert scan(frame).summary(column).get_column(column).item() == "a\\x1b[31m\\nb\\u202e"


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


def test_two_cells_whose_names_are_shown_alike_are_refused() -> None:
    rows = pl.DataFrame([life(alpha=alpha) for alpha in (0.0, 1.0)])
    with pytest.raises(LayoutError, match=r"two cells are shown by one name, a\\nb: one spells out"):
        scan(rows.with_columns(cell=pl.Series(["a\nb", "a\\nb"]))).cells()
    kept = scan(rows.with_columns(cell=pl.Series(["a\nb", "a\\tb"]))).cells()
    assert kept.get_column("cell").to_list() == ["a\\nb", "a\\tb"]


@pytest.mark.parametrize(
    ("column", "dtype"),
    [
        ("alpha", pl.Date),
        ("seed", pl.Boolean),
        ("window", pl.Time),
        ("kl", pl.List(pl.Boolean)),
        ("fork", pl.List(pl.Date)),
    ],
)
def test_a_time_or_a_truth_value_is_no_number(column: str, dtype: Any) -> None:
    rows = pl.DataFrame([life(kl=[0.0, 1.0], gen_len=2, fork=[0, 1], pmass=[0.5, 0.5])])
    odd = rows.with_columns(pl.lit([] if dtype == pl.List else None, dtype).alias(column), cell=pl.lit("a"))
    with pytest.raises(LayoutError, match=f"a column has the wrong type: {column} is "):
        scan(odd).cells()


@pytest.mark.parametrize("dtype", [pl.Categorical(), pl.Categorical(pl.Categories("k")), pl.Enum(list("0123456789"))])
def test_numbers_that_are_categories_are_refused_with_their_column(dtype: Any) -> None:
    for column in ("alpha", "prompt", "t", "kl", "pmass"):
        given = LONG.with_columns(pl.Series(column, ["0"] * LONG.height).cast(dtype))
        with pytest.raises(
            LayoutError, match=f"a column has the wrong type: {column} is (categorical|enum).*, not num"
        ):
            scan(given).cells()
    for column in ("kl", "pmass", "fork"):
        given = LISTS.with_columns(pl.Series(column, [["0"]] * LISTS.height).cast(pl.List(dtype)))
        with pytest.raises(LayoutError, match=rf"a column has the wrong type: {column} is list\((cat|enum).*, not lis"):
            scan(given).cells()


def test_a_column_of_the_wrong_type_is_named() -> None:
    text, facts = ("cell", "model", "method"), ("gen_len", "seed", "window", "target_kl", "c_star")
    types = (pl.List(pl.Float64), pl.Array(pl.Float64, 2), pl.Object)
    for frame in (LONG, LISTS):
        for column in ("alpha", "prompt", "kl", "pmass", "t" if frame is LONG else "fork", *facts, *text):
            listed = frame is LISTS and column in ("kl", "pmass", "fork")
            odd = (pl.Float64, pl.List(pl.List(pl.Float64))) if listed else types
            more = () if column in text else (pl.Binary, pl.Struct({"a": pl.Int64}))
            for dtype in (*odd, *more):
                given = frame.with_columns(pl.Series(column, [None] * frame.height, dtype))
                with pytest.raises(LayoutError, match=f"a column has the wrong type: {column} is .*, not "):
                    scan(given).cells()


@pytest.mark.parametrize("column", ["kl", "pmass"])
def test_a_column_of_text_that_spells_no_number_is_named(column: str) -> None:
    texts = LISTS.get_column(column).list.eval(pl.lit("x"))
    for frame in (LONG.with_columns(pl.lit("x").alias(column)), LISTS.with_columns(texts.alias(column))):
        with pytest.raises(LayoutError, match=f"a column has the wrong type: {column}: conversion from"):
            scan(frame).cells()


@pytest.mark.parametrize("dtype", [pl.Categorical, pl.Enum(["0", "1.0"])], ids=["categorical", "enum"])
@pytest.mark.parametrize("column", ["alpha", "prompt", "t", "seed"])
def test_a_column_of_categories_is_no_number_and_is_named(column: str, dtype: Any) -> None:
    odd = LONG.with_columns(pl.lit("0").cast(dtype).alias(column))
    with pytest.raises(
        LayoutError, match=f"a column has the wrong type: {column} is (categorical|enum).*, not numbers"
    ):
        scan(odd).cells()


@pytest.mark.parametrize(
    ("spoiled", "cause"),
    [
        (lambda frame: frame.astype({"kl": object}).replace({"kl": {0.0: "bad"}}), "'float' object"),
        (lambda frame: frame.assign(note=[{"a": 1}, *[3] * (len(frame) - 1)]), "cannot mix struct"),
        (lambda frame: frame.join(frame[["kl"]], rsuffix="x").rename(columns={"klx": "kl"}), "non-unique"),
        (lambda frame: frame.assign(note=1j), "Unsupported numpy type"),
    ],
    ids=["mixed", "nested", "twice", "complex"],
)
def test_a_frame_that_arrow_cannot_hold_is_an_error_that_says_why(spoiled: Callable[[Any], Any], cause: str) -> None:
    given = spoiled(LONG.with_columns(kl=pl.Series([0.0, *[0.5] * (LONG.height - 1)])).to_pandas())
    with pytest.raises(LayoutError, match=f"the DataFrame has no Arrow columns: .*{cause}"):
        scan(given)
