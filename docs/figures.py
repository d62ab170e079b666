"""Draw the figures of the docs, from the two real cells that ship with klsurv. In: a folder. Out: one png per chart.

Run in the root of the repository: `python docs/figures.py [FOLDER]`.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from klsurv.cli import cli
from klsurv.data import unpack

# Each chart with the options that show it best on cells of a small model: 8 prompts, window 96, pmass near 0.5.
CHARTS = {
    "spaghetti": [],
    "survival": ["--by", "method,alpha", "--log-time"],
    "quantiles": [],
    "pmass": ["--log-time"],
    "incidence": ["--log-time"],
    "dose": ["--by", "method"],
    "threshold": ["--by", "method", "--alphas", "1"],
    "precursor": [],
    "calibration": [],
    "deaths": [],
    "compare": ["--at-alpha", "1"],
}
SCORING = ["--threshold", "0.3", "--roll", "9"]


def main() -> None:
    """Draw every chart into the folder named, `docs` if none is."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "docs")
    with tempfile.TemporaryDirectory() as root:
        unpack(Path(root))
        for chart in CHARTS:
            draw(chart, Path(root), folder / f"{chart}.png")


def draw(chart: str, root: Path, picture: Path) -> None:
    """Draw a chart of a run root, as the command line does."""
    cli(["plot", chart, str(root), "-o", str(picture), *SCORING, *CHARTS[chart]], standalone_mode=False)


if __name__ == "__main__":
    main()
