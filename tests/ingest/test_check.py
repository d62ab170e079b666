from __future__ import annotations

import math
from array import array
from typing import Any

import pytest

from klsurv.errors import CellError
from klsurv.ingest.check import Dose, check_doses, check_forks
from klsurv.ingest.parse import Parsed
from klsurv.params import Metric

NAN, INF = math.nan, math.inf
FORKS = [0, 2, 4]


def doses(
    kl: Any = None,
    mass: Any = None,
    lengths: Any = None,
    *,
    metric: Metric = "pmass_eval",
    **more: Any,
) -> tuple[list[Dose], list[str]]:
    trajectory = {"per_prompt_per_t_kl": {"1.0": [[0.5, 0.25]]} if kl is None else kl}
    pmass = {"pmass_eval": {"1.0": [[0.9, 0.8, 0.7]]} if mass is None else mass, **more}
    if lengths is not None:
        pmass["gen_lens_eval"] = lengths
    return check_doses(Parsed(trajectory), pmass, forks=FORKS, metric=metric)


def only(*args: Any, **kwargs: Any) -> Dose:
    (dose,), notes = doses(*args, **kwargs)
    assert notes == []
    return dose


@pytest.mark.parametrize("forks", [[], [0], [0, 1, 96], [3, 2**31 - 1], [0.0, 2.0]])
def test_ascending_forks_are_read(forks: list[float]) -> None:
    assert check_forks({"fork_points": forks}) == forks


