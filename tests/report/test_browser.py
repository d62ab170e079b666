"""The report in headless Chromium: what it computes, how it is used, and what it does not let run."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import klsurv
from tests.ingest.handmade import write_cell, write_file
from tests.report.browser import chromium, opened

SCORING = ["--threshold", "0.3", "--roll", "9"]
COUNTS = ["n", "n_skipped", "n_died", "n_censored", "n_events", "n_eos", "n_running", "n_failed"]


def make(root: Path, path: Path, *options: str) -> Path:
    command = [sys.executable, "-m", "klsurv", "report", str(root), "-o", str(path), *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return path


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as started:
        yield started


@pytest.fixture(scope="module")
def report(real_cells: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(real_cells, tmp_path_factory.mktemp("report") / "report.html", *SCORING)


def test_it_complains_of_nothing_and_asks_for_nothing_but_itself(browser: Any, report: Path) -> None:
    with opened(browser, report) as found:
        assert found.page.locator(".panel:visible").count() == 7
        pictures = found.page.locator("figure img")
        assert pictures.count() >= 9
        assert all(pictures.nth(i).evaluate("image => image.naturalWidth > 100") for i in range(pictures.count()))
        assert found.complaints == []
        assert [url for url in found.requests if not url.startswith("data:")] == [report.as_uri()]


@pytest.mark.parametrize("threshold", [0.3, 0.5, 0.8])
def test_the_slider_gives_the_counts_and_survival_of_the_commands(
    browser: Any, report: Path, real_cells: Path, threshold: float
) -> None:
    runs = klsurv.scan(real_cells, tell=lambda _: None)
    summary = runs.summary(threshold=threshold, roll=9)
    survival = runs.survival(threshold=threshold, roll=9)
    with opened(browser, report) as found:
        found.threshold(threshold)
        rows, curve = found.table("summary"), found.table("survival")
        slider = found.page.locator("#threshold").input_value()
    assert float(slider) == threshold
    assert [[int(row[name]) for name in COUNTS] for row in rows] == [list(row) for row in summary.select(COUNTS).rows()]
    assert [row["median"] for row in rows] == ["" if m is None else str(m) for m in summary.get_column("median")]
    counted = ["fork", "n_risk", "n_events", "n_censored"]
    assert [[int(row[name]) for name in counted] for row in curve] == [list(r) for r in survival.select(counted).rows()]
    assert [float(row["survival"]) for row in curve] == pytest.approx(
        survival.get_column("survival").to_list(), abs=1e-12
    )


def test_what_is_unticked_is_left_out_everywhere(browser: Any, report: Path, real_cells: Path) -> None:
    runs = klsurv.scan(real_cells, where="method = 'pca'", tell=lambda _: None)
    expected = runs.summary(threshold=0.3, roll=9).filter(pl.col("alpha") != 4.0)
    with opened(browser, report) as found:
        found.page.uncheck("#filter-method input[value=mean_diff]")
        found.page.uncheck("#filter-alpha input[value='4']")
        found.settle()
        rows = found.table("summary")
        assert found.page.locator(".panel:visible").count() == 6
    assert [[int(row[name]) for name in COUNTS] for row in rows] == [
        list(row) for row in expected.select(COUNTS).rows()
    ]


def test_layers_and_windows_are_ticked_apart_in_their_order(browser: Any, tmp_path: Path) -> None:
    for layer, window in ((10, 8), (9, 8), (9, 16), (None, 8)):
        write_cell(tmp_path, f"{layer} {window}", calib={"layer": layer, "window": window})
    with opened(browser, make(tmp_path, tmp_path / "report.html")) as found:
        said = [found.page.locator(f"#filter-{name} label").all_inner_texts() for name in ("layer", "window")]
        found.page.uncheck("#filter-layer input[value='10']")
        found.page.uncheck("#filter-window input[value='16']")
        found.settle()
        rows, chosen = found.table("summary"), found.page.inner_text("#chosen")
    assert [[text.strip() for text in texts] for texts in said] == [["9", "10", "unknown"], ["8", "16"]]
    assert {row["n"] for row in rows} == {"4"}
    assert chosen == "Death is pmass < 0.8; layer 9, unknown; window 8"


def test_of_fork_grids_that_differ_no_survival_is_shown(browser: Any, tmp_path: Path) -> None:
    # Counted over both, S would be a product of the deaths of either at its own forks.
    forks = [0, 3, 5, 8]
    write_cell(tmp_path, "a")
    write_cell(
        tmp_path, "b", calib={"method": "b"}, trajectory={"fork_points_full": forks}, pmass={"fork_points": forks}
    )
    begun = {"fork_points": [0, 2], "pmass_eval": {"0.0": [[0.9, 0.9]] * 2, "1.0": [[0.9, 0.7]] * 2}}
    write_cell(tmp_path, "c", calib={"method": "c"}, trajectory={"fork_points_full": [0, 2]}, pmass=begun)
    with opened(browser, make(tmp_path, tmp_path / "report.html")) as found:
        rows, curve = found.table("summary"), found.table("survival")
        notes = found.page.locator(".panel svg", has_text="fork grids differ").count()
        # One that begins like another is censored where it ends.
        found.page.uncheck("#filter-method input[value=b]")
        found.settle()
        left, none = found.table("summary"), found.page.locator(".panel svg", has_text="fork grids differ").count()
        assert not found.complaints
    assert [(row["n_events"], row["median"], row["survival_end"]) for row in rows] == [("0", "", ""), ("4", "", "")]
    assert (curve, notes, none) == ([], 2, 0)
    assert all(row["survival_end"] for row in left)


def test_a_line_that_is_clicked_tells_its_story(browser: Any, report: Path) -> None:
    with opened(browser, report) as found:
        canvas = found.page.locator(".panel canvas").nth(1)
        box = canvas.bounding_box()
        for share in (0.3, 0.4, 0.5, 0.6, 0.7, 0.8):
            canvas.click(position={"x": box["width"] * 0.25, "y": box["height"] * share})
            if "prompt" in found.page.locator("#story").inner_text():
                break
        story = found.page.locator("#story").inner_text()
    assert "α = 0.25" in story and "pmass" in story and "Prompt" in story and "<|im_start|>user" in story


def test_the_keyboard_alone_is_enough(browser: Any, report: Path, real_cells: Path) -> None:
    pmass = json.loads((real_cells / "SmolLM2-135M-Instruct_pca_s0_w96" / "pmass.json").read_text())
    with opened(browser, report) as found:
        keys = found.page.keyboard

        def tab_to(name: str) -> None:
            for _ in range(120):
                keys.press("Tab")
                if found.page.evaluate("document.activeElement.id") == name:
                    return
            raise AssertionError(f"{name} cannot be reached")

        tab_to("threshold")
        before = float(found.page.locator("#threshold").input_value())
        keys.press("ArrowRight")
        found.settle()
        assert float(found.page.locator("#threshold").input_value()) == pytest.approx(before + 0.01)
        tab_to("pick-cell")
        keys.type("SmolLM2-135M-Instruct_pca")
        tab_to("pick-alpha")
        keys.type("1.5")
        tab_to("pick-prompt")
        keys.type("2")
        keys.press("Tab")
        keys.press("Enter")
        story = found.page.locator("#story").inner_text()
        assert found.complaints == []
    assert "pca_s0_w96 · α = 1.5 · prompt 2" in story
    assert f"{pmass['pmass_eval']['1.5'][2][3]:.4f}" in story


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_on_a_phone(browser: Any, report: Path, scheme: str) -> None:
    with opened(browser, report, viewport={"width": 360, "height": 700}, color_scheme=scheme) as found:
        wide = found.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0
        assert found.complaints == []


def test_on_a_phone_figures_keep_the_size_of_their_letters_and_are_moved_sideways(browser: Any, report: Path) -> None:
    with opened(browser, report, viewport={"width": 360, "height": 700}) as found:
        pictures = found.page.locator("figure img")
        shown = [
            pictures.nth(i).evaluate("image => [image.clientWidth, image.naturalWidth, image.parentNode.clientWidth]")
            for i in range(pictures.count())
        ]
    assert all(width == natural > frame for width, natural, frame in shown)


def test_no_line_is_drawn_over_what_says_what_it_is(browser: Any, report: Path) -> None:
    with opened(browser, report) as found:
        drawn = found.page.evaluate(
            """() => [...document.querySelectorAll(".panel canvas")].map((canvas) => {
                const pixels = (y, height) => {
                    const data = canvas.getContext("2d").getImageData(40, y, canvas.width - 40, height).data;
                    const coloured = (_, i) => i % 4 === 3 && data[i] > 40 && Math.abs(data[i - 3] - data[i - 1]) > 60;
                    return data.filter(coloured).length;
                };
                return [pixels(0, 11), pixels(12, 20)];
            })"""
        )
    assert all(above == 0 for above, _ in drawn) and any(below > 0 for _, below in drawn)


def test_the_numbers_under_the_last_fork_are_whole(browser: Any, tmp_path: Path) -> None:
    forks = [0, 2, 4, 40960]
    write_cell(
        tmp_path,
        calib={"window": 40960},
        trajectory={"fork_points_full": forks},
        pmass={"fork_points": forks, "gen_lens_eval": {"0.0": [40960] * 2, "1.0": [40960] * 2}},
    )
    with opened(browser, make(tmp_path, tmp_path / "report.html")) as found:
        ends = found.page.evaluate(
            """() => [...document.querySelectorAll(".panel svg text")].map((text) => {
                const box = text.getBBox();
                return [text.textContent, box.x, box.x + box.width];
            })"""
        )
    assert "40960" in [text for text, _, _ in ends]
    assert all(0 <= left and right <= 300 for _, left, right in ends)


ATTACKS = [
    "</script><script>window.planted = 1</script>",
    "<img src=x onerror=window.planted=1>",
    "javascript:window.planted=1",
    "${window.planted = 1}",
    "x' || (window.planted = 1) || '",
    "a\u2028b\u2029c",
    "\u202eturned around",
    "{{ 7 * 7 }}{% raw %}",
    "]]>--><!--",
    "%3Cscript%3Ewindow.planted=1%3C/script%3E",
]


def test_names_prompts_and_texts_that_attack_are_text(browser: Any, tmp_path: Path) -> None:
    root = tmp_path / "runs"
    for i, attack in enumerate(ATTACKS):
        name = f"{i} {attack}".replace("/", "∕")
        cell = write_cell(root, name, calib={"model": attack, "method": f"{attack}{i}", "seed": i})
        lines = [
            {"alpha": alpha, "kind": "eval", "prompt_idx": p, "prompt": attack, "gen_text": attack * 3, "gen_len": 8,
             "fork_points": [0, 2], "pmass": [0.9, 0.9], "p_true": [0.5, 0.5], "argmax_str": [attack, attack]}
            for alpha in (0.0, 1.0) for p in (0, 1)
        ]  # fmt: skip
        lines[0]["gen_text"] = attack + "x" * 1_000_000
        write_file(cell / "gens.jsonl", "\n".join(map(json.dumps, lines)))
    with opened(browser, make(root, tmp_path / "attack.html")) as found:
        page = found.page
        for i in range(len(ATTACKS)):
            page.select_option("#pick-cell", index=i)
            page.select_option("#pick-alpha", index=1)
            page.click("#pick button")
            text = page.locator("#story").text_content()
            assert ATTACKS[i] in text
        shown = page.locator("#read").text_content()
        assert "<img src=x onerror=window.planted=1>" in shown and "{{ 7 * 7 }}" in shown
        assert page.evaluate("typeof window.planted") == "undefined"
        assert page.locator("main script, main img:not(figure img)").count() == 0
        assert found.complaints == []
        assert all(url.startswith(("data:", "file:")) for url in found.requests)
