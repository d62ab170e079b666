"""The story of one trajectory, of either prompt set."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from klsurv.ingest.discover import GENS
from klsurv.output.story import story_text
from tests.analysis.lived import Row, frame, life
from tests.generated import quietly
from tests.ingest.handmade import write_cell, write_file


def test_the_answers_are_those_of_the_prompts_that_were_scanned(tmp_path: Path) -> None:
    masses = {"1.0": [[0.5, 0.4, 0.3, 0.2]]}
    cell = write_cell(tmp_path, "a", pmass={"pmass": masses, "gen_lens_qa": {"1.0": [8]}})
    lines = [
        {"alpha": 1.0, "prompt_idx": 0, "kind": kind, "gen_text": text, "fork_points": [0, 2], "p_true": [p, p]}
        for kind, text, p in (("eval", "a story", 0.1), ("qa", "an answer", 0.7))
    ]
    write_file(cell / GENS, "\n".join(map(json.dumps, lines)))
    for metric, text, p, pmass in (("pmass_eval", "a story", 0.1, 0.9), ("pmass", "an answer", 0.7, 0.5)):
        runs = quietly(tmp_path, metric=metric)
        assert runs.metric == metric
        said, row = runs.generation("a", 1.0, 0), runs.story("a", 1.0, 0).row(0, named=True)
        assert said is not None and said.text == text
        assert (row["p_true"], row["pmass"]) == (p, pmass)


@pytest.mark.parametrize(
    ("one", "end"),
    [
        (life(3), "Died at fork 3."),
        (life(), "Alive at every fork that was measured."),
        (life(pmass=[None, 0.9, None]), "Alive at every fork that was measured."),
        (life(pmass=[None, None, None]), "Not measured at any fork."),
    ],
)
def test_its_end_is_what_was_measured(one: Row, end: str) -> None:
    story = quietly(frame(one)).story("pca_0", 1.0, 0)
    assert story_text(story, None).splitlines()[1] == end
