"""The map of deaths, by its specification."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

import polars as pl

from klsurv.charts.deaths import EARLY_TO_LATE, FINISHED, RUNNING
from klsurv.frames.deaths import deaths
from klsurv.output.images import svg_of
from klsurv.params import Layout
from tests.charts.figures import OPTIONS, draw, headings, layers, legend, panels, rows, spec
from tests.frames.source import trajectory
from tests.generated import quietly
from tests.ingest.handmade import NAN, write_cell


def test_each_cell_has_a_panel_with_a_square_per_prompt_and_dose(real_cells: Path) -> None:
    import klsurv

    read = spec(draw("deaths", real_cells))
    table = deaths(klsurv.scan(real_cells).lives(OPTIONS).lazy()).collect()
    assert headings(read) == sorted(table["cell"].unique())
    for panel in panels(read):
        drawn = [row for layer in layers(panel, "rect") for row in rows(read, layer)]
        want = table.filter(cell=panel["title"]["text"])
        assert sorted((row["alpha"], row["prompt"], row["outcome"], row["t"]) for row in drawn) == sorted(
            want.select("alpha", "prompt", "outcome", "t").rows()
        )


def test_in_grey_the_dead_are_darker_than_the_living_and_those_than_the_finished() -> None:
    def grey(colour: str) -> float:
        red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    greys = [grey(colour) for colour in (*EARLY_TO_LATE, RUNNING, FINISHED)]
    assert all(second - first > 20 for first, second in pairwise(greys))


def test_the_token_is_told_from_any_square_on_which_it_is_written() -> None:
    forks = [0, *(round(1.35**i) for i in range(3, 24))]
    rows = [
        {"prompt": i, **trajectory([0.1] * 1000, window=1000, fork=[0, death or 1], pmass=[0.9 * (death > 0), 0.1])}
        for i, death in enumerate(forks)
    ]
    # In two panels, which share the scale from which the colour of a square is asked.
    frame = pl.concat(pl.DataFrame(rows).with_columns(cell=pl.lit(cell)) for cell in "ab")
    svg = svg_of(draw("deaths", quietly(frame), options={}).spec())
    squares = re.findall(r'<path [^>]*fill="(rgb[^"]*)"', svg)
    numbers = re.findall(r'font-size="9.5px" fill="(#[0-9a-f]{6})"', svg)
    assert len(squares) == len(numbers) == 2 * len(forks) and set(numbers) == {"#000000", "#ffffff"}
    assert all(contrast(square, number) >= 4.5 for square, number in zip(squares, numbers, strict=True))


def contrast(one: str, other: str) -> float:
    """The contrast ratio of WCAG 2."""
    light, dark = sorted(map(luminance, (one, other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(colour: str) -> float:
    channels = [int(x) for x in re.findall(r"\d+", colour)]
    if colour.startswith("#"):
        channels = [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
    linear = [x / 12.92 if x <= 0.04045 else ((x + 0.055) / 1.055) ** 2.4 for x in (c / 255 for c in channels)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_the_panels_share_one_scale_of_tokens(real_cells: Path) -> None:
    read = spec(figure := draw("deaths", real_cells))
    scales = [layers(panel, "rect")[-1]["encoding"]["color"] for panel in panels(read)]
    # Vega warns of panels that ask for different ones.
    assert scales[0]["legend"]["values"] == [0, 10, 96] and scales[1] == scales[0]
    assert {tuple(scale["scale"]["domain"]) for scale in scales} == {(0, 96)}
    assert svg_of(figure.spec()).count(">death at token<") == 1


def test_headings_of_cells_with_long_names_differ(tmp_path: Path) -> None:
    for method in ("mean_diff", "pca"):
        write_cell(tmp_path, f"{'a-model-' * 10}{method}{'_window' * 10}")
    read = spec(draw("deaths", tmp_path, options={}))
    assert headings(read) == ["…mean_diff…", "…pca…"]


def test_the_scale_has_whole_tokens(real_cells: Path) -> None:
    shade = layers(panels(spec(draw("deaths", real_cells)))[0], "rect")[-1]["encoding"]["color"]
    assert shade["legend"]["format"] == ",d"


def test_doses_that_look_alike_have_a_column_each() -> None:
    frame = pl.concat(pl.DataFrame([{"prompt": 0, **trajectory([0.1] * 4, alpha=alpha)}]) for alpha in (1.0, 1.0000001))
    read = spec(draw("deaths", quietly(frame), options={}))
    domains = [layer["encoding"]["x"]["scale"]["domain"] for layer in layers(panels(read)[0], "rect")]
    assert domains and all(domain == ["1.0", "1.0000001"] for domain in domains)


def test_who_was_not_measured_has_an_empty_square_and_a_place_in_the_legend(tmp_path: Path) -> None:
    some = {"0.0": [[1.0, 0.9, 0.9, 0.9]] * 2, "1.0": [[NAN] * 4, [0.9, 0.85, NAN, NAN]]}
    write_cell(tmp_path, pmass={"pmass_eval": some})
    read = spec(draw("deaths", tmp_path, options={}))
    (hollow,) = (layer for layer in layers(panels(read)[0], "rect") if layer["mark"].get("fillOpacity") == 0)
    assert [(row["alpha"], row["prompt"]) for row in rows(read, hollow)] == [(1.0, 0)]
    assert legend(read)[-1] == "not measured"


def test_where_all_were_measured_none_is_called_not_measured(real_cells: Path) -> None:
    assert "not measured" not in legend(spec(draw("deaths", real_cells)))


def test_a_state_that_none_is_in_is_not_in_the_legend(tmp_path: Path) -> None:
    write_cell(tmp_path, pmass={"pmass_eval": {"0.0": [[0.1] * 4] * 2, "1.0": [[0.1] * 4] * 2}})
    assert legend(spec(draw("deaths", tmp_path, options={}))) == ["died (darker: earlier)"]


def test_where_none_died_there_is_no_scale_of_deaths(tmp_path: Path) -> None:
    write_cell(tmp_path, pmass={"pmass_eval": {"0.0": [[0.9] * 4] * 2, "1.0": [[0.9] * 4] * 2}})
    assert "death at token" not in svg_of(draw("deaths", tmp_path, options={}).spec())


def test_labels_of_many_doses_keep_apart() -> None:
    doses = [i / 10 for i in range(25)]
    frame = pl.DataFrame([{"prompt": 0, **trajectory([0.1] * 4, alpha=alpha)} for alpha in doses])
    figure = draw("deaths", quietly(frame), options={}, layout=Layout(columns=2))
    shown = re.findall(r"translate\(([\d.]+),15\)[^>]*opacity=\"1\">\d\.\d<", svg_of(figure.spec()))
    # Three letters of 11 pixels are 16 wide.
    assert len(shown) > 5 and all(float(b) - float(a) >= 16 + 4 for a, b in pairwise(shown))
