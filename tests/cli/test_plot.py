from __future__ import annotations

import json
import re
import struct
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import polars as pl
import pytest

import klsurv as package
from tests.conftest import Klsurv
from tests.ingest.handmade import write_cell

SUFFIXES = (".png", ".svg", ".pdf", ".html", ".json")
OPTIONS = ["--threshold", "0.3", "--roll", "9"]


@pytest.fixture(scope="module")
def saved(real_cells: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two folders with the same figure in every format and its summary; each is one call of the command."""
    folders = [tmp_path_factory.mktemp("saved") for _ in range(2)]
    for folder in folders:
        outputs = [f"--output={folder / f'figure{suffix}'}" for suffix in SUFFIXES]
        command = [sys.executable, "-m", "klsurv", "plot", "spaghetti", str(real_cells), *outputs, *OPTIONS]
        result = subprocess.run(
            [*command, "--summary", str(folder / "summary.md")], capture_output=True, text=True, timeout=120, check=True
        )
        assert result.stdout == ""
        assert result.stderr.splitlines() == [f"saved {folder / f'figure{suffix}'}" for suffix in SUFFIXES]
    return folders


@pytest.mark.parametrize("name", [*(f"figure{suffix}" for suffix in SUFFIXES), "summary.md"])
def test_the_same_input_gives_the_same_bytes(saved: list[Path], name: str) -> None:
    one, other = ((folder / name).read_bytes() for folder in saved)
    if name.endswith(".pdf"):
        # vl-convert writes the objects of a PDF in an order that changes from run to run; what they draw does not.
        drawn = [re.findall(rb"stream\n(.*?)\nendstream", data, flags=re.DOTALL) for data in (one, other)]
        assert len(one) == len(other) and len(drawn[0]) > 1
        assert sorted(drawn[0]) == sorted(drawn[1])
        return
    assert one == other


def test_nothing_else_is_left_in_the_folder(saved: list[Path]) -> None:
    assert {path.name for path in saved[0].iterdir()} == {*(f"figure{suffix}" for suffix in SUFFIXES), "summary.md"}


def test_the_png_is_whole_and_of_the_size_of_the_figure(saved: list[Path]) -> None:
    data = (saved[0] / "figure.png").read_bytes()
    assert data.startswith(b"\x89PNG\r\n\x1a\n") and data.rstrip().endswith(b"IEND\xaeB`\x82")
    width, height = struct.unpack(">II", data[16:24])
    assert width > 800 and height > 400


def test_the_svg_names_each_panel_and_its_counts(saved: list[Path], real_cells: Path) -> None:
    root = ElementTree.fromstring((saved[0] / "figure.svg").read_text())
    assert root.tag.endswith("svg")
    text = " ".join("".join(element.itertext()) for element in root.iter() if element.tag.endswith("text"))
    for row in package.scan(real_cells).summary(threshold=0.3, roll=9).to_dicts():
        assert re.search(rf"\b{row['n_died']}\b", text)
    assert "SmolLM2-135M-Instruct" in text


def test_the_pdf_is_whole(saved: list[Path]) -> None:
    data = (saved[0] / "figure.pdf").read_bytes()
    assert data.startswith(b"%PDF-") and data.rstrip().endswith(b"%%EOF")


def test_the_json_is_vega_lite(saved: list[Path]) -> None:
    spec = json.loads((saved[0] / "figure.json").read_text(), parse_constant=pytest.fail)
    assert "vega-lite" in spec["$schema"]
    assert "vconcat" in spec and spec["datasets"]


def test_the_page_needs_no_network_and_holds_the_same_figure(saved: list[Path]) -> None:
    page = (saved[0] / "figure.html").read_text()
    assert "default-src 'none'" in page
    frame = re.sub(r"<script>.*?</script>", "", page, flags=re.DOTALL)
    assert not re.search(r"\b(src|href)=|https?://(?!vega\.github\.io/schema/)", frame)
    match = re.search(r'<script type="application/json" id="spec">(.*?)</script>', page, flags=re.DOTALL)
    assert match is not None
    assert json.loads(match[1]) == json.loads((saved[0] / "figure.json").read_text())


def test_the_summary_is_the_one_that_summary_prints(klsurv: Klsurv, saved: list[Path], real_cells: Path) -> None:
    want = klsurv("summary", real_cells, *OPTIONS, "--format", "md").stdout
    assert (saved[0] / "summary.md").read_text() == want


def test_the_suffix_may_be_in_capitals(klsurv: Klsurv, real_cells: Path, tmp_path: Path) -> None:
    result = klsurv("plot", "spaghetti", real_cells, "-o", tmp_path / "A.SVG", *OPTIONS)
    assert result.returncode == 0
    assert ElementTree.parse(tmp_path / "A.SVG").getroot().tag.endswith("svg")


def test_every_option_of_the_figure_is_taken(klsurv: Klsurv, real_cells: Path, tmp_path: Path) -> None:
    plain = klsurv("plot", "spaghetti", real_cells, "-o", tmp_path / "plain.json", *OPTIONS)
    options = [
        "--kl-log",
        "--line-lw",
        "3",
        "--line-alpha",
        "0.9",
        "--columns",
        "2",
        "--no-normalize-kl",
        "--scale",
        "1",
    ]
    styled = klsurv("plot", "spaghetti", real_cells, "-o", tmp_path / "styled.json", *OPTIONS, *options)
    assert (plain.returncode, styled.returncode) == (0, 0)
    one, other = ((tmp_path / name).read_text() for name in ("plain.json", "styled.json"))
    assert '"symlog"' in other and '"symlog"' not in one
    assert '"columns": 2' in other and '"columns": 2' not in one
    assert '"strokeOpacity": 0.9' in other


def test_scale_is_the_pixels_of_a_png(klsurv: Klsurv, real_cells: Path, tmp_path: Path) -> None:
    widths = []
    for scale in ("0.5", "1"):
        path = tmp_path / f"{scale}.png"
        assert klsurv("plot", "spaghetti", real_cells, "-o", path, "--alphas", "1", "--scale", scale).returncode == 0
        widths.append(struct.unpack(">I", path.read_bytes()[16:20])[0])
    assert abs(widths[1] - 2 * widths[0]) <= 2


def test_an_alpha_that_no_cell_has_keeps_an_empty_panel_with_a_warning(
    klsurv: Klsurv, real_cells: Path, tmp_path: Path
) -> None:
    path = tmp_path / "figure.svg"
    result = klsurv("plot", "spaghetti", real_cells, "-o", path, "--alphas", "1,7.5", *OPTIONS)
    assert result.returncode == 0
    assert "warning: no cell has alpha 7.5; there is 0.0, 0.25, 0.5, 1.0, 1.5, 2.0, 4.0" in result.stderr.splitlines()
    assert "7.5" in path.read_text()


def test_a_name_that_ends_a_script_does_not_run_in_the_page(klsurv: Klsurv, tmp_path: Path) -> None:
    evil = "</script><script>alert(1)</script>"
    frame = pl.DataFrame(
        {
            "cell": [evil, "[/x]\x1b[31m"],
            "model": [evil, "[red]"],
            "alpha": [1.0, 1.0],
            "prompt": [0, 0],
            "kl": [[0.1, 0.2, 0.3], [0.2, 0.3, 0.1]],
            "fork": [[0, 2], [0, 2]],
            "pmass": [[0.9, 0.7], [0.9, 0.9]],
        }
    )
    frame.write_parquet(tmp_path / "evil.parquet")
    outputs = [f"-o{tmp_path / f'evil{suffix}'}" for suffix in (".html", ".svg", ".json")]
    result = klsurv("plot", "spaghetti", tmp_path / "evil.parquet", *outputs, "--roll", "1")
    assert result.returncode == 0, result.stderr[-300:]
    page = (tmp_path / "evil.html").read_text()
    assert evil not in page and "<script>alert" not in page
    assert page.count("<script") == 2
    assert evil in json.dumps(json.loads((tmp_path / "evil.json").read_text()))
    root = ElementTree.parse(tmp_path / "evil.svg").getroot()
    assert not [element for element in root.iter() if element.tag.endswith("script")]


@pytest.mark.parametrize(
    "cell",
    [
        {"pmass": {"gen_lens_eval": {"0.0": [0, 0], "1.0": [0, 0]}}},
        {"trajectory": {"per_prompt_per_t_kl": {"1.0": [[1e300] * 8, [1e-300] * 8]}}},
        {"pmass": {"fork_points": [], "pmass_eval": {"1.0": [[], []]}}},
        {"trajectory": {"per_prompt_per_t_kl": {"1.0": [[float("nan")] * 8] * 2}}},
        {"trajectory": {"per_prompt_per_t_kl": {"1.0": []}}, "pmass": {"pmass_eval": {"1.0": []}}},
    ],
    ids=["no token", "extreme KL", "no forks", "no finite KL", "no prompt"],
)
def test_runs_with_little_to_show_are_drawn_all_the_same(
    klsurv: Klsurv, tmp_path: Path, cell: dict[str, dict[str, object]]
) -> None:
    write_cell(tmp_path / "runs", "a", **cell)
    result = klsurv("plot", "spaghetti", tmp_path / "runs", "-o", tmp_path / "a.svg", "-o", tmp_path / "a.json")
    assert result.returncode == 0, result.stderr[-300:]
    assert "Error" not in result.stderr
    json.loads((tmp_path / "a.json").read_text(), parse_constant=pytest.fail)
    assert ElementTree.parse(tmp_path / "a.svg").getroot().tag.endswith("svg")


@pytest.mark.parametrize("chart", ["deaths", "spaghetti", "quantiles"])
def test_failed_measurements_are_told_of_where_lines_and_squares_have_the_colour_of_life(
    klsurv: Klsurv, tmp_path: Path, chart: str
) -> None:
    nan = float("nan")
    write_cell(tmp_path, pmass={"pmass_eval": {"0.0": [[nan] * 4] * 2, "1.0": [[0.9] * 4, [0.9, nan, nan, nan]]}})
    result = klsurv("plot", chart, tmp_path, "-o", tmp_path / "figure.json")
    want = "warning: trajectories have failed measurements of pmass in alpha=0.0 (2), alpha=1.0 (1)"
    assert want in result.stderr.splitlines()