@pytest.mark.parametrize(
    ("forks", "said"),
    [
        ([0, 2, 2], "fork_points[2]: 2 does not ascend from 2"),
        ([0, 4, 2], "fork_points[2]: 2 does not ascend from 4"),
        ([-1, 0], "fork_points[0]: -1 is not a number of tokens"),
        ([0, 1.5], "fork_points[1]: 1.5 is not a number of tokens"),
        ([0, "1"], 'fork_points[1]: "1" is not a number of tokens'),
        ([0, True], "fork_points[1]: true is not a number of tokens"),
        ([0, None], "fork_points[1]: null is not a number of tokens"),
        ([0, 10**400], "fork_points[1]: a number is not a number of tokens"),
        ({"0": 1}, "fork_points: is an object, expected a list"),
        (None, "fork_points: is null, expected a list"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_forks_that_cannot_be_are_told(forks: Any, said: str) -> None:
    with pytest.raises(CellError) as caught:
        check_forks({"fork_points": forks})
    assert str(caught.value) == f"pmass.json: {said}"


def test_forks_that_are_missing_are_told() -> None:
    with pytest.raises(CellError, match=r"^pmass\.json: fork_points: missing$"):
        check_forks({})


@pytest.mark.parametrize("forks", [[0, float("nan")], [0, float("inf")]])
def test_a_message_spells_a_float_as_json_does(forks: list[float]) -> None:
    spelled = "NaN" if math.isnan(forks[1]) else "Infinity"
    with pytest.raises(CellError, match=f"{spelled} is not a number of tokens"):
        check_forks({"fork_points": forks})


def test_a_dose_is_kept_as_it_was_measured() -> None:
    dose = only({"1": [[0.5, -0.25, INF, NAN, None]]}, {"1.0": [[1, 0.0, 0.7]]}, {"1.0": [5]})
    assert dose.alpha == 1.0
    assert str(dose.kl) == str([array("d", [0.5, -0.25, INF, NAN, NAN])])
    assert dose.pmass == [[1, 0.0, 0.7]]
    assert dose.gen_len == [5]


def test_doses_ascend_by_number_and_not_by_text() -> None:
    kl = {key: [[0.5]] for key in ("10.0", "2.0", "-1.0", "0.5")}
    mass = {key: [[0.9]] for key in ("0.5", "2", "10", "-1")}
    found, notes = doses(kl, mass)
    assert [dose.alpha for dose in found] == [-1.0, 0.5, 2.0, 10.0]
    assert notes == []


def test_a_pmass_that_is_nan_or_null_is_missing() -> None:
    assert only(mass={"1.0": [[NAN, None, 0.5]]}).pmass == [[None, None, 0.5]]


def test_a_row_shorter_than_the_forks_is_filled_with_missing_values() -> None:
    assert only(mass={"1.0": [[0.9]]}).pmass == [[0.9, None, None]]
    assert only(mass={"1.0": [[]]}).pmass == [[None, None, None]]


def test_a_sum_of_probabilities_may_pass_1_by_rounding() -> None:
    assert only(mass={"1.0": [[1 + 1e-7, -1e-7, 1.0]]}).pmass == [[1 + 1e-7, -1e-7, 1.0]]


@pytest.mark.parametrize(
    ("row", "index", "value"),
    [([0.9, 1.5], 1, "1.5"), ([-0.5], 0, "-0.5"), ([0.9, 0.9, 2], 2, "2")],
)
def test_a_pmass_outside_0_to_1_is_told(row: list[float], index: int, value: str) -> None:
    with pytest.raises(CellError) as caught:
        doses({"1.0": [[0.1], [0.1]]}, {"1.0": [[0.9], row]})
    assert str(caught.value) == f'pmass.json: pmass_eval["1.0"][1][{index}]: {value} is not a probability'


@pytest.mark.parametrize("value", [INF, -INF])
def test_an_infinite_pmass_is_no_probability(value: float) -> None:
    with pytest.raises(CellError, match=r'^pmass\.json: pmass_eval\["1\.0"\]\[0\]\[1\]: .* is not a probability$'):
        doses(mass={"1.0": [[0.9, value]]})


def test_more_values_than_forks_are_told() -> None:
    with pytest.raises(CellError, match=r'^pmass\.json: pmass_eval\["1\.0"\]\[0\]: 4 values for 3 fork points$'):
        doses(mass={"1.0": [[0.9, 0.9, 0.9, 0.9]]})


@pytest.mark.parametrize(
    ("kl", "said"),
    [
        ({"1.0": [[0.5, "0.5"]]}, '["1.0"][0][1]: "0.5" is not a number'),
        ({"1.0": [[0.5], [True]]}, '["1.0"][1][0]: true is not a number'),
        ({"1.0": [[0.5], None]}, '["1.0"][1]: is null, expected a list'),
        ({"1.0": None}, '["1.0"]: is null, expected a list'),
        ({"1.0": [[[0.5]]]}, '["1.0"][0][0]: a list is not a number'),
        ({"1.0": [[10**400]]}, '["1.0"][0][0]: is larger than any float'),
        ({"1": [], "1.0": []}, ': the keys "1" and "1.0" are one alpha'),
        ({"abc": []}, ': the key "abc" is not an alpha, a finite number'),
        ([], ": is a list, expected an object with an alpha per key"),
        (None, None),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_kl_that_cannot_be_is_told(kl: Any, said: str | None) -> None:
    if said is None:
        with pytest.raises(CellError, match=r"^trajectory\.json: per_prompt_per_t_kl: missing$"):
            check_doses(Parsed(), {"pmass_eval": {}}, forks=FORKS, metric="pmass_eval")
        return
    with pytest.raises(CellError) as caught:
        doses(kl)
    assert str(caught.value) == f"trajectory.json: per_prompt_per_t_kl{said}"


@pytest.mark.parametrize(
    ("lengths", "said"),
    [
        ({"1.0": [-1]}, '["1.0"][0]: -1 is not a number of tokens'),
        ({"1.0": [1.5]}, '["1.0"][0]: 1.5 is not a number of tokens'),
        ({"1.0": [None]}, '["1.0"][0]: null is not a number of tokens'),
        ({"1.0": ["2"]}, '["1.0"][0]: "2" is not a number of tokens'),
        ({"1.0": 2}, '["1.0"]: is a number, expected a list'),
        ([2], ": is a list, expected an object with an alpha per key"),
    ],
    ids=str,
)
def test_a_length_that_cannot_be_is_told(lengths: Any, said: str) -> None:
    with pytest.raises(CellError) as caught:
        doses(lengths=lengths)
    assert str(caught.value) == f"pmass.json: gen_lens_eval{said}"


@pytest.mark.parametrize("lengths", [None, {}, {"2.0": [9]}, {"1.0": []}])
def test_without_lengths_a_rollout_ends_at_its_last_finite_kl(lengths: Any) -> None:
    kl = {"1.0": [[0.5, NAN, 0.5, NAN, INF], [NAN, None], []]}
    assert only(kl, {"1.0": [[0.9]] * 3}, lengths).gen_len == [3, 0, 0]


def test_lengths_that_are_short_are_completed_from_the_kl() -> None:
    kl = {"1.0": [[0.5, 0.5, 0.5], [0.5, 0.5, NAN], [0.5]]}
    assert only(kl, {"1.0": [[0.9]] * 3}, {"1.0": [1]}).gen_len == [1, 2, 1]


@pytest.mark.parametrize(("length", "kl"), [(0, []), (1, [0.5]), (2, [0.5, 0.25]), (100, [0.5, 0.25])])
def test_a_length_is_believed_and_the_kl_past_it_is_padding(length: int, kl: list[float]) -> None:
    dose = only(lengths={"1.0": [length]})
    assert dose.gen_len == [length]
    assert [list(row) for row in dose.kl] == [kl]


def test_whole_numbers_among_the_kl_are_numbers() -> None:
    assert list(only({"1.0": [[1, 2**64, 0.5, -1]]}).kl[0]) == [1.0, 2.0**64, 0.5, -1.0]


@pytest.mark.parametrize(
    ("n_kl", "n_pmass", "note"),
    [
        (3, 2, "pmass.json: alpha 1.0: 2 prompts, trajectory.json has 3: the first 2 are used"),
        (2, 3, "pmass.json: alpha 1.0: 3 prompts, trajectory.json has 2: the first 2 are used"),
    ],
)
def test_prompts_that_only_one_file_has_are_left_out_with_a_note(n_kl: int, n_pmass: int, note: str) -> None:
    (dose,), notes = doses({"1.0": [[0.5]] * n_kl}, {"1.0": [[0.9]] * n_pmass}, {"1.0": [1] * n_pmass})
    assert (len(dose.kl), len(dose.pmass), len(dose.gen_len)) == (2, 2, 2)
    assert notes == [note]


def test_an_alpha_that_only_one_file_has_is_left_out_with_a_note() -> None:
    found, notes = doses({"0.0": [[0.5]], "1.0": [[0.5]]}, {"1.0": [[0.9]], "2.0": [[0.9]]})
    assert [dose.alpha for dose in found] == [1.0]
    assert notes == [
        "trajectory.json: alpha 0.0 is not in pmass.json (yet), and left out",
        "pmass.json: alpha 2.0 is not in trajectory.json (yet), and left out",
    ]


def test_questions_have_pmass_and_lengths_of_their_own_and_no_kl() -> None:
    found, notes = doses(metric="pmass", pmass={"1": [[0.5], [0.25]]}, gen_lens_qa={"1.0": [7, 8, 9]})
    assert found == [Dose(1.0, [array("d"), array("d")], [[0.5, None, None], [0.25, None, None]], [7, 8])]
    assert notes == []


def test_questions_without_lengths_are_told() -> None:
    with pytest.raises(CellError, match=r'^pmass\.json: gen_lens_qa\["1\.0"\]: 1 lengths for 2 prompts'):
        doses(metric="pmass", pmass={"1.0": [[0.5], [0.25]]}, gen_lens_qa={"1.0": [7]})
    with pytest.raises(CellError, match=r"^pmass\.json: gen_lens_qa: missing$"):
        doses(metric="pmass", pmass={"1.0": [[0.5]]})
    with pytest.raises(CellError, match=r"^pmass\.json: pmass: missing$"):
        doses(metric="pmass")
