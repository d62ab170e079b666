"""The report as it is put together."""

from __future__ import annotations

from pathlib import Path

from klsurv.params import Scoring
from klsurv.plots.drawn import Drawn
from klsurv.report.build import build
from klsurv.report.sections import sections
from tests.generated import quietly
from tests.ingest.handmade import write_cell


def test_its_steps_end_with_the_last_of_them(tmp_path: Path) -> None:
    write_cell(tmp_path, "a")
    steps: list[tuple[int, int]] = []
    text = build(quietly(tmp_path), progress=lambda done, total: steps.append((done, total)), options={"roll": 1})
    assert text.count("<figure") == len(steps) - 1
    assert [done for done, _ in steps[:-1]] == list(range(1, len(steps)))
    assert steps[-1] == (11, 11) and {total for _, total in steps} == {11}


def test_what_precedes_death_is_said_to_be_of_the_steered(real_cells: Path) -> None:
    runs = quietly(real_cells)
    drawn = Drawn(runs, scoring=Scoring(threshold=0.3, roll=9))
    made = {one.name: one.figure for one in sections(runs, {"threshold": 0.3, "roll": 9}, drawn=drawn)}
    said = {name: made[name].chart["title"]["subtitle"] for name in ("survival", "precursor")}
    assert "n=112 trajectories." in said["survival"] and "n=96 trajectories." in said["precursor"]


def test_of_one_trajectory_it_says_one(tmp_path: Path) -> None:
    write_cell(
        tmp_path,
        trajectory={"per_prompt_per_t_kl": {"1.0": [[0.5] * 8]}},
        pmass={"pmass_eval": {"1.0": [[0.9] * 4]}, "gen_lens_eval": {"1.0": [8]}},
    )
    assert "1 trajectory at 1 dose." in build(quietly(tmp_path), options={})
