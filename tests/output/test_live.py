from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from rich.cells import cell_len
from rich.console import Console

from klsurv.ingest.discover import CellDir
from klsurv.output.live import screen
from klsurv.schema import GROUP_COLUMNS, SUMMARY, typed
from klsurv.watch.known import Known, Snapshot
from klsurv.watch.pace import Rates
from klsurv.watch.sweep import COLUMNS
from klsurv.watch.view import Change, View

NAME = "SmolLM2-135M-Instruct_mean_diff_layer12_s{}_w4096"
SNAPSHOT = Snapshot(CellDir("cell", Path("cell")), {}, 0)


def table(keys: dict[str, Sequence[object]]) -> pl.DataFrame:
    n = len(next(iter(keys.values())))
    columns = {name: [1234 + i if name != "rmst" else 1234.5678 for i in range(n)] for name in COLUMNS}
    types = typed([*(GROUP_COLUMNS[name] for name in keys), *SUMMARY.columns])
    return pl.DataFrame({**keys, **columns}, schema={name: types[name] for name in (*keys, *COLUMNS)})


def known(i: int, state: str, *, kept: bool = False) -> Known:
    reason = "pmass.json: is not JSON, or cut short: EOF while parsing an object at line 12345 column 4"
    return Known(cell=NAME.format(i), snapshot=SNAPSHOT, state=state, reason=reason, kept=kept, alphas=(0.0, 1.0))  # type: ignore[arg-type]


def change(i: int) -> Change:
    return Change(
        time="2026-01-02T03:04:05Z",
        cell=NAME.format(i),
        state="ok",
        alphas=8,
        trajectories=192,
        n_events=77,
        kept=False,
        reason=None,
    )


VIEW = View(
    waiting=None,
    states={"ok": 80, "in flight": 6, "broken": 4},
    cells_of=90,
    alphas=640,
    alphas_of=720,
    doses=8,
    trajectories=15360,
    rates=Rates(4.2, 100.8, 720.0),
    table=table({"alpha": [0.0, 0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0]}),
    notes=["S is estimated by Turnbull's NPMLE in some groups, without errors and intervals: " + "a, " * 60],
    troubles=[known(i, "broken") for i in range(4)] + [known(i, "in flight", kept=True) for i in range(6)],
    latest=[change(i) for i in range(20)],
)
MANY = replace(VIEW, table=table({"cell": [NAME.format(i) for i in range(90)], "alpha": [1.0] * 90}))


def drawn(view: View, *, width: int, height: int, title: str = "outputs/sweep") -> list[str]:
    console = Console(width=width, height=height, highlight=False, markup=False)
    with console.capture() as captured:
        console.print(screen(view, title=title, doing="looks every 5 s", width=width, height=height))
    return captured.get().splitlines()


@pytest.mark.parametrize("width", [20, 40, 80, 140, 300])
@pytest.mark.parametrize("height", [1, 5, 10, 24, 40, 200])
@pytest.mark.parametrize(
    "view", [VIEW, MANY, replace(VIEW, waiting="it does not exist " * 9)], ids=["8", "90", "waits"]
)
def test_it_never_overflows(view: View, width: int, height: int) -> None:
    lines = drawn(view, width=width, height=height, title="a/long/path/" * 30)
    assert len(lines) <= height
    assert max(map(cell_len, lines)) <= width


def test_80_by_24_shows_every_dose_and_what_is_broken() -> None:
    lines = drawn(VIEW, width=80, height=24)
    assert "90 cells: 4 broken, 6 in flight, 80 ok" in lines
    assert "640 of 720 alphas, if each of 90 cells gets 8: about 19 min left at this rate" in lines
    assert "15,360 trajectories; 4.2 alphas, 101 trajectories a minute over the last 12 min" in lines
    doses = [line.split()[0] for line in lines if " 123" in line]
    assert doses == ["0", "0.25", "0.5", "1", "1.5", "2", "3", "4"]
    wrong = [line for line in lines if line.startswith(("broken", "in flight"))]
    assert [line.split()[0] for line in wrong[:4]] == ["broken"] * 4
    assert f"… and {10 - len(wrong)} more cells that are not ok" in lines


def test_140_columns_show_every_column() -> None:
    head = next(line for line in drawn(VIEW, width=140, height=40) if line.startswith("alpha"))
    assert head.split() == ["alpha", *COLUMNS]


def test_a_tall_terminal_shows_everything_that_is_wrong_and_the_latest() -> None:
    lines = drawn(VIEW, width=140, height=60)
    assert sum(line.startswith(("broken", "in flight")) for line in lines) == 10
    assert sum("2 alphas kept; pmass.json: is not JSON" in line for line in lines) == 6
    assert sum(line.startswith("03:04:05 UTC") and "8 alphas, 192 trajectories, 77 dead" in line for line in lines) == 5


def test_more_groups_than_lines_are_counted() -> None:
    lines = drawn(MANY, width=140, height=30)
    shown = sum(line.startswith("SmolLM2") for line in lines)
    assert shown > 5
    assert f"… and {90 - shown} more groups" in lines


def test_names_are_not_markup() -> None:
    names = ["[red]a[/red]", "[/]", "[link=x]y", "日本語" * 20]
    view = replace(
        VIEW,
        waiting="[bold]w",
        notes=["[blink]n"],
        table=table({"cell": names}),
        troubles=[replace(known(0, "broken"), cell=name, reason="[dim]r") for name in names],
        latest=[replace(change(0), cell=name) for name in names],
    )
    text = "\n".join(drawn(view, width=140, height=60, title="[red]t"))
    assert text.count("[red]a[/red]") == 3
    assert all(word in text for word in ("[link=x]y", "[bold]w", "[blink]n", "[dim]r", "[red]t"))


def test_nothing_is_estimated_where_nothing_is_known() -> None:
    empty = View(
        waiting="runs does not exist",
        states={},
        cells_of=0,
        alphas=0,
        alphas_of=None,
        doses=None,
        trajectories=0,
        rates=None,
        table=table({"alpha": []}),
        notes=[],
        troubles=[],
        latest=[],
    )
    text = "\n".join(drawn(empty, width=80, height=24))
    assert "waiting: runs does not exist" in text
    assert "0 cells" in text and "0 alphas" in text and "no rate yet" in text
    assert "left" not in text and "alpha " not in text
